package github

import (
	"regexp"
	"slices"
	"strings"

	"opsbot/bot"
)

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9._-]{0,99}$`)
	topicForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// CheckName implements bot.NameRules. GitHub itself would change other characters
// to dashes without a word, and make a repository of another name.
func (f *Forge) CheckName(name string) error {
	low := strings.ToLower(name)
	switch {
	case !nameForm.MatchString(name), name == ".", name == "..":
		return bot.Errorf(bot.CodeInvalid, "%q cannot be a repository's name on GitHub: it has at most 100 letters, digits, dashes, underscores and dots, no dash first.",
			bot.Escape(bot.Shorten(name, 50)))
	case strings.HasSuffix(low, ".git"), strings.HasSuffix(low, ".wiki"), strings.HasSuffix(low, ".atom"):
		return bot.Errorf(bot.CodeInvalid, "%q cannot be a repository's name on GitHub: it keeps that ending for itself.", bot.Escape(name))
	}
	return nil
}

// checkOwner refuses owners that the configuration doesn't list.
func (f *Forge) checkOwner(owner string) error {
	listed := len(f.env.Owners) == 0 || slices.ContainsFunc(f.env.Owners, func(o string) bool { return strings.EqualFold(o, owner) })
	if !listed || !ownerForm.MatchString(owner) {
		return bot.Errorf(bot.CodeInvalid, "The owner %q is not one of those in the configuration of %s.", bot.Escape(bot.Shorten(owner, 40)), f.env.Name)
	}
	return nil
}

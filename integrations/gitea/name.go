package gitea

import (
	"regexp"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9._-]{0,99}$`)
	topicForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,34}$`)
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// CheckName implements bot.NameRules.
func (f *Forge) CheckName(name string) error {
	if !nameForm.MatchString(name) || name == "." || name == ".." {
		return bot.Errorf(bot.CodeInvalid, "%q cannot be a repository's name on Gitea: it has at most 100 letters, digits, dashes, underscores and dots, no dash first.",
			bot.Escape(bot.Shorten(name, 50)))
	}
	for _, ending := range []string{".git", ".wiki", ".rss", ".atom"} {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			return bot.Errorf(bot.CodeInvalid, "%q cannot be a repository's name on Gitea: it keeps that ending for itself.", bot.Escape(name))
		}
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

func (f *Forge) checkSpec(spec bot.RepoSpec) error {
	if err := f.checkOwner(spec.Owner); err != nil {
		return err
	}
	if err := f.CheckName(spec.Name); err != nil {
		return err
	}
	if len(spec.DefaultBranch) > 100 {
		return bot.Errorf(bot.CodeInvalid, "Gitea takes no default branch with a name of more than 100 bytes.")
	}
	if spec.DefaultBranch == "" {
		return nil // whoever only looks does not know it
	}
	return gitpush.CheckBranch(spec.DefaultBranch)
}

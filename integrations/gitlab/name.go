package gitlab

import (
	"regexp"
	"slices"
	"strings"

	"opsbot/bot"
)

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_](?:[._-]?[A-Za-z0-9])*$`)
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// reserved are project names that GitLab's own paths use.
const reserved = " badges blame blob builds commits create create_dir edit files find_file new preview raw refs tree update wikis "

// CheckName implements bot.NameRules.
func (f *Forge) CheckName(name string) error {
	low := strings.ToLower(name)
	switch {
	case len(name) > 255, !nameForm.MatchString(name):
		return bot.Errorf(bot.CodeInvalid, "%q cannot be a project's name on GitLab: it has letters and digits, with single dashes, underscores and dots in between.",
			bot.Escape(bot.Shorten(name, 50)))
	case strings.HasSuffix(low, ".git"), strings.HasSuffix(low, ".atom"), strings.Contains(reserved, " "+low+" "),
		strings.Contains(low, "-deletion_scheduled-"):
		return bot.Errorf(bot.CodeInvalid, "%q cannot be a project's name on GitLab, which keeps it for itself.", bot.Escape(name))
	}
	return nil
}

// checkOwner refuses owners that the configuration doesn't list.
func (f *Forge) checkOwner(owner string) error {
	listed := len(f.env.Owners) == 0 || slices.ContainsFunc(f.env.Owners, func(o string) bool { return strings.EqualFold(o, owner) })
	if !listed || len(owner) > 1000 || !ownerForm.MatchString(owner) {
		return bot.Errorf(bot.CodeInvalid, "The owner %q is not one of those in the configuration of %s.", bot.Escape(bot.Shorten(owner, 100)), f.env.Name)
	}
	return nil
}

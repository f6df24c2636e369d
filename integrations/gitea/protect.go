package gitea

import (
	"context"
	"slices"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// EnsureProtection implements bot.Protector. A branch that has a rule already, by
// whomever, keeps it and gets our checks added. Whoever may write may still push:
// Gitea asks for the checks when a pull request is merged.
func (f *Forge) EnsureProtection(ctx context.Context, spec bot.ProtectionSpec) error {
	if !f.cfg.Protection.Enabled {
		return nil
	}
	r, err := f.resolve(ctx, spec.Repository)
	if err != nil {
		return err
	}
	if _, err := f.head(ctx, r, spec.Branch); err != nil {
		return err
	}
	checks := f.checks(spec)
	have, resp, err := f.api(ctx).GetBranchProtection(owner(r), r.Name, spec.Branch)
	err = f.explain(ctx, resp, err, "show the protection of "+spec.Branch+" of "+full(r))
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		_, resp, err = f.api(ctx).CreateBranchProtection(owner(r), r.Name, sdk.CreateBranchProtectionOption{
			RuleName: spec.Branch, BranchName: spec.Branch, EnablePush: true, EnableStatusCheck: len(checks) > 0, StatusCheckContexts: checks,
		})
		if err != nil && strings.Contains(err.Error(), "already exist") { // two at once; the next try finds it
			return bot.Errorf(bot.CodeUnavailable, "%s got a rule for its branch %s at this very moment.", bot.Escape(full(r)), bot.Escape(spec.Branch)).
				Because(f.mask.Error(err)).Backoff()
		}
		return f.explain(ctx, resp, err, "protect the branch "+spec.Branch+" of "+full(r))
	case err != nil:
		return err
	}
	lacks := func(c string) bool { return !slices.Contains(have.StatusCheckContexts, c) }
	if len(checks) == 0 || have.EnableStatusCheck && !slices.ContainsFunc(checks, lacks) {
		return nil
	}
	all := slices.Clone(have.StatusCheckContexts)
	for _, c := range checks {
		if lacks(c) {
			all = append(all, c)
		}
	}
	yes := true
	_, resp, err = f.api(ctx).EditBranchProtection(owner(r), r.Name, spec.Branch, sdk.EditBranchProtectionOption{EnableStatusCheck: &yes, StatusCheckContexts: all})
	return f.explain(ctx, resp, err, "protect the branch "+spec.Branch+" of "+full(r))
}

// checks are those that a commit needs: the configured one, in place of ours.
func (f *Forge) checks(spec bot.ProtectionSpec) []string {
	if f.cfg.Protection.Check != "" {
		return []string{f.cfg.Protection.Check}
	}
	return slices.Clone(spec.Checks)
}

// head is the newest commit of a branch. CodeNotFound if there is no such branch.
func (f *Forge) head(ctx context.Context, r *sdk.Repository, branch string) (string, error) {
	b, resp, err := f.api(ctx).GetRepoBranch(owner(r), r.Name, branch)
	err = f.explain(ctx, resp, err, "show the branch "+branch+" of "+full(r))
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return "", bot.Errorf(bot.CodeNotFound, "%s has no branch %s.", bot.Escape(full(r)), bot.Escape(branch)).Because(err)
	case err != nil:
		return "", err
	case b.Commit == nil || !hashForm.MatchString(b.Commit.ID):
		return "", odd("a branch")
	}
	return b.Commit.ID, nil
}

// RemoveProtection implements bot.Protector. Absent is success.
func (f *Forge) RemoveProtection(ctx context.Context, spec bot.ProtectionSpec) error {
	r, err := f.resolve(ctx, spec.Repository)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	resp, err := f.api(ctx).DeleteBranchProtection(owner(r), r.Name, spec.Branch)
	err = f.explain(ctx, resp, err, "take the protection off "+spec.Branch+" of "+full(r))
	if bot.CodeOf(err) == bot.CodeNotFound {
		_, resp, again := f.api(ctx).GetBranchProtection(owner(r), r.Name, spec.Branch)
		if bot.CodeOf(f.explain(ctx, resp, again, "show the protection of "+spec.Branch+" of "+full(r))) == bot.CodeNotFound {
			return nil
		}
	}
	return err
}

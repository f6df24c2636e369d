package github

import (
	"context"
	"errors"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// EnsureProtection implements bot.Protector. A branch that is protected already, by
// whomever, keeps its protection if it wants our checks; otherwise it is set anew.
func (f *Forge) EnsureProtection(ctx context.Context, spec bot.ProtectionSpec) error {
	if !f.cfg.Protection.Enabled {
		return nil
	}
	r, err := f.resolve(ctx, spec.Repository)
	if err != nil {
		return err
	}
	owner, name := r.GetOwner().GetLogin(), r.GetName()
	checks := f.checks(spec)
	have, _, err := f.api().Repositories.GetBranchProtection(ctx, owner, name, spec.Branch)
	switch {
	case err == nil && wants(have, checks):
		return nil
	case err == nil:
		checks = union(have, checks)
	case unprotected(err):
	default:
		return f.branchError(ctx, err, "show the protection of "+spec.Branch+" of "+full(r), spec)
	}
	want := &gh.ProtectionRequest{AllowForcePushes: gh.Bool(false), AllowDeletions: gh.Bool(false)}
	if len(checks) > 0 {
		want.RequiredStatusChecks = &gh.RequiredStatusChecks{Contexts: &checks}
	}
	if have != nil {
		keep(want, have)
	}
	_, _, err = f.api().Repositories.UpdateBranchProtection(ctx, owner, name, spec.Branch, want)
	return f.branchError(ctx, err, "protect the branch "+spec.Branch+" of "+full(r), spec)
}

// checks are those that a commit needs: the configured one, in place of ours.
func (f *Forge) checks(spec bot.ProtectionSpec) []string {
	if f.cfg.Protection.Check != "" {
		return []string{f.cfg.Protection.Check}
	}
	return slices.Clone(spec.Checks)
}

// unprotected: the branch is there, without protection.
func unprotected(err error) bool {
	return errors.Is(err, gh.ErrBranchNotProtected) || strings.Contains(err.Error(), "Branch not protected")
}

func required(p *gh.Protection) []string {
	if p == nil || p.RequiredStatusChecks == nil || p.RequiredStatusChecks.Contexts == nil {
		return nil
	}
	return *p.RequiredStatusChecks.Contexts
}

func wants(p *gh.Protection, checks []string) bool {
	have := required(p)
	return !slices.ContainsFunc(checks, func(c string) bool { return !slices.Contains(have, c) })
}

func union(p *gh.Protection, checks []string) []string {
	out := slices.Clone(required(p))
	for _, c := range checks {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// keep carries over what people set: GitHub replaces the whole.
func keep(want *gh.ProtectionRequest, have *gh.Protection) {
	if have.RequiredStatusChecks != nil && want.RequiredStatusChecks != nil {
		want.RequiredStatusChecks.Strict = have.RequiredStatusChecks.Strict
	}
	if have.EnforceAdmins != nil {
		want.EnforceAdmins = have.EnforceAdmins.Enabled
	}
	if have.RequireLinearHistory != nil {
		want.RequireLinearHistory = &have.RequireLinearHistory.Enabled
	}
	if p := have.RequiredPullRequestReviews; p != nil {
		want.RequiredPullRequestReviews = &gh.PullRequestReviewsEnforcementRequest{
			DismissStaleReviews: p.DismissStaleReviews, RequireCodeOwnerReviews: p.RequireCodeOwnerReviews,
			RequiredApprovingReviewCount: p.RequiredApprovingReviewCount,
		}
	}
	if p := have.Restrictions; p != nil {
		want.Restrictions = &gh.BranchRestrictionsRequest{Users: []string{}, Teams: []string{}, Apps: []string{}}
		for _, u := range p.Users {
			want.Restrictions.Users = append(want.Restrictions.Users, u.GetLogin())
		}
		for _, t := range p.Teams {
			want.Restrictions.Teams = append(want.Restrictions.Teams, t.GetSlug())
		}
		for _, a := range p.Apps {
			want.Restrictions.Apps = append(want.Restrictions.Apps, a.GetSlug())
		}
	}
}

func (f *Forge) branchError(ctx context.Context, err error, doing string, spec bot.ProtectionSpec) error {
	if err == nil {
		return nil
	}
	missing := strings.Contains(err.Error(), "Branch not found")
	err = f.explain(ctx, err, doing)
	if missing && bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Errorf(bot.CodeNotFound, "%s/%s has no branch %s to protect.", spec.Repository.Owner, spec.Repository.Name, bot.Escape(spec.Branch)).Because(err)
	}
	return err
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
	_, err = f.api().Repositories.RemoveBranchProtection(ctx, r.GetOwner().GetLogin(), r.GetName(), spec.Branch)
	if err != nil && (unprotected(err) || strings.Contains(err.Error(), "Branch not found")) {
		return nil
	}
	return f.explain(ctx, err, "take the protection off "+spec.Branch+" of "+full(r))
}

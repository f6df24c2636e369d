package gitlab

import (
	"context"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// EnsureProtection implements bot.Protector. GitLab protects the default branch by
// itself at the first push; what a protected branch allows to whom is people's to
// set, only forced pushes are taken away. A branch that was not protected can be
// pushed to by developers afterwards, as before.
//
// GitLab's free tier cannot require a status of its own name. With checks, merge
// requests of the whole project need a pipeline that succeeds; statuses of others,
// such as ours, are part of it. A direct push is not held up.
func (f *Forge) EnsureProtection(ctx context.Context, spec bot.ProtectionSpec) error {
	if !f.cfg.Protection.Enabled {
		return nil
	}
	p, err := f.resolve(ctx, spec.Repository)
	if err != nil {
		return err
	}
	b, err := f.branch(ctx, p, spec.Branch)
	if err != nil {
		return err
	}
	if err := f.guard(ctx, p, b); err != nil {
		return err
	}
	if !f.wantsChecks(spec) || p.OnlyAllowMergeIfPipelineSucceeds {
		return nil
	}
	return f.requirePipelines(ctx, p, true)
}

func (f *Forge) wantsChecks(spec bot.ProtectionSpec) bool {
	return len(spec.Checks) > 0 || f.cfg.Protection.Check != ""
}

// branch reads a branch; CodeNotFound if there is none.
func (f *Forge) branch(ctx context.Context, p *gl.Project, name string) (*gl.Branch, error) {
	b, _, err := f.api.Branches.GetBranch(p.ID, name, gl.WithContext(ctx))
	err = f.explain(ctx, err, "show the branch "+name+" of "+full(p))
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil, bot.Errorf(bot.CodeNotFound, "%s has no branch %s.", full(p), bot.Escape(bot.Shorten(name, 100))).Because(err)
	case err != nil:
		return nil, err
	case b.Commit == nil || !hashForm.MatchString(b.Commit.ID):
		return nil, f.odd("a branch")
	}
	return b, nil
}

// guard protects a branch. One that a wildcard or its group protects is left alone:
// of several rules GitLab goes by the most permissive.
func (f *Forge) guard(ctx context.Context, p *gl.Project, b *gl.Branch) error {
	name := b.Name
	have, _, err := f.api.ProtectedBranches.GetProtectedBranch(p.ID, name, gl.WithContext(ctx))
	err = f.explain(ctx, err, "show the protection of "+name+" of "+full(p))
	switch {
	case err == nil && !have.AllowForcePush:
		return nil
	case err == nil:
		_, _, err = f.api.ProtectedBranches.UpdateProtectedBranch(p.ID, name,
			&gl.UpdateProtectedBranchOptions{AllowForcePush: gl.Ptr(false)}, gl.WithContext(ctx))
	case bot.CodeOf(err) == bot.CodeNotFound && b.Protected:
		return nil
	case bot.CodeOf(err) == bot.CodeNotFound:
		developers := gl.DeveloperPermissions
		_, _, err = f.api.ProtectedBranches.ProtectRepositoryBranches(p.ID, &gl.ProtectRepositoryBranchesOptions{
			Name: &name, PushAccessLevel: &developers, MergeAccessLevel: &developers, AllowForcePush: gl.Ptr(false),
		}, gl.WithContext(ctx))
	}
	return f.explain(ctx, err, "protect the branch "+name+" of "+full(p))
}

func (f *Forge) requirePipelines(ctx context.Context, p *gl.Project, require bool) error {
	_, _, err := f.api.Projects.EditProject(p.ID, &gl.EditProjectOptions{OnlyAllowMergeIfPipelineSucceeds: &require}, gl.WithContext(ctx))
	return f.explain(ctx, err, "change which merge requests "+full(p)+" takes")
}

// RemoveProtection implements bot.Protector. Absent is success.
func (f *Forge) RemoveProtection(ctx context.Context, spec bot.ProtectionSpec) error {
	p, err := f.resolve(ctx, spec.Repository)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.api.ProtectedBranches.UnprotectRepositoryBranches(p.ID, spec.Branch, gl.WithContext(ctx))
	err = f.explain(ctx, err, "take the protection off "+spec.Branch+" of "+full(p))
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	if !f.wantsChecks(spec) || !p.OnlyAllowMergeIfPipelineSucceeds {
		return nil
	}
	return f.requirePipelines(ctx, p, false)
}

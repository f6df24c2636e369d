package github

import (
	"context"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// RemoveRepository implements bot.RepoHost. Its caller has the typed confirmation;
// see RetireRepository for taking back without one.
func (f *Forge) RemoveRepository(ctx context.Context, repo bot.Repository) error {
	r, err := f.resolve(ctx, repo)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return f.remove(ctx, r)
}

func (f *Forge) remove(ctx context.Context, r *gh.Repository) error {
	_, err := f.api().Repositories.Delete(ctx, r.GetOwner().GetLogin(), r.GetName())
	err = f.explain(ctx, err, "delete the repository "+full(r))
	if bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	// Somebody was faster, or GitHub hides that we may not.
	_, there := f.resolve(ctx, toRepository(r))
	switch {
	case there == nil:
		return bot.Errorf(bot.CodeForbidden, "GitHub does not let OpsBot's account delete the repository %s.", full(r)).Because(err)
	case bot.CodeOf(there) == bot.CodeNotFound:
		return nil
	}
	return there
}

// ArchiveRepository implements bot.Archiver. Archived is success.
func (f *Forge) ArchiveRepository(ctx context.Context, repo bot.Repository) error {
	r, err := f.resolve(ctx, repo)
	if err != nil || r.GetArchived() {
		return err
	}
	return f.archive(ctx, r)
}

func (f *Forge) archive(ctx context.Context, r *gh.Repository) error {
	_, _, err := f.api().Repositories.Edit(ctx, r.GetOwner().GetLogin(), r.GetName(), &gh.Repository{Archived: gh.Bool(true)})
	return f.explain(ctx, err, "archive the repository "+full(r))
}

// RetireRepository implements bot.Retirer.
func (f *Forge) RetireRepository(ctx context.Context, repo bot.Repository, operation string) (archived bool, err error) {
	r, err := f.resolve(ctx, repo)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ours, err := f.ours(ctx, r, operation)
	switch {
	case err != nil:
		return false, err
	case !ours:
		return false, bot.Errorf(bot.CodeConflict, "The repository %s is not the one that this operation made; it is left alone.", r.GetHTMLURL())
	}
	only, err := f.onlyOurs(ctx, r, operation)
	switch {
	case err != nil:
		return false, err
	case only:
		return false, f.remove(ctx, r)
	case r.GetArchived():
		return true, nil
	}
	return true, f.archive(ctx, r)
}

// onlyOurs tells whether every branch ends at the operation's first commit.
func (f *Forge) onlyOurs(ctx context.Context, r *gh.Repository, operation string) (bool, error) {
	heads, err := f.Branches(ctx, toRepository(r))
	if err != nil {
		return false, err
	}
	for _, head := range heads {
		list, err := f.Commits(ctx, toRepository(r), "", head, 2)
		if err != nil {
			return false, err
		}
		if len(list) != 1 || list[0].Operation != operation {
			return false, nil
		}
	}
	return true, nil
}

// CloneSource implements bot.RepoHost.
func (f *Forge) CloneSource(ctx context.Context, repo bot.Repository) (bot.CloneSource, error) {
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return bot.CloneSource{}, err
	}
	return bot.CloneSource{URL: r.GetCloneURL(), Credentials: f.cfg.Credentials}, nil
}

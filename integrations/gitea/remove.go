package gitea

import (
	"context"

	sdk "code.gitea.io/sdk/gitea"

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

func (f *Forge) remove(ctx context.Context, r *sdk.Repository) error {
	resp, err := f.api(ctx).DeleteRepo(owner(r), r.Name)
	err = f.explain(ctx, resp, err, "delete the repository "+full(r))
	if bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	// Somebody was faster, or a proxy does not let it through.
	_, there := f.resolve(ctx, toRepository(r))
	switch {
	case there == nil:
		return bot.Errorf(bot.CodeForbidden, "Gitea does not let OpsBot's account delete the repository %s.", bot.Escape(full(r))).Because(err)
	case bot.CodeOf(there) == bot.CodeNotFound:
		return nil
	}
	return there
}

// ArchiveRepository implements bot.Archiver. Archived is success.
func (f *Forge) ArchiveRepository(ctx context.Context, repo bot.Repository) error {
	r, err := f.resolve(ctx, repo)
	if err != nil || r.Archived {
		return err
	}
	return f.archive(ctx, r)
}

func (f *Forge) archive(ctx context.Context, r *sdk.Repository) error {
	yes := true
	_, resp, err := f.api(ctx).EditRepo(owner(r), r.Name, sdk.EditRepoOption{Archived: &yes})
	return f.explain(ctx, resp, err, "archive the repository "+full(r))
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
		return false, bot.Errorf(bot.CodeConflict, "The repository %s is not the one that this operation made; it is left alone.", r.HTMLURL)
	}
	only, err := f.onlyOurs(ctx, r, operation)
	switch {
	case err != nil:
		return false, err
	case only:
		return false, f.remove(ctx, r)
	case r.Archived:
		return true, nil
	}
	return true, f.archive(ctx, r)
}

// onlyOurs tells whether every branch ends at the operation's first commit, and
// nobody has written an issue, a pull request or a release.
func (f *Forge) onlyOurs(ctx context.Context, r *sdk.Repository, operation string) (bool, error) {
	if r.OpenIssues > 0 || r.OpenPulls > 0 || r.Releases > 0 {
		return false, nil
	}
	heads, err := f.branches(ctx, r)
	if err != nil {
		return false, err
	}
	for _, head := range heads {
		list, err := f.log(ctx, r, "", head, 2)
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
	return bot.CloneSource{URL: r.CloneURL, Credentials: f.cfg.Credentials}, nil
}

package gitlab

import (
	"context"
	"strconv"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// RemoveRepository implements bot.RepoHost. Its caller has the typed confirmation;
// see RetireRepository for taking back without one.
//
// GitLab deletes in two steps: the project is marked, and deleted for good after some
// days (thirty on gitlab.com), or at once if the server allows that. A marked project
// can be restored by its owners only; newer servers give it another name, so that its
// own is free. Where the name stays taken, that is an error.
func (f *Forge) RemoveRepository(ctx context.Context, repo bot.Repository) error {
	p, err := f.raw(ctx, repo)
	switch {
	case err != nil || p == nil:
		return err
	case condemned(p): // an earlier try of ours, or a person
		return f.finish(ctx, repo, p)
	}
	return f.remove(ctx, p)
}

// raw gives the project even if it will be deleted, nil if it is gone.
func (f *Forge) raw(ctx context.Context, repo bot.Repository) (*gl.Project, error) {
	id, err := strconv.ParseInt(repo.ExternalID, 10, 64)
	if err != nil || id <= 0 {
		return nil, nil //nolint:nilerr // no such id, no such project
	}
	p, err := f.get(ctx, id)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, nil
	}
	return p, err
}

func (f *Forge) remove(ctx context.Context, p *gl.Project) error {
	_, err := f.api.Projects.DeleteProject(p.ID, nil, gl.WithContext(ctx))
	if err = f.explain(ctx, err, "delete the project "+full(p)); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	now, why := f.get(ctx, p.ID)
	switch {
	case bot.CodeOf(why) == bot.CodeNotFound:
		return nil
	case why != nil:
		return why
	case err != nil:
		return bot.Errorf(bot.CodeForbidden, "GitLab does not let OpsBot's account delete the project %s: it must be an owner.", full(p)).Because(err)
	case !condemned(now):
		return bot.Errorf(bot.CodeUnavailable, "GitLab has taken the order to delete %s and still has it.", full(p)).Backoff()
	}
	return f.finish(ctx, toRepository(p), now)
}

// finish asks to delete a marked project at once, which many servers refuse.
func (f *Forge) finish(ctx context.Context, repo bot.Repository, now *gl.Project) error {
	path := full(now)
	_, err := f.api.Projects.DeleteProject(now.ID, &gl.DeleteProjectOptions{FullPath: &path, PermanentlyRemove: gl.Ptr(true)}, gl.WithContext(ctx))
	err = f.explain(ctx, err, "delete the project "+path+" at once")
	if retry, _ := bot.RetryOf(err); err != nil && retry != bot.RetryNever {
		return err
	}
	switch {
	case err == nil || bot.CodeOf(err) == bot.CodeNotFound:
		return nil
	case !sameName(repo, now):
		f.env.Log.Info("GitLab keeps a deleted project for some days, under another name", "project", repo.Name, "as", path, "until", now.MarkedForDeletionOn.String())
		return nil
	}
	return kept(now).Because(err)
}

func sameName(repo bot.Repository, p *gl.Project) bool {
	return strings.EqualFold(full(p), repo.Owner+"/"+repo.Name)
}

// kept says until when a deleted project keeps its name.
func kept(p *gl.Project) *bot.Error {
	return bot.Errorf(bot.CodeConflict, "GitLab will delete %s on %s and not before; until then the name is not free. An administrator can delete it at once: %s",
		full(p), p.MarkedForDeletionOn, p.WebURL)
}

// ArchiveRepository implements bot.Archiver. Archived is success.
func (f *Forge) ArchiveRepository(ctx context.Context, repo bot.Repository) error {
	p, err := f.resolve(ctx, repo)
	if err != nil || p.Archived {
		return err
	}
	return f.archive(ctx, p)
}

func (f *Forge) archive(ctx context.Context, p *gl.Project) error {
	_, _, err := f.api.Projects.ArchiveProject(p.ID, gl.WithContext(ctx))
	return f.explain(ctx, err, "archive the project "+full(p))
}

// RetireRepository implements bot.Retirer.
func (f *Forge) RetireRepository(ctx context.Context, repo bot.Repository, operation string) (archived bool, err error) {
	p, err := f.raw(ctx, repo)
	switch {
	case err != nil || p == nil:
		return false, err
	case condemned(p) && sameName(repo, p):
		return false, kept(p)
	case condemned(p):
		return false, nil
	}
	ours, err := f.ours(ctx, p, operation)
	switch {
	case err != nil:
		return false, err
	case !ours:
		return false, bot.Errorf(bot.CodeConflict, "The project %s is not the one that this operation made; it is left alone.", p.WebURL)
	}
	only, err := f.onlyOurs(ctx, p, operation)
	switch {
	case err != nil:
		return false, err
	case only:
		return false, f.remove(ctx, p)
	case p.Archived:
		return true, nil
	}
	return true, f.archive(ctx, p)
}

// onlyOurs tells whether every branch ends at the operation's first commit, and
// nobody has written an issue.
func (f *Forge) onlyOurs(ctx context.Context, p *gl.Project, operation string) (bool, error) {
	if p.OpenIssuesCount > 0 {
		return false, nil
	}
	repo := toRepository(p)
	heads, err := f.Branches(ctx, repo)
	if err != nil {
		return false, err
	}
	for _, head := range heads {
		list, err := f.Commits(ctx, repo, "", head, 2)
		if err != nil {
			return false, err
		}
		if len(list) != 1 || list[0].Operation != operation {
			return false, nil
		}
	}
	return true, nil
}

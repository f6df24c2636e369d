package gitlab

import (
	"context"
	"strconv"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// FindRepository implements bot.RepoHost.
func (f *Forge) FindRepository(ctx context.Context, spec bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	found, p, err := f.look(ctx, spec)
	if p == nil {
		return found, bot.Repository{}, err
	}
	repo := toRepository(p)
	if found == bot.PresenceOurs {
		repo.DefaultBranch = spec.DefaultBranch // the push makes it so, at the latest
	}
	return found, repo, err
}

// look is FindRepository; the project is nil when there is none.
func (f *Forge) look(ctx context.Context, spec bot.RepoSpec) (bot.Presence, *gl.Project, error) {
	if err := f.checkSpec(spec); err != nil {
		return bot.PresenceUnknown, nil, err
	}
	path := spec.Owner + "/" + spec.Name
	p, err := f.get(ctx, path)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.PresenceAbsent, nil, nil
	}
	if err != nil {
		return bot.PresenceUnknown, nil, err
	}
	moved := !strings.EqualFold(full(p), path)
	switch {
	case condemned(p) && moved:
		return bot.PresenceAbsent, nil, nil // GitLab renames what it will delete: the name is free
	case condemned(p):
		return bot.PresenceForeign, p, nil
	}
	ours, err := f.ours(ctx, p, spec.Operation)
	switch {
	case err != nil:
		return bot.PresenceUnknown, p, err
	case ours:
		return bot.PresenceOurs, p, nil
	case moved:
		return bot.PresenceAbsent, nil, nil // renamed since: the name is free
	}
	return bot.PresenceForeign, p, nil
}

func (f *Forge) checkSpec(spec bot.RepoSpec) error {
	if err := f.checkOwner(spec.Owner); err != nil {
		return err
	}
	return f.CheckName(spec.Name)
}

// condemned tells whether a project will be deleted on a day that is set.
func condemned(p *gl.Project) bool { return p.MarkedForDeletionOn != nil }

// get reads a project by its path, following a rename, or its id.
func (f *Forge) get(ctx context.Context, id any) (*gl.Project, error) {
	name, isPath := id.(string)
	if !isPath {
		name = "project " + strconv.FormatInt(id.(int64), 10)
	}
	p, _, err := f.api.Projects.GetProject(id, &gl.GetProjectOptions{}, gl.WithContext(ctx))
	err = f.explain(ctx, err, "show the project "+name)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil, f.missing(name)
	case err != nil:
		return nil, err
	case p.ID == 0 || p.Path == "" || !strings.HasSuffix(p.PathWithNamespace, "/"+p.Path):
		return nil, f.odd("a project")
	}
	return p, nil
}

// resolve finds the project by its id, wherever it is by now: its name may have gone
// to another one. One that will be deleted counts as gone.
func (f *Forge) resolve(ctx context.Context, repo bot.Repository) (*gl.Project, error) {
	id, err := strconv.ParseInt(repo.ExternalID, 10, 64)
	if err != nil || id <= 0 {
		return nil, f.missing(repo.Owner + "/" + repo.Name)
	}
	p, err := f.get(ctx, id)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound, err == nil && condemned(p):
		return nil, f.missing(repo.Owner + "/" + repo.Name)
	case err != nil:
		return nil, err
	case p.ID != id:
		return nil, f.odd("the project " + repo.Name)
	}
	return p, nil
}

// ours looks for the operation's marker: in the description, or the first commit's
// trailer.
func (f *Forge) ours(ctx context.Context, p *gl.Project, operation string) (bool, error) {
	switch {
	case operation == "":
		return false, nil
	case marked(p.Description, operation):
		return true, nil
	case p.EmptyRepo || p.DefaultBranch == "":
		return false, nil
	}
	list, resp, err := f.api.Commits.ListCommits(p.ID, &gl.ListCommitsOptions{
		ListOptions: gl.ListOptions{PerPage: mostPage}, RefName: &p.DefaultBranch,
	}, gl.WithContext(ctx))
	err = f.explain(ctx, err, "show the commits of "+full(p))
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound: // without that branch
		return false, nil
	case err != nil:
		return false, err
	case len(list) == 0, resp.NextPage != 0: // a history that long is nobody's fresh project
		return false, nil
	}
	return toCommit(list[len(list)-1]).Operation == operation, nil
}

// EnsureRepository implements bot.RepoHost.
func (f *Forge) EnsureRepository(ctx context.Context, spec bot.RepoSpec) (bot.Repository, error) {
	if repo, done, err := f.there(ctx, spec); done {
		return repo, err
	}
	made, err := f.create(ctx, spec)
	if err == nil {
		repo := toRepository(made)
		repo.DefaultBranch = spec.DefaultBranch
		return repo, nil
	}
	if bot.CodeOf(err) != bot.CodeConflict {
		return bot.Repository{}, err
	}
	// Somebody was faster; it may have been an earlier try of ours.
	if repo, done, again := f.there(ctx, spec); done {
		return repo, again
	}
	return bot.Repository{}, err
}

// there answers what needs no creation: ours is there, or another's, or it cannot be
// told.
func (f *Forge) there(ctx context.Context, spec bot.RepoSpec) (repo bot.Repository, done bool, err error) {
	found, p, err := f.look(ctx, spec)
	switch {
	case err != nil:
		return repo, true, err
	case found == bot.PresenceOurs:
		repo = toRepository(p)
		repo.DefaultBranch = spec.DefaultBranch
		return repo, true, nil
	case found == bot.PresenceForeign:
		return repo, true, f.taken(ctx, p)
	}
	return repo, false, nil
}

// taken says who has the name.
func (f *Forge) taken(ctx context.Context, p *gl.Project) error {
	repo := toRepository(p)
	if condemned(p) {
		return bot.Errorf(bot.CodeConflict, "%s has the project %s, which GitLab will delete on %s; its name is not free before. An owner can delete it at once, or restore it: %s",
			repo.Owner, repo.Name, p.MarkedForDeletionOn, repo.URL)
	}
	by := ""
	if p.CreatorID != 0 {
		if u, _, err := f.api.Users.GetUser(p.CreatorID, gl.GetUsersOptions{}, gl.WithContext(ctx)); err == nil && u.Username != "" {
			by = " (made by " + string(bot.Escape(bot.Shorten(u.Username, 60))) + ")"
		}
	}
	return bot.Errorf(bot.CodeConflict, "%s has the project %s already%s, which OpsBot did not make for this: %s", repo.Owner, repo.Name, by, repo.URL)
}

// create makes the project. CodeConflict if the name is taken.
func (f *Forge) create(ctx context.Context, spec bot.RepoSpec) (*gl.Project, error) {
	space, err := f.namespaceOf(ctx, spec.Owner)
	if err != nil {
		return nil, err
	}
	path := spec.Owner + "/" + spec.Name
	want := &gl.CreateProjectOptions{
		Name: &spec.Name, Path: &spec.Name, NamespaceID: &space.id, Description: gl.Ptr(f.describe(spec)), Visibility: gl.Ptr(f.visibility(spec)),
		AutoDevopsEnabled: gl.Ptr(false), // our pipeline builds, and GitLab's own would report beside it
	}
	if len(f.cfg.Topics) > 0 {
		want.Topics = &f.cfg.Topics
	}
	made, _, err := f.api.Projects.CreateProject(want, gl.WithContext(ctx))
	if strings.Contains(said(err), "has already been taken") && !strings.Contains(said(err), "still being deleted") {
		return nil, bot.Errorf(bot.CodeConflict, "%s has a project %s already, which OpsBot's account cannot see: %s",
			spec.Owner, spec.Name, f.webURL(path)).Because(f.mask.Error(err))
	}
	err = f.explain(ctx, err, "create the project "+path)
	switch code := bot.CodeOf(err); {
	case code == bot.CodeNotFound || code == bot.CodeForbidden && strings.HasPrefix(said(err), "403"):
		return nil, bot.Errorf(bot.CodeForbidden, "GitLab does not let OpsBot's account create projects in %s. An owner can give it the role Maintainer, or allow its role to create projects.", spec.Owner).Because(err)
	case err != nil:
		return nil, err
	case made.ID == 0 || !strings.EqualFold(full(made), path):
		return nil, f.odd("the project " + path)
	}
	return made, nil
}

func (f *Forge) visibility(spec bot.RepoSpec) gl.VisibilityValue {
	switch {
	case spec.Private || f.cfg.Visibility == "private":
		return gl.PrivateVisibility
	case f.cfg.Visibility == "internal":
		return gl.InternalVisibility
	}
	return gl.PublicVisibility
}

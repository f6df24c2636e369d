package github

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// FindRepository implements bot.RepoHost.
func (f *Forge) FindRepository(ctx context.Context, spec bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	if err := f.checkSpec(spec); err != nil {
		return bot.PresenceUnknown, bot.Repository{}, err
	}
	r, err := f.get(ctx, spec.Owner, spec.Name)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.PresenceAbsent, bot.Repository{}, nil
	}
	if err != nil {
		return bot.PresenceUnknown, bot.Repository{}, err
	}
	ours, err := f.ours(ctx, r, spec.Operation)
	out := toRepository(r)
	switch {
	case err != nil:
		return bot.PresenceUnknown, out, err
	case ours:
		out.DefaultBranch = spec.DefaultBranch // the push makes it so, at the latest
		return bot.PresenceOurs, out, nil
	case !strings.EqualFold(full(r), spec.Owner+"/"+spec.Name):
		return bot.PresenceAbsent, bot.Repository{}, nil // renamed since: the name is free
	}
	return bot.PresenceForeign, out, nil
}

func (f *Forge) checkSpec(spec bot.RepoSpec) error {
	if err := f.checkOwner(spec.Owner); err != nil {
		return err
	}
	return f.CheckName(spec.Name)
}

// get reads a repository by name, following a rename.
func (f *Forge) get(ctx context.Context, owner, name string) (*gh.Repository, error) {
	if !ownerForm.MatchString(owner) || f.CheckName(name) != nil {
		return nil, f.missing(owner + "/" + name)
	}
	r, resp, err := f.api().Repositories.Get(ctx, owner, name)
	if err != nil {
		err = f.explain(ctx, err, "show the repository "+owner+"/"+name)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil, f.missing(owner + "/" + name)
		}
		return nil, err
	}
	if r.GetID() == 0 || r.GetOwner().GetLogin() == "" {
		return nil, f.odd(resp, "a repository")
	}
	return r, nil
}

func (f *Forge) missing(what string) error {
	return bot.Errorf(bot.CodeNotFound, "GitHub has no repository %s, or hides it from OpsBot's account.", bot.Escape(bot.Shorten(what, 150)))
}

// odd is an answer that is JSON and not what it should be.
func (f *Forge) odd(resp *gh.Response, what string) error {
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	return bot.Errorf(bot.CodeUnavailable, "%s answered with something that is not %s (%d).", f.DisplayName(), what, status).Backoff()
}

// resolve finds the repository by its id, wherever it is by now: its name may have
// gone to another one.
func (f *Forge) resolve(ctx context.Context, repo bot.Repository) (*gh.Repository, error) {
	id, err := strconv.ParseInt(repo.ExternalID, 10, 64)
	if err != nil || id <= 0 {
		return nil, f.missing(repo.Owner + "/" + repo.Name)
	}
	r, err := f.get(ctx, repo.Owner, repo.Name)
	if err == nil && r.GetID() == id {
		return r, nil
	}
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return nil, err
	}
	r, _, err = f.api().Repositories.GetByID(ctx, id)
	err = f.explain(ctx, err, "show the repository "+repo.Owner+"/"+repo.Name)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, f.missing(repo.Owner + "/" + repo.Name)
	}
	return r, err
}

// ours looks for the operation's marker: the homepage, or the first commit's trailer.
func (f *Forge) ours(ctx context.Context, r *gh.Repository, operation string) (bool, error) {
	if operation == "" {
		return false, nil
	}
	if markOf(r.GetHomepage()) == operation {
		return true, nil
	}
	commits, resp, err := f.api().Repositories.ListCommits(ctx, r.GetOwner().GetLogin(), r.GetName(), &gh.CommitsListOptions{
		SHA: r.GetDefaultBranch(), ListOptions: gh.ListOptions{PerPage: 100},
	})
	if err != nil {
		err = f.explain(ctx, err, "show the commits of "+full(r))
		if code := bot.CodeOf(err); code == bot.CodeConflict || code == bot.CodeNotFound { // empty, or without that branch
			return false, nil
		}
		return false, err
	}
	if len(commits) == 0 || resp.NextPage != 0 {
		return false, nil // a history that long is nobody's fresh project
	}
	return toCommit(commits[len(commits)-1]).Operation == operation, nil
}

// EnsureRepository implements bot.RepoHost.
func (f *Forge) EnsureRepository(ctx context.Context, spec bot.RepoSpec) (bot.Repository, error) {
	found, repo, err := f.FindRepository(ctx, spec)
	switch {
	case err != nil:
		return bot.Repository{}, err
	case found == bot.PresenceOurs:
		return repo, nil
	case found == bot.PresenceForeign:
		return bot.Repository{}, taken(repo)
	}
	made, err := f.create(ctx, spec)
	if err == nil {
		out := toRepository(made)
		out.DefaultBranch = spec.DefaultBranch
		return out, nil
	}
	if bot.CodeOf(err) != bot.CodeConflict {
		return bot.Repository{}, err
	}
	// Somebody was faster; it may have been an earlier try of ours.
	found, repo, again := f.FindRepository(ctx, spec)
	switch {
	case again != nil:
		return bot.Repository{}, again
	case found == bot.PresenceOurs:
		return repo, nil
	case found == bot.PresenceForeign:
		return bot.Repository{}, taken(repo)
	}
	return bot.Repository{}, err
}

func taken(repo bot.Repository) error {
	return bot.Errorf(bot.CodeConflict, "%s has the repository %s already, which OpsBot did not make for this: %s", repo.Owner, repo.Name, repo.URL)
}

// create makes the repository. CodeConflict if the name is taken.
func (f *Forge) create(ctx context.Context, spec bot.RepoSpec) (*gh.Repository, error) {
	org, err := f.organisation(ctx, spec.Owner)
	if err != nil {
		return nil, err
	}
	name := spec.Owner + "/" + spec.Name
	made, resp, err := f.api().Repositories.Create(ctx, org, &gh.Repository{
		Name: &spec.Name, Description: gh.String(bot.Shorten(bot.OneLine(spec.Description), 350)), Homepage: gh.String(f.homepage(spec.Operation)),
		Private: &spec.Private,
	})
	if err != nil {
		if strings.Contains(err.Error(), "name already exists") {
			return nil, bot.Errorf(bot.CodeConflict, "%s has a repository %s already, which OpsBot's account cannot see: %s",
				spec.Owner, spec.Name, f.webURL()+"/"+name).Because(f.mask.Error(err))
		}
		err = f.explain(ctx, err, "create the repository "+name)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil, bot.Errorf(bot.CodeForbidden, "OpsBot's account is not a member of the organisation %s, or may not create repositories there.", spec.Owner).Because(err)
		}
		return nil, err
	}
	if made.GetID() == 0 || !strings.EqualFold(full(made), name) {
		return nil, f.odd(resp, "the repository "+name)
	}
	return made, nil
}

func (f *Forge) webURL() string { return f.base.Scheme + "://" + f.webHost() }

// organisation gives the path's part for an organisation, "" for the token's own
// account.
func (f *Forge) organisation(ctx context.Context, owner string) (string, error) {
	kind, err := f.kindOf(ctx, owner)
	switch {
	case err != nil:
		return "", err
	case kind == "Organization":
		return owner, nil
	case f.cfg.App.ID != 0:
		return "", bot.Errorf(bot.CodeUnsupported, "%s is a person's account, and GitHub lets no App create repositories there. Use a token of %s, or an organisation.", owner, owner)
	}
	me, _, err := f.api().Users.Get(ctx, "")
	if err != nil {
		return "", f.explain(ctx, err, "show whose token OpsBot has")
	}
	if !strings.EqualFold(me.GetLogin(), owner) {
		return "", bot.Errorf(bot.CodeForbidden, "%s is a person's account and OpsBot's token is one of %s: only a token of %s can create repositories there.",
			owner, bot.Escape(me.GetLogin()), owner)
	}
	return "", nil
}

// kindOf tells people and organisations apart; that never changes.
func (f *Forge) kindOf(ctx context.Context, owner string) (string, error) {
	f.mu.Lock()
	kind := f.kinds[strings.ToLower(owner)]
	f.mu.Unlock()
	if kind != "" {
		return kind, nil
	}
	u, resp, err := f.api().Users.Get(ctx, owner)
	if err != nil {
		if resp != nil && resp.Response != nil && resp.StatusCode == http.StatusNotFound {
			return "", bot.Errorf(bot.CodeNotFound, "GitHub knows no organisation or user %s.", owner)
		}
		return "", f.explain(ctx, err, "show the owner "+owner)
	}
	if u.GetType() == "" {
		return "", f.odd(resp, "an account")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[strings.ToLower(owner)] = u.GetType()
	return u.GetType(), nil
}

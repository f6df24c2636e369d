package gitea

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/rest"
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
		out.DefaultBranch = or(spec.DefaultBranch, r.DefaultBranch) // the push makes it so, at the latest
		return bot.PresenceOurs, out, nil
	case !strings.EqualFold(full(r), spec.Owner+"/"+spec.Name):
		return bot.PresenceAbsent, bot.Repository{}, nil // renamed since: the name is free
	}
	return bot.PresenceForeign, out, nil
}

// get reads a repository by name, following a rename.
func (f *Forge) get(ctx context.Context, owner, name string) (*sdk.Repository, error) {
	if !ownerForm.MatchString(owner) || f.CheckName(name) != nil {
		return nil, missing(owner + "/" + name)
	}
	r, resp, err := f.api(ctx).GetRepo(owner, name)
	return f.found(ctx, r, resp, err, owner+"/"+name)
}

// found checks what came for a repository.
func (f *Forge) found(ctx context.Context, r *sdk.Repository, resp *sdk.Response, err error, name string) (*sdk.Repository, error) {
	if err := f.explain(ctx, resp, err, "show the repository "+name); err != nil {
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil, missing(name)
		}
		return nil, err
	}
	if r.ID == 0 || owner(r) == "" || r.Name == "" {
		return nil, odd("a repository")
	}
	return r, nil
}

func missing(what string) error {
	return bot.Errorf(bot.CodeNotFound, "Gitea has no repository %s, or hides it from OpsBot's account.", bot.Escape(bot.Shorten(what, 150)))
}

// resolve finds the repository by its id, wherever it is by now: its name may have
// gone to another one.
func (f *Forge) resolve(ctx context.Context, repo bot.Repository) (*sdk.Repository, error) {
	name := repo.Owner + "/" + repo.Name
	id, err := strconv.ParseInt(repo.ExternalID, 10, 64)
	if err != nil || id <= 0 {
		return nil, missing(name)
	}
	r, err := f.get(ctx, repo.Owner, repo.Name)
	if err == nil && r.ID == id {
		return r, nil
	}
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return nil, err
	}
	r, resp, err := f.api(ctx).GetRepoByID(id)
	return f.found(ctx, r, resp, err, name)
}

// ours looks for the operation's marker: on the repository, or in its first commit.
func (f *Forge) ours(ctx context.Context, r *sdk.Repository, operation string) (bool, error) {
	if operation == "" {
		return false, nil
	}
	if carriesMark(r, operation) {
		return true, nil
	}
	if r.Empty {
		return false, nil
	}
	page, next, err := f.page(ctx, r, span{to: r.DefaultBranch, size: mostPage}, 1)
	if code := bot.CodeOf(err); code == bot.CodeNotFound || code == bot.CodeConflict { // without that branch, or empty
		return false, nil
	}
	if err != nil || len(page) == 0 || next != 0 {
		return false, err // a history that long is nobody's fresh project
	}
	return page[len(page)-1].Operation == operation, nil
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
		out.DefaultBranch = or(spec.DefaultBranch, made.DefaultBranch)
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
func (f *Forge) create(ctx context.Context, spec bot.RepoSpec) (*sdk.Repository, error) {
	kind, err := f.kindOf(ctx, spec.Owner)
	if err != nil {
		return nil, err
	}
	name := spec.Owner + "/" + spec.Name
	want := sdk.CreateRepoOption{
		Name: spec.Name, Description: marked(spec.Description, spec.Operation), Private: spec.Private, DefaultBranch: spec.DefaultBranch,
	}
	var made *sdk.Repository
	var resp *sdk.Response
	if kind == kindOrg {
		made, resp, err = f.api(ctx).CreateOrgRepo(spec.Owner, want)
	} else {
		made, resp, err = f.api(ctx).CreateRepo(want)
	}
	if err := f.explain(ctx, resp, err, "create the repository "+name); err != nil {
		return nil, f.uncreated(err, spec)
	}
	if made.ID == 0 || !strings.EqualFold(full(made), name) {
		return nil, odd("the repository " + name)
	}
	return made, nil
}

// uncreated says more about a creation that was refused.
func (f *Forge) uncreated(err error, spec bot.RepoSpec) error {
	switch {
	case rest.StatusOf(err) == http.StatusConflict && !strings.Contains(bot.MessageOf(err), "on the server"):
		return bot.Errorf(bot.CodeConflict, "%s has a repository %s already, which OpsBot's account cannot see: %s",
			spec.Owner, spec.Name, f.cfg.URL+"/"+spec.Owner+"/"+spec.Name).Because(err)
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.Errorf(bot.CodeForbidden, "OpsBot's account is not a member of the organisation %s.", spec.Owner).Because(err)
	}
	return err
}

// The kinds of owner: an organisation, or the token's own account.
const (
	kindOrg = "org"
	kindMe  = "me"
)

// kindOf tells organisations from the token's own account; that never changes.
func (f *Forge) kindOf(ctx context.Context, owner string) (string, error) {
	key := strings.ToLower(owner)
	f.mu.Lock()
	kind := f.kinds[key]
	f.mu.Unlock()
	if kind != "" {
		return kind, nil
	}
	kind, err := f.askKind(ctx, owner)
	if err == nil {
		f.mu.Lock()
		f.kinds[key] = kind
		f.mu.Unlock()
	}
	return kind, err
}

// askKind looks for an organisation first: a token for those alone may not say whose
// it is.
func (f *Forge) askKind(ctx context.Context, owner string) (string, error) {
	_, resp, err := f.api(ctx).GetOrg(owner)
	noOrg := f.explain(ctx, resp, err, "show the organisation "+owner)
	if code := bot.CodeOf(noOrg); code != bot.CodeNotFound && code != bot.CodeForbidden {
		return kindOrg, noOrg
	}
	me, err := f.me(ctx)
	switch {
	case err != nil && bot.CodeOf(noOrg) == bot.CodeForbidden:
		return "", noOrg
	case err != nil:
		return "", err
	case strings.EqualFold(me, owner):
		return kindMe, nil
	case bot.CodeOf(noOrg) == bot.CodeForbidden:
		return "", noOrg
	}
	_, resp, err = f.api(ctx).GetUserInfo(owner)
	err = f.explain(ctx, resp, err, "show the owner "+owner)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return "", bot.Errorf(bot.CodeNotFound, "Gitea knows no organisation or user %s, or hides it from OpsBot's account.", owner)
	case err != nil:
		return "", err
	}
	return "", bot.Errorf(bot.CodeForbidden, "%s is a person's account and OpsBot's token is one of %s: only a token of %s can create repositories there.",
		owner, bot.Escape(me), owner)
}

// me is the name of the token's account.
func (f *Forge) me(ctx context.Context) (string, error) {
	u, resp, err := f.api(ctx).GetMyUserInfo()
	if err := f.explain(ctx, resp, err, "show whose token OpsBot has"); err != nil {
		return "", err
	}
	if u.UserName == "" {
		return "", odd("an account")
	}
	return u.UserName, nil
}

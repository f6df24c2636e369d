package github

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// Push implements bot.RepoHost.
func (f *Forge) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	r, err := f.resolve(ctx, req.Repository)
	if err != nil {
		return "", err
	}
	if r.GetArchived() {
		return "", archived(r)
	}
	if err := f.checkClone(r); err != nil {
		return "", err
	}
	if err := f.settle(ctx, r); err != nil {
		return "", err
	}
	req.Repository.Owner, req.Repository.Name = r.GetOwner().GetLogin(), r.GetName()
	commit, err := f.pusher.Push(ctx, r.GetCloneURL(), req)
	if err != nil {
		return "", f.unpushed(ctx, r, err)
	}
	if req.Branch == req.Repository.DefaultBranch && r.GetDefaultBranch() != req.Branch {
		return commit, f.makeDefault(ctx, r, req.Branch)
	}
	return commit, nil
}

// checkClone keeps the token from a server that is not the configured one, whatever
// the API says.
func (f *Forge) checkClone(r *gh.Repository) error {
	u, err := url.Parse(r.GetCloneURL())
	if err == nil && strings.EqualFold(u.Host, f.webHost()) && u.Scheme == f.base.Scheme {
		return nil
	}
	return bot.Errorf(bot.CodeInvalid, "GitHub wants %s to be pushed to another server than %s; if that is right, integrations.%s.url must name it.",
		full(r), bot.Escape(f.webHost()), f.env.Name)
}

// webHost is where repositories live: github.com beside api.github.com, and so on.
func (f *Forge) webHost() string {
	if u, err := url.Parse(f.cfg.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return strings.TrimPrefix(f.base.Host, "api.")
}

func archived(r *gh.Repository) error {
	return bot.Errorf(bot.CodeConflict, "The repository %s is archived: it can be read and cloned, but nothing can be pushed to it.", bot.Escape(full(r)))
}

// settle gives a repository what GitHub takes only once it is there.
func (f *Forge) settle(ctx context.Context, r *gh.Repository) error {
	owner, name := r.GetOwner().GetLogin(), r.GetName()
	topics := slices.Clone(r.Topics)
	for _, t := range f.cfg.Topics {
		if !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	if len(topics) != len(r.Topics) {
		if _, _, err := f.api().Repositories.ReplaceAllTopics(ctx, owner, name, topics); err != nil {
			return f.explain(ctx, err, "set the topics of "+full(r))
		}
	}
	if r.GetOwner().GetType() != "Organization" {
		return nil // people have no teams
	}
	for _, team := range slices.Sorted(maps.Keys(f.cfg.Teams)) {
		opts := &gh.TeamAddTeamRepoOptions{Permission: f.cfg.Teams[team]}
		_, err := f.api().Teams.AddTeamRepoBySlug(ctx, owner, team, owner, name, opts)
		err = f.explain(ctx, err, "give the team "+team+" access to "+full(r))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return bot.Errorf(bot.CodeNotFound, "The organisation %s has no team %s, which integrations.%s.teams names, or OpsBot's account cannot see it.",
				owner, team, f.env.Name).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unpushed looks closer at a push that was refused: git says little more than 403.
func (f *Forge) unpushed(ctx context.Context, r *gh.Repository, err error) error {
	switch bot.CodeOf(err) {
	case bot.CodeForbidden:
	case bot.CodeNotFound:
		// The API has just shown it: git's servers hear of a new repository a little later.
		return bot.Errorf(bot.CodeUnavailable, "GitHub does not offer the repository %s to git yet.", full(r)).Because(err).Backoff()
	default:
		return err
	}
	again, why := f.resolve(ctx, toRepository(r))
	switch {
	case why != nil:
		return why
	case again.GetArchived():
		return archived(again)
	}
	return bot.Errorf(bot.CodeForbidden, "GitHub does not let OpsBot push to %s: its token needs the scope repo (or the permission contents=write), "+
		"its account the right to write, and, with single sign-on, the token the organisation's authorisation.", full(r)).Because(err)
}

// makeDefault changes the default branch, which of an empty repository is what the
// owner's settings say, until the first push.
func (f *Forge) makeDefault(ctx context.Context, r *gh.Repository, branch string) error {
	_, _, err := f.api().Repositories.Edit(ctx, r.GetOwner().GetLogin(), r.GetName(), &gh.Repository{DefaultBranch: &branch})
	err = f.explain(ctx, err, "make "+branch+" the default branch of "+full(r))
	if code := bot.CodeOf(err); code == bot.CodeInvalid || code == bot.CodeNotFound {
		// The push was seen by git and may not be by the API yet; repeating it is harmless.
		return bot.Errorf(bot.CodeUnavailable, "The default branch of %s is %s and not yet %s.", full(r), bot.Escape(r.GetDefaultBranch()), bot.Escape(branch)).Because(err).Backoff()
	}
	return err
}

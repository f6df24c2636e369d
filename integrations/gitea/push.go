package gitea

import (
	"context"
	"slices"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// Push implements bot.RepoHost. It goes to the configured address, whatever clone
// URL Gitea shows to people: the token belongs to that server alone.
func (f *Forge) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	r, err := f.resolve(ctx, req.Repository)
	if err != nil {
		return "", err
	}
	if r.Archived {
		return "", archived(r)
	}
	if err := f.settle(ctx, r, req.Operation); err != nil {
		return "", err
	}
	req.Repository.Owner, req.Repository.Name = owner(r), r.Name
	commit, err := f.pusher.Push(ctx, f.cfg.URL+"/"+segments(full(r))+".git", req)
	if err != nil {
		return "", f.unpushed(ctx, r, err)
	}
	if req.Branch == req.Repository.DefaultBranch && r.DefaultBranch != req.Branch {
		return commit, f.makeDefault(ctx, r, req.Branch)
	}
	return commit, nil
}

func archived(r *sdk.Repository) error {
	return bot.Errorf(bot.CodeConflict, "The repository %s is archived: it can be read and cloned, but nothing can be pushed to it.", bot.Escape(full(r)))
}

// settle gives a repository what Gitea takes only once it is there.
func (f *Forge) settle(ctx context.Context, r *sdk.Repository, operation string) error {
	if text, mark := unmarked(r.Description); mark == operation && mark != "" {
		site := f.website(operation)
		_, resp, err := f.api(ctx).EditRepo(owner(r), r.Name, sdk.EditRepoOption{Description: &text, Website: &site})
		if err := f.explain(ctx, resp, err, "describe the repository "+full(r)); err != nil {
			return err
		}
	}
	if err := f.addTopics(ctx, r); err != nil {
		return err
	}
	return f.addTeams(ctx, r)
}

func (f *Forge) addTopics(ctx context.Context, r *sdk.Repository) error {
	if len(f.cfg.Topics) == 0 {
		return nil
	}
	have, resp, err := f.api(ctx).ListRepoTopics(owner(r), r.Name, sdk.ListRepoTopicsOptions{})
	if err := f.explain(ctx, resp, err, "list the topics of "+full(r)); err != nil {
		return err
	}
	want := slices.Clone(have)
	for _, t := range f.cfg.Topics {
		if !slices.Contains(want, t) {
			want = append(want, t)
		}
	}
	if len(want) == len(have) {
		return nil
	}
	resp, err = f.api(ctx).SetRepoTopics(owner(r), r.Name, want)
	return f.explain(ctx, resp, err, "set the topics of "+full(r))
}

// addTeams gives the configured teams access. People have no teams.
func (f *Forge) addTeams(ctx context.Context, r *sdk.Repository) error {
	if len(f.cfg.Teams) == 0 {
		return nil
	}
	if kind, err := f.kindOf(ctx, owner(r)); err != nil || kind != kindOrg {
		return err
	}
	have, resp, err := f.api(ctx).GetRepoTeams(owner(r), r.Name)
	if err := f.explain(ctx, resp, err, "list the teams of "+full(r)); err != nil {
		return err
	}
	for _, team := range f.cfg.Teams {
		if slices.ContainsFunc(have, func(t *sdk.Team) bool { return strings.EqualFold(t.Name, team) }) {
			continue
		}
		resp, err := f.api(ctx).AddRepoTeam(owner(r), r.Name, team)
		if err != nil && strings.Contains(err.Error(), "is already added") {
			continue
		}
		err = f.explain(ctx, resp, err, "give the team "+team+" access to "+full(r))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return bot.Errorf(bot.CodeNotFound, "The organisation %s has no team %s, which integrations.%s.teams names, or OpsBot's account cannot see it.",
				owner(r), team, f.env.Name).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unpushed looks closer at a push that was refused: git says little more than 403.
func (f *Forge) unpushed(ctx context.Context, r *sdk.Repository, err error) error {
	switch bot.CodeOf(err) {
	case bot.CodeForbidden:
	case bot.CodeNotFound:
		return bot.Errorf(bot.CodeUnavailable, "Gitea shows the repository %s but does not offer it to git.", bot.Escape(full(r))).Because(err).Backoff()
	default:
		return err
	}
	again, why := f.resolve(ctx, toRepository(r))
	switch {
	case why != nil:
		return why
	case again.Archived:
		return archived(again)
	}
	return bot.Errorf(bot.CodeForbidden, "Gitea does not let OpsBot push to %s: its token needs the scope write:repository, its account the right to write, "+
		"and git over HTTP must not be switched off.", bot.Escape(full(r))).Because(err)
}

// makeDefault changes the default branch. Gitea passes over a branch that it does
// not know yet without a word.
func (f *Forge) makeDefault(ctx context.Context, r *sdk.Repository, branch string) error {
	now, resp, err := f.api(ctx).EditRepo(owner(r), r.Name, sdk.EditRepoOption{DefaultBranch: &branch})
	if err := f.explain(ctx, resp, err, "make "+branch+" the default branch of "+full(r)); err != nil {
		return err
	}
	if now.DefaultBranch != branch {
		return bot.Errorf(bot.CodeUnavailable, "The default branch of %s is %s and not yet %s.", bot.Escape(full(r)), bot.Escape(now.DefaultBranch), bot.Escape(branch)).Backoff()
	}
	return nil
}

package gitea

import (
	"context"
	"net/http"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// ClosePullRequest implements bot.PullRequester.
func (f *Forge) ClosePullRequest(ctx context.Context, spec bot.PullRequestSpec) error {
	p, err := f.proposal(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil
	case err != nil:
		return err
	case p.presence(spec.Operation) == bot.PresenceOurs && p.pull.HasMerged:
		return nil
	}
	if p.pull != nil && p.pull.State == sdk.StateOpen {
		if err := f.closePull(ctx, p, spec); err != nil {
			return err
		}
	}
	if p.head == "" || !p.ours(spec.Operation) {
		return nil // somebody has added to it
	}
	err = f.ask(ctx, rest.Request{
		Method: http.MethodDelete, Path: "/api/v1/repos/" + segments(full(p.repo)) + "/branches/" + segments(spec.Branch),
	}, "delete the branch "+spec.Branch+" of "+full(p.repo))
	if bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	if _, there := f.head(ctx, p.repo, spec.Branch); bot.CodeOf(there) == bot.CodeNotFound {
		return nil
	}
	return err
}

// closePull closes an open one in whose branch the operation's commit is.
func (f *Forge) closePull(ctx context.Context, p proposal, spec bot.PullRequestSpec) error {
	ours, err := f.began(ctx, p, spec)
	switch {
	case err != nil:
		return err
	case !ours:
		return bot.Errorf(bot.CodeConflict, "The pull request %s is not the one that this operation made; it is left alone.", p.pull.HTMLURL)
	}
	closed := sdk.StateClosed
	_, resp, err := f.api(ctx).EditPullRequest(owner(p.repo), p.repo.Name, p.pull.Index, sdk.EditPullRequestOption{State: &closed})
	if resp != nil && resp.Response != nil && resp.StatusCode == http.StatusPreconditionFailed {
		return nil // merged in the meantime
	}
	return f.explain(ctx, resp, err, "close a pull request of "+full(p.repo))
}

// began tells whether the operation's commit is among those that are proposed.
func (f *Forge) began(ctx context.Context, p proposal, spec bot.PullRequestSpec) (bool, error) {
	if p.ours(spec.Operation) || p.last.ID == "" {
		return p.ours(spec.Operation), nil
	}
	base, err := f.head(ctx, p.repo, spec.Base)
	if err != nil {
		return false, err
	}
	list, err := f.log(ctx, p.repo, base, p.last.ID, mostPage)
	for _, c := range list {
		if c.Operation == spec.Operation {
			return true, nil
		}
	}
	return false, err
}

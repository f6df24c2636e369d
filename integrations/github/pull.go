package github

import (
	"context"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

// proposal is what there is of a pull request.
type proposal struct {
	repo   *gh.Repository
	head   string          // the branch's newest commit, "" = no branch
	marked bool            // that commit, or the pull request's where the branch is gone, is the operation's
	pull   *gh.PullRequest // the newest one, nil = none
}

// presence judges it. A pull request whose branch is gone, and was not ours, is
// history: the branch's name is free.
func (p proposal) presence() bot.Presence {
	switch {
	case p.head == "" && !p.marked:
		return bot.PresenceAbsent
	case !p.marked:
		return bot.PresenceForeign
	case p.pull == nil, p.head != "" && p.pull.GetHead().GetSHA() != p.head && p.pull.GetState() != "open":
		return bot.PresenceAbsent // ours is pushed and not yet proposed
	}
	return bot.PresenceOurs
}

func (p proposal) found() bot.PullRequest {
	if p.pull == nil {
		return bot.PullRequest{}
	}
	commit := p.head
	if commit == "" {
		commit = p.pull.GetHead().GetSHA()
	}
	return bot.PullRequest{Number: p.pull.GetNumber(), URL: p.pull.GetHTMLURL(), Open: p.pull.GetState() == "open", Commit: commit}
}

func checkPull(spec bot.PullRequestSpec) error {
	if spec.Operation == "" {
		return bot.Errorf(bot.CodeInvalid, "The pull request for %s has no operation.", bot.Escape(spec.Repository.Name))
	}
	if spec.Branch == spec.Base {
		return bot.Errorf(bot.CodeInvalid, "A pull request of %s cannot be from a branch to itself.", bot.Escape(spec.Repository.Name))
	}
	if err := gitpush.CheckBranch(spec.Base); err != nil {
		return err
	}
	return gitpush.CheckBranch(spec.Branch)
}

// lookPull finds out what there is.
func (f *Forge) lookPull(ctx context.Context, spec bot.PullRequestSpec) (p proposal, err error) {
	if err := checkPull(spec); err != nil {
		return p, err
	}
	if p.repo, err = f.resolve(ctx, spec.Repository); err != nil {
		return p, err
	}
	if p.head, err = f.tip(ctx, p.repo, spec.Branch); err != nil {
		return p, err
	}
	owner, name := p.repo.GetOwner().GetLogin(), p.repo.GetName()
	list, _, err := f.api().PullRequests.List(ctx, owner, name, &gh.PullRequestListOptions{
		State: "all", Head: owner + ":" + spec.Branch, Base: spec.Base, Sort: "created", Direction: "desc", ListOptions: gh.ListOptions{PerPage: 1},
	})
	if err != nil {
		return p, f.explain(ctx, err, "list the pull requests of "+full(p.repo))
	}
	if len(list) > 0 {
		p.pull = list[0]
	}
	newest := or(p.head, p.pull.GetHead().GetSHA())
	if newest == "" {
		return p, nil
	}
	c, _, err := f.api().Git.GetCommit(ctx, owner, name, newest)
	if err != nil {
		return p, f.explain(ctx, err, "show the newest commit of "+spec.Branch+" of "+full(p.repo))
	}
	p.marked = operationOf(c.GetMessage()) == spec.Operation
	return p, nil
}

// tip is a branch's newest commit, "" if there is no such branch.
func (f *Forge) tip(ctx context.Context, r *gh.Repository, branch string) (string, error) {
	ref, resp, err := f.api().Git.GetRef(ctx, r.GetOwner().GetLogin(), r.GetName(), "heads/"+branch)
	if err != nil {
		err = f.explain(ctx, err, "show the branch "+branch+" of "+full(r))
		if code := bot.CodeOf(err); code == bot.CodeNotFound || code == bot.CodeConflict { // none, or the repository is empty
			return "", nil
		}
		return "", err
	}
	if ref.GetRef() != "refs/heads/"+branch || !hashForm.MatchString(ref.GetObject().GetSHA()) {
		return "", f.odd(resp, "a branch")
	}
	return ref.GetObject().GetSHA(), nil
}

// FindPullRequest implements bot.PullRequester.
func (f *Forge) FindPullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.Presence, bot.PullRequest, error) {
	p, err := f.lookPull(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	case err != nil:
		return bot.PresenceUnknown, bot.PullRequest{}, err
	case p.presence() == bot.PresenceAbsent:
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	}
	return p.presence(), p.found(), nil
}

// EnsurePullRequest implements bot.PullRequester.
func (f *Forge) EnsurePullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	p, err := f.lookPull(ctx, spec)
	switch {
	case err != nil:
		return bot.PullRequest{}, err
	case p.presence() == bot.PresenceOurs:
		return p.found(), nil
	case p.presence() == bot.PresenceForeign:
		return bot.PullRequest{}, f.occupied(p, spec)
	case p.repo.GetArchived():
		return bot.PullRequest{}, archived(p.repo)
	}
	if p.head == "" {
		if p.head, err = f.pushBranch(ctx, p.repo, spec); err != nil {
			return bot.PullRequest{}, err
		}
	}
	return f.openPull(ctx, p, spec)
}

func (f *Forge) occupied(p proposal, spec bot.PullRequestSpec) error {
	return bot.Errorf(bot.CodeConflict, "%s has a branch %s already, whose newest commit OpsBot did not make for this: %s/tree/%s",
		full(p.repo), bot.Escape(spec.Branch), p.repo.GetHTMLURL(), bot.Escape(spec.Branch))
}

// pushBranch commits the files on top of Base and makes the branch of it. Repeated on
// the same base, it makes the same commit.
func (f *Forge) pushBranch(ctx context.Context, r *gh.Repository, spec bot.PullRequestSpec) (string, error) {
	req, err := f.pusher.Prepare(bot.PushRequest{
		Repository: toRepository(r), Branch: spec.Branch, Tree: spec.Files, Author: spec.Author, Message: spec.Message, At: spec.At, Operation: spec.Operation,
	})
	if err != nil {
		return "", err
	}
	parent, err := f.tip(ctx, r, spec.Base)
	if err != nil {
		return "", err
	}
	if parent == "" {
		return "", bot.Errorf(bot.CodeNotFound, "%s has no branch %s to propose a change to.", full(r), bot.Escape(spec.Base))
	}
	commit, err := f.commitOn(ctx, r, parent, req)
	if err != nil {
		return "", err
	}
	_, _, err = f.api().Git.CreateRef(ctx, r.GetOwner().GetLogin(), r.GetName(), &gh.Reference{
		Ref: gh.String("refs/heads/" + spec.Branch), Object: &gh.GitObject{SHA: &commit},
	})
	if err == nil {
		return commit, nil
	}
	if strings.Contains(err.Error(), "Reference already exists") { // two at once; it may have been an earlier try of ours
		if p, again := f.lookPull(ctx, spec); again != nil || p.marked {
			return p.head, again
		}
		return "", f.occupied(proposal{repo: r}, spec)
	}
	return "", f.explain(ctx, err, "make the branch "+spec.Branch+" of "+full(r))
}

// commitOn makes a commit with the request's files over what parent has.
func (f *Forge) commitOn(ctx context.Context, r *gh.Repository, parent string, req bot.PushRequest) (string, error) {
	owner, name := r.GetOwner().GetLogin(), r.GetName()
	base, resp, err := f.api().Git.GetCommit(ctx, owner, name, parent)
	if err != nil {
		return "", f.explain(ctx, err, "show a commit of "+full(r))
	}
	if base.GetTree().GetSHA() == "" {
		return "", f.odd(resp, "a commit")
	}
	entries, err := f.entries(ctx, r, req.Tree)
	if err != nil {
		return "", err
	}
	tree, _, err := f.api().Git.CreateTree(ctx, owner, name, base.GetTree().GetSHA(), entries)
	if err != nil {
		return "", f.explain(ctx, err, "make a tree in "+full(r))
	}
	who := &gh.CommitAuthor{Name: &req.Author.Name, Email: &req.Author.Email, Date: &gh.Timestamp{Time: req.At}}
	made, resp, err := f.api().Git.CreateCommit(ctx, owner, name, &gh.Commit{
		Message: &req.Message, Tree: tree, Parents: []*gh.Commit{{SHA: &parent}}, Author: who, Committer: who,
	}, nil)
	if err != nil {
		return "", f.explain(ctx, err, "make a commit in "+full(r))
	}
	if !hashForm.MatchString(made.GetSHA()) {
		return "", f.odd(resp, "a commit")
	}
	return made.GetSHA(), nil
}

// openPull opens the pull request of a branch that is there.
func (f *Forge) openPull(ctx context.Context, p proposal, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	owner, name := p.repo.GetOwner().GetLogin(), p.repo.GetName()
	made, resp, err := f.api().PullRequests.Create(ctx, owner, name, &gh.NewPullRequest{
		Title: gh.String(bot.Shorten(bot.OneLine(spec.Title), 250)), Head: &spec.Branch, Base: &spec.Base, Body: &spec.Body,
	})
	if err != nil {
		if resp != nil && resp.Response != nil && resp.StatusCode == http.StatusUnprocessableEntity {
			// Two at once; GitHub lets no second one be open.
			again, failed := f.lookPull(ctx, spec)
			if failed == nil && again.presence() == bot.PresenceOurs {
				return again.found(), nil
			}
		}
		return bot.PullRequest{}, f.explain(ctx, err, "open a pull request of "+full(p.repo))
	}
	if made.GetNumber() == 0 || made.GetHTMLURL() == "" {
		return bot.PullRequest{}, f.odd(resp, "a pull request")
	}
	p.pull = made
	return p.found(), nil
}

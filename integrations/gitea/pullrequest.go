package gitea

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
)

const (
	mostPullPages = 20
	maxTitle      = 250 // Gitea's bound is 255
)

// proposal is what there is of a pull request.
type proposal struct {
	repo *sdk.Repository
	pull *sdk.PullRequest // the newest of the branches; nil: none
	head string           // newest commit of the branch; "": no branch
	last bot.Commit       // of the branch or, without one, of the pull request
}

func (p proposal) ours(operation string) bool {
	return operation != "" && p.last.Operation == operation
}

func (p proposal) view() bot.PullRequest {
	out := bot.PullRequest{Number: int(p.pull.Index), URL: p.pull.HTMLURL, Open: p.pull.State == sdk.StateOpen, Commit: p.last.ID}
	if p.pull.HasMerged {
		out.Open = false
	}
	return out
}

// FindPullRequest implements bot.PullRequester. A branch of ours without a pull
// request is absent; somebody else's is foreign.
func (f *Forge) FindPullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.Presence, bot.PullRequest, error) {
	p, err := f.proposal(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	case err != nil:
		return bot.PresenceUnknown, bot.PullRequest{}, err
	}
	presence := p.presence(spec.Operation)
	if p.pull == nil {
		return presence, bot.PullRequest{Commit: p.head}, nil
	}
	return presence, p.view(), nil
}

func (p proposal) presence(operation string) bot.Presence {
	switch {
	case p.pull == nil && p.head == "":
		return bot.PresenceAbsent
	case !p.ours(operation):
		return bot.PresenceForeign
	case p.pull == nil:
		return bot.PresenceAbsent
	}
	return bot.PresenceOurs
}

// proposal looks at branch and pull request. CodeNotFound: there is no repository.
func (f *Forge) proposal(ctx context.Context, spec bot.PullRequestSpec) (p proposal, err error) {
	if err := checkProposal(spec); err != nil {
		return p, err
	}
	if p.repo, err = f.resolve(ctx, spec.Repository); err != nil {
		return p, err
	}
	if p.pull, err = f.newest(ctx, p.repo, spec); err != nil {
		return p, err
	}
	if p.head, err = f.head(ctx, p.repo, spec.Branch); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return p, err
	}
	at := p.head
	if at == "" && p.pull != nil && p.pull.Head != nil {
		at = p.pull.Head.Sha
	}
	if at == "" {
		return p, nil
	}
	list, err := f.log(ctx, p.repo, "", at, 1)
	if err == nil && len(list) == 1 {
		p.last = list[0]
	}
	return p, err
}

func checkProposal(spec bot.PullRequestSpec) error {
	for _, branch := range []string{spec.Base, spec.Branch} {
		if err := gitpush.CheckBranch(branch); err != nil {
			return err
		}
	}
	if spec.Base == spec.Branch {
		return bot.Errorf(bot.CodeInvalid, "A change cannot be proposed from %s into itself.", bot.Escape(spec.Base))
	}
	return nil
}

// newest finds the last pull request of the branches; Gitea lists the newest first.
func (f *Forge) newest(ctx context.Context, r *sdk.Repository, spec bot.PullRequestSpec) (*sdk.PullRequest, error) {
	opts := sdk.ListPullRequestsOptions{ListOptions: sdk.ListOptions{Page: 1, PageSize: mostPage}, State: sdk.StateAll}
	for range mostPullPages {
		page, resp, err := f.api(ctx).ListRepoPullRequests(owner(r), r.Name, opts)
		if err != nil {
			return nil, f.explain(ctx, resp, err, "list the pull requests of "+full(r))
		}
		for _, p := range page {
			// "label" is the branch even after it was deleted, "ref" is not.
			if p.Base != nil && p.Head != nil && p.Base.Name == spec.Base && p.Head.Name == spec.Branch && p.Head.RepoID == r.ID {
				return p, nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil, nil //nolint:nilnil // absent is an answer
}

// EnsurePullRequest implements bot.PullRequester.
func (f *Forge) EnsurePullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	p, err := f.proposal(ctx, spec)
	if err != nil {
		return bot.PullRequest{}, err
	}
	switch presence := p.presence(spec.Operation); {
	case presence == bot.PresenceOurs:
		return p.view(), nil
	case presence == bot.PresenceForeign:
		return bot.PullRequest{}, bot.Errorf(bot.CodeConflict, "The branch %s of %s is somebody else's; OpsBot leaves it alone: %s",
			bot.Escape(spec.Branch), bot.Escape(full(p.repo)), p.repo.HTMLURL)
	case p.repo.Archived:
		return bot.PullRequest{}, archived(p.repo)
	}
	commit := p.head
	if commit == "" {
		if commit, err = f.commit(ctx, p.repo, spec); err != nil {
			return bot.PullRequest{}, err
		}
	}
	return f.open(ctx, p.repo, spec, commit)
}

// commit makes the branch with its one commit, in one call.
func (f *Forge) commit(ctx context.Context, r *sdk.Repository, spec bot.PullRequestSpec) (string, error) {
	base, err := f.head(ctx, r, spec.Base)
	if err != nil {
		return "", err
	}
	who := sdk.Identity{Name: spec.Author.Name, Email: spec.Author.Email}
	want := sdk.ChangeFilesOptions{
		Branch: spec.Base, NewBranch: spec.Branch, Message: withTrailer(spec.Message, spec.Operation), Author: who, Committer: who,
		Dates: sdk.CommitDateOptions{Author: spec.At.UTC(), Committer: spec.At.UTC()},
	}
	for _, file := range spec.Files.Files {
		change := &sdk.ChangeFileOperation{Operation: "create", Path: file.Path, Content: base64.StdEncoding.EncodeToString(file.Data)}
		there, err := f.entry(ctx, r, base, file.Path)
		if err != nil {
			return "", err
		}
		if there != nil {
			change.Operation, change.SHA = "update", there.SHA
		}
		want.Files = append(want.Files, change)
	}
	made, resp, err := f.api(ctx).ChangeFiles(owner(r), r.Name, want)
	if err := f.explain(ctx, resp, err, "commit to the new branch "+spec.Branch+" of "+full(r)); err != nil {
		return "", moved(err, r, spec)
	}
	if made.Commit == nil || !hashForm.MatchString(made.Commit.SHA) {
		return "", odd("a commit")
	}
	return made.Commit.SHA, nil
}

// moved: between our look and our commit somebody pushed to the base, or made the
// branch. Both look different at the next try.
func moved(err error, r *sdk.Repository, spec bot.PullRequestSpec) error {
	text := strings.ToLower(bot.MessageOf(err))
	for _, part := range []string{"sha does not match", "branch already exists", "file already exists"} {
		if rest.StatusOf(err) == http.StatusUnprocessableEntity && strings.Contains(text, part) {
			return bot.Errorf(bot.CodeUnavailable, "%s was changed while OpsBot made the branch %s.", bot.Escape(full(r)), bot.Escape(spec.Branch)).Because(err).Backoff()
		}
	}
	return err
}

// open opens the pull request of a branch that is there.
func (f *Forge) open(ctx context.Context, r *sdk.Repository, spec bot.PullRequestSpec, commit string) (bot.PullRequest, error) {
	made, resp, err := f.api(ctx).CreatePullRequest(owner(r), r.Name, sdk.CreatePullRequestOption{
		Head: spec.Branch, Base: spec.Base, Title: bot.Shorten(bot.OneLine(spec.Title), maxTitle), Body: spec.Body,
	})
	err = f.explain(ctx, resp, err, "open a pull request of "+spec.Branch+" in "+full(r))
	if rest.StatusOf(err) == http.StatusConflict {
		if p, again := f.proposal(ctx, spec); again == nil && p.presence(spec.Operation) == bot.PresenceOurs {
			return p.view(), nil // somebody was faster: an earlier try of ours
		}
	}
	if err != nil {
		return bot.PullRequest{}, err
	}
	if made.Index == 0 {
		return bot.PullRequest{}, odd("a pull request")
	}
	return bot.PullRequest{Number: int(made.Index), URL: made.HTMLURL, Open: made.State == sdk.StateOpen, Commit: commit}, nil
}

// ClosePullRequest implements bot.PullRequester.
func (f *Forge) ClosePullRequest(ctx context.Context, spec bot.PullRequestSpec) error {
	p, err := f.proposal(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil
	case err != nil:
		return err
	case p.pull != nil && p.pull.HasMerged:
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
		Method: http.MethodDelete, Path: "/api/v1/repos/" + full(p.repo) + "/branches/" + segments(spec.Branch),
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
	if p.ours(spec.Operation) || p.last.ID == "" || spec.Operation == "" {
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

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

// FindPullRequest implements bot.PullRequester.
func (f *Forge) FindPullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.Presence, bot.PullRequest, error) {
	p, err := f.proposal(ctx, spec)
	switch presence := p.presence(spec.Operation); {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	case err != nil:
		return bot.PresenceUnknown, bot.PullRequest{}, err
	case presence == bot.PresenceAbsent || p.pull == nil:
		return presence, bot.PullRequest{}, nil
	default:
		return presence, p.view(), nil
	}
}

// presence judges it. A pull request whose branch is gone, and was not ours, is
// history: the branch's name is free.
func (p proposal) presence(operation string) bot.Presence {
	switch {
	case p.head == "" && !p.ours(operation):
		return bot.PresenceAbsent
	case !p.ours(operation):
		return bot.PresenceForeign
	case p.pull == nil, p.head != "" && p.pull.State != sdk.StateOpen && p.pull.Head.Sha != p.head:
		return bot.PresenceAbsent // ours is pushed and not yet proposed
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
	if at == "" && p.pull != nil {
		at = p.pull.Head.Sha
	}
	if at == "" {
		return p, nil
	}
	list, err := f.log(ctx, p.repo, "", at, 1)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound: // it was there a moment ago
		return p, bot.Errorf(bot.CodeUnavailable, "%s was changed while OpsBot looked at its branch %s.", bot.Escape(full(p.repo)), bot.Escape(spec.Branch)).Because(err).Backoff()
	case err != nil:
		return p, err
	case len(list) == 1:
		p.last = list[0]
	}
	return p, nil
}

func checkProposal(spec bot.PullRequestSpec) error {
	if spec.Operation == "" {
		return bot.Errorf(bot.CodeInvalid, "The pull request for %s has no operation.", bot.Escape(spec.Repository.Name))
	}
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
		if err := f.explain(ctx, resp, err, "list the pull requests of "+full(r)); err != nil {
			if bot.CodeOf(err) == bot.CodeNotFound {
				return nil, bot.Errorf(bot.CodeUnsupported, "%s takes no pull requests: they are switched off in its settings, or hidden from OpsBot's account.", bot.Escape(full(r))).Because(err)
			}
			return nil, err
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

// EnsurePullRequest implements bot.PullRequester. Gitea's API makes no executable
// files: the pull request says which ones must be made so.
func (f *Forge) EnsurePullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	p, err := f.proposal(ctx, spec)
	if err != nil {
		return bot.PullRequest{}, err
	}
	switch presence := p.presence(spec.Operation); {
	case presence == bot.PresenceOurs:
		return p.view(), nil
	case presence == bot.PresenceForeign:
		return bot.PullRequest{}, bot.Errorf(bot.CodeConflict, "%s has a branch %s already, whose newest commit OpsBot did not make for this: %s/src/branch/%s",
			bot.Escape(full(p.repo)), bot.Escape(spec.Branch), p.repo.HTMLURL, bot.Escape(spec.Branch))
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
	req, err := f.pusher.Prepare(bot.PushRequest{
		Repository: toRepository(r), Branch: spec.Branch, Tree: spec.Files, Author: spec.Author, Message: spec.Message, At: spec.At, Operation: spec.Operation,
	})
	if err != nil {
		return "", err
	}
	base, err := f.head(ctx, r, spec.Base)
	if err != nil {
		return "", err
	}
	who := sdk.Identity{Name: req.Author.Name, Email: req.Author.Email}
	want := sdk.ChangeFilesOptions{
		Branch: spec.Base, NewBranch: spec.Branch, Message: req.Message, Author: who, Committer: who,
		Dates: sdk.CommitDateOptions{Author: req.At, Committer: req.At},
	}
	for _, file := range req.Tree.Files {
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

// body is the text of the pull request.
func body(spec bot.PullRequestSpec) string {
	var names []string
	for _, file := range spec.Files.Files {
		if file.Executable {
			names = append(names, file.Path)
		}
	}
	if len(names) == 0 {
		return spec.Body
	}
	return spec.Body + "\n\nMust be executable, which Gitea's API cannot say of new files:\n\n    git update-index --chmod=+x " + strings.Join(names, " ") + "\n"
}

// open opens the pull request of a branch that is there.
func (f *Forge) open(ctx context.Context, r *sdk.Repository, spec bot.PullRequestSpec, commit string) (bot.PullRequest, error) {
	made, resp, err := f.api(ctx).CreatePullRequest(owner(r), r.Name, sdk.CreatePullRequestOption{
		Head: spec.Branch, Base: spec.Base, Title: bot.Shorten(bot.OneLine(spec.Title), maxTitle), Body: body(spec),
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

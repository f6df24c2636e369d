package gitlab

import (
	"context"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// proposal is what there is of a merge request: each part may be nil.
type proposal struct {
	project *gl.Project
	branch  *gl.Branch
	request *gl.BasicMergeRequest
}

// mergeMark is our marker in a merge request's description; people do not see it.
func mergeMark(operation string) string { return "<!-- " + operationTrailer + operation + " -->" }

// ourBranch: its newest commit is the operation's.
func (p *proposal) ourBranch(operation string) bool {
	return operation != "" && p.branch != nil && operationOf(p.branch.Commit.Message) == operation
}

func (p *proposal) ourRequest(operation string) bool {
	return operation != "" && p.request != nil && strings.Contains(p.request.Description, mergeMark(operation))
}

func (p *proposal) open() bool { return p.request != nil && p.request.State == "opened" }

func (p *proposal) result() bot.PullRequest {
	if p.request == nil {
		return bot.PullRequest{}
	}
	out := bot.PullRequest{Number: int(p.request.IID), URL: p.request.WebURL, Open: p.open(), Commit: p.request.SHA}
	if p.branch != nil && p.open() {
		out.Commit = p.branch.Commit.ID
	}
	return out
}

// proposed looks for branch and merge request.
func (f *Forge) proposed(ctx context.Context, spec bot.PullRequestSpec) (*proposal, error) {
	p, err := f.resolve(ctx, spec.Repository)
	if err != nil {
		return nil, err
	}
	out := &proposal{project: p}
	out.branch, err = f.branch(ctx, p, spec.Branch)
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return nil, err
	}
	list, _, err := f.api.MergeRequests.ListProjectMergeRequests(p.ID, &gl.ListProjectMergeRequestsOptions{
		SourceBranch: &spec.Branch, TargetBranch: &spec.Base, State: gl.Ptr("all"), OrderBy: gl.Ptr("created_at"), Sort: gl.Ptr("desc"),
		ListOptions: gl.ListOptions{PerPage: 20},
	}, gl.WithContext(ctx))
	if err != nil {
		return nil, f.explain(ctx, err, "list the merge requests of "+full(p))
	}
	for _, r := range list {
		if r.SourceProjectID == p.ID { // a fork may have a branch of that name, too
			out.request = r
			break
		}
	}
	return out, nil
}

// FindPullRequest implements bot.PullRequester.
func (f *Forge) FindPullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.Presence, bot.PullRequest, error) {
	there, err := f.proposed(ctx, spec)
	if err != nil {
		return bot.PresenceUnknown, bot.PullRequest{}, err
	}
	switch {
	case there.branch != nil && !there.ourBranch(spec.Operation):
		return bot.PresenceForeign, there.result(), nil
	case there.request == nil, there.branch == nil && !there.ourRequest(spec.Operation): // or an earlier operation's, which is over
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	}
	return bot.PresenceOurs, there.result(), nil
}

// EnsurePullRequest implements bot.PullRequester.
func (f *Forge) EnsurePullRequest(ctx context.Context, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	there, err := f.proposed(ctx, spec)
	if err != nil {
		return bot.PullRequest{}, err
	}
	switch {
	case there.ourRequest(spec.Operation), there.open() && there.ourBranch(spec.Operation):
		return there.result(), nil // open, or as people left it
	case there.branch != nil && !there.ourBranch(spec.Operation):
		return bot.PullRequest{}, bot.Errorf(bot.CodeConflict, "%s has a branch %s already that OpsBot did not make for this: %s",
			full(there.project), bot.Escape(spec.Branch), f.webURL(full(there.project))+"/-/branches")
	case there.branch == nil:
		if err := f.commit(ctx, there.project, spec); err != nil {
			return bot.PullRequest{}, err
		}
	}
	return f.request(ctx, there.project, spec)
}

// request opens the merge request.
func (f *Forge) request(ctx context.Context, p *gl.Project, spec bot.PullRequestSpec) (bot.PullRequest, error) {
	body := strings.TrimSpace(spec.Body + "\n\n" + mergeMark(spec.Operation))
	made, _, err := f.api.MergeRequests.CreateMergeRequest(p.ID, &gl.CreateMergeRequestOptions{
		Title: gl.Ptr(bot.Shorten(bot.OneLine(spec.Title), maxText)), Description: &body, SourceBranch: &spec.Branch, TargetBranch: &spec.Base,
		RemoveSourceBranch: gl.Ptr(true),
	}, gl.WithContext(ctx))
	err = f.explain(ctx, err, "open a merge request in "+full(p))
	switch {
	case bot.CodeOf(err) == bot.CodeConflict: // two at once
		there, again := f.proposed(ctx, spec)
		if again == nil && there.ourRequest(spec.Operation) {
			return there.result(), nil
		}
		return bot.PullRequest{}, err
	case err != nil:
		return bot.PullRequest{}, err
	case made.IID == 0:
		return bot.PullRequest{}, f.odd("a merge request")
	}
	there := &proposal{project: p, request: &made.BasicMergeRequest}
	out := there.result()
	if out.Commit == "" { // GitLab works it out a moment later
		b, err := f.branch(ctx, p, spec.Branch)
		if err != nil {
			return out, err
		}
		out.Commit = b.Commit.ID
	}
	return out, nil
}

// ClosePullRequest implements bot.PullRequester.
func (f *Forge) ClosePullRequest(ctx context.Context, spec bot.PullRequestSpec) error {
	there, err := f.proposed(ctx, spec)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	p := there.project
	if there.open() && there.ourRequest(spec.Operation) {
		_, _, err := f.api.MergeRequests.UpdateMergeRequest(p.ID, there.request.IID, &gl.UpdateMergeRequestOptions{StateEvent: gl.Ptr("close")}, gl.WithContext(ctx))
		if err != nil {
			return f.explain(ctx, err, "close a merge request of "+full(p))
		}
	}
	merged := there.request != nil && there.request.State == "merged"
	if merged || !there.ourBranch(spec.Operation) {
		return nil
	}
	_, err = f.api.Branches.DeleteBranch(p.ID, spec.Branch, gl.WithContext(ctx))
	if err = f.explain(ctx, err, "delete the branch "+spec.Branch+" of "+full(p)); bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	return err
}

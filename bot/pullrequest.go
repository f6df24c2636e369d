package bot

import (
	"context"
	"time"
)

// PullRequestSpec describes a change that OpsBot proposes: one commit on a branch of
// its own, on top of the newest commit of Base.
type PullRequestSpec struct {
	Repository Repository
	Base       string // the branch it is to be merged into
	Branch     string // ours, made from Base; "opsbot/adopt"
	Title      string
	Body       string    // Markdown; foreign text in it is escaped by the caller
	Files      Tree      // written over what Base has
	Author     Signature // of the commit
	Message    string    // of the commit; the trailer "OpsBot-Operation: ID" is added
	At         time.Time // commit and author date: the operation's start
	Operation  string    // marker
}

// PullRequest is a proposed change: a merge request on GitLab.
type PullRequest struct {
	Number int
	URL    string
	Open   bool
	Commit string // newest commit of its branch
}

// PullRequester is a RepoHost that lets changes be proposed.
type PullRequester interface {
	// FindPullRequest looks for the newest one of spec.Branch into spec.Base. Foreign
	// when the branch's newest commit lacks the marker of spec.Operation.
	FindPullRequest(ctx context.Context, spec PullRequestSpec) (Presence, PullRequest, error)
	// EnsurePullRequest pushes the commit and opens the pull request. Ensuring twice
	// leaves one; one that people closed or merged is left so. CodeConflict if the
	// branch is somebody else's, CodeNotFound if there is no Base.
	EnsurePullRequest(ctx context.Context, spec PullRequestSpec) (PullRequest, error)
	// ClosePullRequest closes it unmerged and removes its branch if nobody has added
	// to it. Absent, merged and closed are success.
	ClosePullRequest(ctx context.Context, spec PullRequestSpec) error
}

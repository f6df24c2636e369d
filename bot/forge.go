package bot

import (
	"context"
	"time"
)

// Presence is what looking for a remote object found.
type Presence string

// The answers of a check. Ours means: it carries the marker of this operation.
const (
	PresenceAbsent  Presence = "absent"
	PresenceOurs    Presence = "ours"
	PresenceForeign Presence = "foreign" // there, but made by somebody or something else
	PresenceUnknown Presence = "unknown" // cannot be told; a person decides
)

// RepoSpec describes the repository that new-project wants.
type RepoSpec struct {
	ProjectID     string
	Owner         string // organisation or user, one of the configured owners
	Name          string
	Description   string
	Private       bool
	DefaultBranch string // "main"; "" where one is only looked for
	Operation     string // marker: id of the operation that makes it
}

// Repository is a repository on a forge.
type Repository struct {
	ExternalID    string // the forge's immutable id
	Owner, Name   string
	URL           string // for people
	CloneURL      string // for git over HTTP, without credentials
	DefaultBranch string
	Private       bool // not everybody may read it
	Archived      bool // nobody may change it
}

// RepoHost is a forge. Safe for concurrent use.
type RepoHost interface {
	// FindRepository looks for spec's repository. Foreign when it exists without
	// the marker of spec.Operation.
	FindRepository(ctx context.Context, spec RepoSpec) (Presence, Repository, error)
	// EnsureRepository makes the repository, empty, with its marker. CodeConflict if
	// a foreign one has the name; the message names its owner and link.
	EnsureRepository(ctx context.Context, spec RepoSpec) (Repository, error)
	// Push puts one tree as one commit on an empty branch. Pushing the same request
	// again gives the same commit and changes nothing.
	Push(ctx context.Context, req PushRequest) (commit string, err error)
	// RemoveRepository deletes it for good. Absent is success.
	RemoveRepository(ctx context.Context, repo Repository) error
	// CloneSource is where this installation's own pipeline clones from.
	CloneSource(ctx context.Context, repo Repository) (CloneSource, error)
}

// CloneSource is how a pipeline gets at a repository.
type CloneSource struct {
	URL  string // https://... or, for an embedded forge, an absolute path
	Path bool   // URL is a path on this machine
	// Credentials is the id under which the pipeline knows how to log in; "" = none.
	Credentials string
}

// PushRequest is one commit to be pushed to an empty branch.
type PushRequest struct {
	Repository Repository
	Branch     string
	Tree       Tree
	Author     Signature
	Message    string    // the engine adds the trailer "OpsBot-Operation: ID"
	At         time.Time // commit and author date: the operation's start
	Operation  string
}

// Signature is a git author.
type Signature struct{ Name, Email string }

// Tree is a set of files, ordered by Path.
type Tree struct{ Files []TreeFile }

// TreeFile is one file of a Tree. Path is relative, slash-separated and clean.
type TreeFile struct {
	Path       string
	Executable bool
	Data       []byte
}

// Archiver is a RepoHost that can put a repository out of use without losing it.
type Archiver interface {
	ArchiveRepository(ctx context.Context, repo Repository) error
}

// HookSpec describes the webhook from the forge to us.
type HookSpec struct {
	Repository Repository
	ResourceID string // our resource id; part of the hook's URL: the marker
	URL        string // where deliveries go
}

// HookInstaller is a RepoHost that can install webhooks. Ensuring twice leaves one.
type HookInstaller interface {
	FindHook(ctx context.Context, spec HookSpec) (Presence, string, error)
	EnsureHook(ctx context.Context, spec HookSpec) (externalID string, err error)
	RemoveHook(ctx context.Context, spec HookSpec) error
}

// Commit is a commit as far as OpsBot shows it.
type Commit struct {
	ID     string // full hash
	Title  string // first line; foreign text
	Author string // name; foreign text
	At     time.Time
	// Operation is the id in the trailer "OpsBot-Operation", "" without one.
	Operation string
}

// CommitReader is a RepoHost whose history can be read.
type CommitReader interface {
	// Branches returns branch name -> commit id.
	Branches(ctx context.Context, repo Repository) (map[string]string, error)
	// Commits returns what is reachable from `to` and not from `from`, newest
	// first, at most limit; from "" means from the beginning.
	Commits(ctx context.Context, repo Repository, from, to string, limit int) ([]Commit, error)
	// ReadFile returns a file of a commit; CodeNotFound if it is not there. At most 1 MiB.
	ReadFile(ctx context.Context, repo Repository, commit, path string) ([]byte, error)
	// NearestTag returns the nearest tag reachable from commit, "" if none.
	NearestTag(ctx context.Context, repo Repository, commit string) (string, error)
}

// Retirer is a RepoHost that takes an operation's repository back without losing
// what others put into it since.
type Retirer interface {
	// RetireRepository deletes the repository if all it holds is what the operation
	// pushed, or nothing; otherwise it archives it, and archived is true. Absent is
	// success. CodeConflict if it does not carry the operation's marker.
	RetireRepository(ctx context.Context, repo Repository, operation string) (archived bool, err error)
}

// ProtectionSpec describes how a branch is guarded.
type ProtectionSpec struct {
	Repository Repository
	Branch     string
	// Checks are the names of the statuses that a commit needs; none: only deletion
	// and forced pushes are refused.
	Checks []string
}

// Protector is a RepoHost that can guard a branch. Ensuring twice changes nothing.
type Protector interface {
	// EnsureProtection guards the branch as described and leaves alone what people set
	// beyond that. CodeNotFound if there is no such branch, CodeUnsupported where the
	// owner's plan has no protection.
	EnsureProtection(ctx context.Context, spec ProtectionSpec) error
	// RemoveProtection takes it away. Absent is success.
	RemoveProtection(ctx context.Context, spec ProtectionSpec) error
}

// StatusState is what a forge shows beside a commit.
type StatusState string

// The states of a commit's status.
const (
	StatusPending StatusState = "pending"
	StatusSuccess StatusState = "success"
	StatusFailure StatusState = "failure"
	StatusError   StatusState = "error" // it could not be found out
)

// CommitStatus is one mark at a commit.
type CommitStatus struct {
	Repository Repository
	Commit     string // full hash
	Check      string // its name, which a later one with the same name replaces
	State      StatusState
	Text       string // one line for people; cut where the forge has a limit
	URL        string // "" = none
}

// DeploymentStatus says how a deployment of ours goes.
type DeploymentStatus struct {
	Repository  Repository
	ID          string // ours: the forge's record carries it, so that there is one
	Commit      string
	Environment string
	Production  bool
	State       DeploymentState
	Text        string // one line for people; cut where the forge has a limit
	LogURL      string // "" = none
	AppURL      string // where it runs, "" = none
}

// StatusCheck names the mark that a pipeline's builds leave at commits.
func StatusCheck(pipeline string) string { return "opsbot/" + pipeline }

// StatusWriter is a RepoHost that shows our builds beside commits.
type StatusWriter interface {
	// WriteStatus sets the status. Setting it again is harmless.
	WriteStatus(ctx context.Context, s CommitStatus) error
}

// DeploymentWriter is a RepoHost that keeps a record of deployments.
type DeploymentWriter interface {
	// WriteDeployment makes the record unless there is one with s.ID, and notes the
	// state unless it is the newest already.
	WriteDeployment(ctx context.Context, s DeploymentStatus) (externalID string, err error)
}

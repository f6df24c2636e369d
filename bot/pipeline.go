package bot

import (
	"context"
	"io"
	"time"
)

// JobSpec describes the multibranch job of a project.
type JobSpec struct {
	ProjectID string
	Name      string // the project's slug
	Folder    string // "" = top level
	Source    CloneSource
	Branch    string // default branch
	Operation string // marker
}

// Job is a multibranch job.
type Job struct {
	ExternalID string // how the pipeline names it
	URL        string
}

// Pipeline is a CI server. Safe for concurrent use.
type Pipeline interface {
	FindJob(ctx context.Context, spec JobSpec) (Presence, Job, error)
	// EnsureJob makes or updates the job in place. CodeConflict for a foreign one.
	EnsureJob(ctx context.Context, spec JobSpec) (Job, error)
	// RemoveJob removes job, builds and caches. Absent is success.
	RemoveJob(ctx context.Context, job Job) error
	// Build queues a build. The same req.Key gives the same build, never a second.
	Build(ctx context.Context, req BuildRequest) (BuildRef, error)
	// Status reads a build back from the source; CodeNotFound if it never was.
	Status(ctx context.Context, ref BuildRef) (Build, error)
}

// BuildRequest asks for a build of the newest commit of a branch.
type BuildRequest struct {
	Job        Job
	Branch     string
	Commit     string // what triggered it; "" = newest
	Parameters map[string]string
	Key        string // idempotency key
	By         string // who, for the log
	Cause      Cause
}

// BuildRef names one build. (Job, Branch, Number) is its identity; a build that
// still waits in a queue of a server that numbers late has Number 0 and Queue.
type BuildRef struct {
	Job    string `json:"job"` // Job.ExternalID
	Branch string `json:"branch"`
	Number int    `json:"number"`
	Queue  string `json:"queue,omitempty"`
}

// Result is how a build or stage ended, in Jenkins' words.
type Result string

// The results, best first.
const (
	ResultSuccess  Result = "SUCCESS"
	ResultUnstable Result = "UNSTABLE"
	ResultFailure  Result = "FAILURE"
	ResultNotBuilt Result = "NOT_BUILT"
	ResultAborted  Result = "ABORTED"
)

// BuildState is where a build is in its life.
type BuildState string

// The states of a build.
const (
	BuildQueued   BuildState = "queued"
	BuildRunning  BuildState = "running"
	BuildFinished BuildState = "finished"
)

// Build is one run of a project's pipeline, as its source reports it. The store
// keeps the newest report of each.
type Build struct {
	ID         string // ours; "" in a report of the source
	ProjectID  string
	Instance   string // the pipeline integration
	Ref        BuildRef
	Attempt    int // 1, or more for a build run again after an interruption
	State      BuildState
	Result     Result // set when finished
	Commit     string
	Stages     []Stage
	Tests      *TestTotals // nil: no report
	Artifacts  []Artifact
	Inputs     []Input // the questions that it waits for now
	Message    string  // why it failed, one line; foreign text
	QueuedAt   time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	URL        string
	LogURL     string
	Parameters map[string]string
	By         string
	Cause      Cause
	// Sequence grows with every report of this build; an older one is ignored.
	Sequence int64
}

// Stage is one stage of a build.
type Stage struct {
	Name     string        `json:"name"`
	Status   string        `json:"status"` // SUCCESS, UNSTABLE, FAILED, ABORTED, NOT_EXECUTED, IN_PROGRESS
	Parent   string        `json:"parent,omitempty"`
	Error    string        `json:"error,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
}

// TestTotals counts test cases; Failures names the first few that failed.
type TestTotals struct {
	Total, Failed, Skipped int
	Failures               []string `json:",omitempty"`
}

// Aborter is a Pipeline that can stop a build, queued or running. Ended is success.
type Aborter interface {
	Abort(ctx context.Context, ref BuildRef, by string) error
}

// LogReader reads the log of a build ({job}/{branch}/{number}) or deployment.
type LogReader interface {
	// ReadLog returns the log from byte offset on; the reader is closed by the caller.
	ReadLog(ctx context.Context, ref LogRef, offset int64) (io.ReadCloser, error)
}

// LogRef names a log: of a build, or of what runs in an environment.
type LogRef struct {
	Build       BuildRef
	ProjectID   string
	Environment string // set: the log of the running app
}

// BuildLister is a Pipeline whose builds of a branch can be listed, newest first.
type BuildLister interface {
	Builds(ctx context.Context, job Job, branch string, limit int) ([]Build, error)
}

// Input is a question that a running build waits for: Jenkins' step `input`. All of
// it but ID is foreign text.
type Input struct {
	ID         string           `json:"id"` // unique within its build
	Message    string           `json:"message"`
	Proceed    string           `json:"proceed,omitempty"` // label of the button that goes on; "" = Proceed
	Parameters []InputParameter `json:"parameters,omitempty"`
	// Submitters are those who may answer, in the pipeline's own names; none: whoever
	// may build.
	Submitters []string `json:"submitters,omitempty"`
}

// InputParameter is a value that goes with the answer.
type InputParameter struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // string, text, boolean, choice or password
	Description string   `json:"description,omitempty"`
	Default     string   `json:"default,omitempty"`
	Choices     []string `json:"choices,omitempty"`
}

// InputAnswer answers an Input.
type InputAnswer struct {
	ID      string // Input.ID
	Proceed bool   // false: the build ends as aborted
	Values  map[string]string
	By      string // who, for the log
}

// Inputter is a Pipeline whose builds can ask a person.
type Inputter interface {
	// PendingInputs lists the questions that the build waits for, from the source.
	PendingInputs(ctx context.Context, ref BuildRef) ([]Input, error)
	// AnswerInput answers one. CodeNotFound if it was answered already or the build
	// has ended, CodeInvalid names a value that does not fit.
	AnswerInput(ctx context.Context, ref BuildRef, answer InputAnswer) error
}

// ArtifactReader is a Pipeline that keeps what a build archived, and hands it out.
type ArtifactReader interface {
	// OpenArtifact reads an artifact of the build; the reader is closed by the caller,
	// who also bounds it. CodeNotFound if it is not kept any more.
	OpenArtifact(ctx context.Context, ref BuildRef, a Artifact) (io.ReadCloser, error)
}

package engine

import "time"

// Result is a build's result, in Jenkins' words. "" is SUCCESS so far.
type Result string

// The results, the better first.
const (
	Success  Result = "SUCCESS"
	Unstable Result = "UNSTABLE"
	Failed   Result = "FAILURE"
	NotBuilt Result = "NOT_BUILT"
	Aborted  Result = "ABORTED"
)

func (r Result) rank() int {
	switch r {
	case Unstable:
		return 1
	case Failed:
		return 2
	case NotBuilt:
		return 3
	case Aborted:
		return 4
	}
	return 0
}

// Worse reports whether r is worse than other.
func (r Result) Worse(other Result) bool { return r.rank() > other.rank() }

func worst(a, b Result) Result {
	if b.Worse(a) {
		return b
	}
	if a == "" {
		return Success
	}
	return a
}

// parseResult knows the names that a Jenkinsfile may use.
func parseResult(name string) (Result, bool) {
	switch r := Result(name); r {
	case Success, Unstable, Failed, NotBuilt, Aborted:
		return r, true
	}
	return "", false
}

// Status is a stage's status, in the words of Jenkins' stage API.
type Status string

// The statuses.
const (
	StatusRunning     Status = "IN_PROGRESS"
	StatusSuccess     Status = "SUCCESS"
	StatusUnstable    Status = "UNSTABLE"
	StatusFailed      Status = "FAILED"
	StatusAborted     Status = "ABORTED"
	StatusNotExecuted Status = "NOT_EXECUTED"
)

// Stage is one stage of a run.
type Stage struct {
	// Name is the stage's name, Path the names from the outermost stage to it.
	Name string
	Path []string
	// Synthetic is PRE or POST for the two stages that Jenkins adds.
	Synthetic string
	Status    Status
	// Error is the message of the failure, "" without one.
	Error string
	// Skipped is why it was not run: conditional, failure, unstable, or "".
	Skipped        string
	Started, Ended time.Time
	Children       []*Stage
	warned         Status // what a step made of it that did not fail
}

// Outcome is what came of a run.
type Outcome struct {
	Result Result
	// Stages is the tree of stages in the order in which they started.
	Stages []*Stage
	// Failure is what ended the build, nil if it ended by itself.
	Failure *Failure
	// Tests adds up all junit steps; nil without one that recorded something.
	Tests *Totals
	// Artifacts are the paths of all archived files, in order, without repetition.
	Artifacts []string
	// Description and DisplayName are what the build set, DisplayName "#N" else.
	Description, DisplayName string
	// Incomplete says that the run was cut off, not stopped by a person: it has no
	// result and is to be run again.
	Incomplete bool
}

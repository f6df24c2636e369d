package bot

import (
	"context"
	"encoding/json"
	"time"
)

// OperationState is where an operation is in its life.
type OperationState string

// The states of an operation; succeeded, undone and abandoned are final.
const (
	OperationRunning   OperationState = "running"
	OperationWaiting   OperationState = "waiting" // for a time, an event or another operation
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed" // a step failed for good: Retry, Skip, Undo
	OperationUndoing   OperationState = "undoing"
	OperationUndone    OperationState = "undone"
)

// QuietKinds are the kinds of operations that follow from others by themselves and ask
// nobody: lists for people leave them out.
func QuietKinds() []string { return []string{"release", "forge-status", "forge-deployment"} }

// Operation is a durable piece of work made of steps. Its truth is its row and
// its steps' rows; whoever holds its lease works on it.
type Operation struct {
	ID          string
	Kind        string
	ProjectID   string // "" = none (yet)
	Subject     string // for people: the project's slug, or what it is about
	Environment string // serialises with others of (project, environment); "" = not
	Input       json.RawMessage
	State       OperationState
	Error       string // sentence for the person when failed
	Requester   User
	Message     Message // what asked for it; its room and thread get the card
	LeaseOwner  string
	LeaseUntil  time.Time
	Epoch       int64 // compare-and-set on every journal write
	WakeAt      time.Time
	CreatedAt   time.Time
	FinishedAt  time.Time
	Cause       Cause
}

// Final reports whether nothing more will happen by itself or by retry.
func (o *Operation) Final() bool {
	return o.State == OperationSucceeded || o.State == OperationUndone
}

// EndIn is where the operation's end is told: in the thread of what asked for it or,
// when that can't be answered under, below the operation's own card.
func (o *Operation) EndIn() (thread, under string) {
	if thread = o.Message.Under(); thread == "" {
		under = "op:" + o.ID
	}
	return thread, under
}

// StepState is where a step is in its life.
type StepState string

// The states of a step.
const (
	StepPending  StepState = "pending"
	StepRunning  StepState = "running" // intent is journalled; the call may have happened
	StepWaiting  StepState = "waiting" // applied; waits for a time or an event
	StepRetrying StepState = "retrying"
	StepDone     StepState = "done"
	StepFailed   StepState = "failed"
	StepUnknown  StepState = "unknown" // whether it happened cannot be told: a person decides
	StepSkipped  StepState = "skipped"
	StepUndoing  StepState = "undoing"
	StepUndone   StepState = "undone"
)

// StepRow is the journal of one step.
type StepRow struct {
	OperationID string
	Name        string
	Position    int
	Title       string
	State       StepState
	Attempt     int
	Output      map[string]string
	Detail      string // one line for the card, Text markup
	URL         string
	Error       string // sentence for the person
	Made        bool   // this operation made the effect: undo may remove it
	NotBefore   time.Time
	StartedAt   time.Time
	FinishedAt  time.Time
}

// OperationKind describes a sort of operation. Steps must be the same every time
// it is asked for the same Input: a restart rebuilds them from the row.
type OperationKind interface {
	Kind() string
	Steps(op *Operation) ([]Step, error)
	// Finish runs once in the transaction that ends the operation (succeeded, failed
	// for now, undone): final posts, project states.
	Finish(ctx context.Context, tx *Tx, op *Operation, steps []StepRow) error
	// Title is the card's first line, Text markup.
	Title(op *Operation) Text
}

// OneShot is an OperationKind whose failure is an outcome (a deployment that did
// not get healthy): it is not retried, skipped or undone, but asked for anew.
type OneShot interface {
	// Instead is the sentence that tells what to do.
	Instead(op *Operation) string
}

// Step is one effect. Exactly one of Check and Idempotent must make repeating it
// safe; with neither, an interrupted step goes to "unknown" and a person decides.
type Step struct {
	Name  string // [a-z-]+, unique in the operation
	Title string
	After []string // names of steps that must be done or skipped first
	// Hidden steps are not shown on the card unless they fail.
	Hidden    bool
	Skippable bool
	// Timeout bounds one call of Check, Apply, Await or Undo; 0 = 2 minutes.
	Timeout time.Duration
	// Attempts bounds retries with backoff; 0 = 8.
	Attempts int
	// Idempotent: Apply may be repeated, it carries StepRun.Key as its key.
	Idempotent bool
	// Check finds out whether the effect is there already; called before a repeat of
	// an interrupted Apply, and before the first when the effect could pre-exist. An
	// error beside PresenceForeign is the sentence for the person; undo leaves it alone.
	Check func(ctx context.Context, run StepRun) (Presence, StepResult, error)
	// Apply makes the effect. Intent is on disk when it is called.
	Apply func(ctx context.Context, run StepRun) (StepResult, error)
	// Await, if set, is asked after Apply until its result has no Wait; it only reads.
	Await func(ctx context.Context, run StepRun) (StepResult, error)
	// Undo removes the effect, absent is success; nil: there is nothing to remove.
	Undo func(ctx context.Context, run StepRun) error
}

// StepRun is what a step's functions get.
type StepRun struct {
	Operation *Operation
	Step      string
	Attempt   int
	Key       string // OperationID + "/" + step: the idempotency key
	// Outputs are the outputs of the steps done so far, by step name.
	Outputs map[string]map[string]string
}

// StepResult is what a step reports. One that comes along with an error that ends
// the step is journalled too, Commit included.
type StepResult struct {
	Output map[string]string // for later steps; journalled
	Detail Text              // for the card
	URL    string
	// Wait, if not nil, parks the step without a goroutine until then or until
	// Operations.Wake; Await is asked again.
	Wait *time.Duration
	// Commit runs in the transaction that journals the result.
	Commit func(ctx context.Context, tx *Tx) error
}

// Starter files new operations and wakes waiting ones; implemented by
// bot/operation, used inside a transaction.
type Starter interface {
	// Start stores op (ID, CreatedAt and State are filled in when empty) with its
	// steps pending and posts its card.
	Start(ctx context.Context, tx *Tx, op *Operation) error
	// Wake makes a waiting operation look again.
	Wake(ctx context.Context, tx *Tx, operationID string) error
	// Retry, Skip and Undo are what a person may do to a failed one. What follows is
	// filed under cause.
	Retry(ctx context.Context, tx *Tx, operationID string, cause Cause) error
	Skip(ctx context.Context, tx *Tx, operationID, step string, cause Cause) error
	Undo(ctx context.Context, tx *Tx, operationID string, cause Cause) error
}

package bot

import (
	"context"
	"net/http"
	"time"
)

// EventType is what happened, in the vocabulary of CDEvents (cdevents.dev), with
// "source.pushed" added for a plain push.
type EventType string

// The events that OpsBot understands.
const (
	EventPushed           EventType = "source.pushed"
	EventBranchDeleted    EventType = "branch.deleted"
	EventBuildQueued      EventType = "pipelinerun.queued"
	EventBuildStarted     EventType = "pipelinerun.started"
	EventBuildProgress    EventType = "pipelinerun.progressed" // a stage began or ended; ours
	EventBuildFinished    EventType = "pipelinerun.finished"
	EventGateReported     EventType = "qualitygate.reported" // a quality gate judged a commit; ours
	EventServiceDeployed  EventType = "service.deployed"
	EventServiceUpgraded  EventType = "service.upgraded"
	EventServiceRolled    EventType = "service.rolledback"
	EventServiceRemoved   EventType = "service.removed"
	EventServiceProgress  EventType = "service.progressed" // a step of a deployment; ours
	EventServiceFailed    EventType = "service.failed"     // a deployment failed; ours
	EventIncidentDetected EventType = "incident.detected"
	EventIncidentResolved EventType = "incident.resolved"
	EventChatMessage      EventType = "chat.message" // a pipeline says something (slackSend)
)

// Event is one thing that happened outside, normalised. (Source, ID) is unique:
// the same event twice counts once.
type Event struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"` // instance
	Type       EventType `json:"type"`
	OccurredAt time.Time `json:"occurred_at"` // by the source's clock
	ReceivedAt time.Time `json:"received_at"`
	Sequence   int64     `json:"sequence,omitempty"` // the source's own order, 0 = none
	// ProjectID is set by sources that know it; otherwise Kind and ExternalID find
	// the project through its resources. A source's scope is checked against it.
	ProjectID  string       `json:"project_id,omitempty"`
	Kind       ResourceKind `json:"kind,omitempty"`
	ExternalID string       `json:"external_id,omitempty"`

	Branch  string   `json:"branch,omitempty"`
	Before  string   `json:"before,omitempty"` // commit before a push; "" = new branch
	Commit  string   `json:"commit,omitempty"` // commit after a push, of a build, ...
	Commits []Commit `json:"commits,omitempty"`
	Pusher  string   `json:"pusher,omitempty"`
	Build   *Build   `json:"build,omitempty"`

	Environment  string `json:"environment,omitempty"`
	DeploymentID string `json:"deployment_id,omitempty"`
	VersionID    string `json:"version_id,omitempty"`
	Health       string `json:"health,omitempty"`

	Text  string `json:"text,omitempty"` // one line, foreign
	Tone  Tone   `json:"tone,omitempty"`
	Room  string `json:"room,omitempty"` // chat.message: the channel it names
	URL   string `json:"url,omitempty"`
	Cause Cause  `json:"cause,omitzero"`
}

// Delivery is one webhook request as it came in.
type Delivery struct {
	Instance   string
	ID         string // the source's delivery id; unique per instance
	Path       string // below /hooks/INSTANCE, "" or "/..."
	Query      string
	Header     http.Header
	Body       []byte
	ReceivedAt time.Time
	Cause      Cause
}

// Scope is what a verified delivery may speak about.
type Scope struct {
	ProjectID string // "" = all projects of the instance
}

// WebhookParser is an integration that receives webhooks. Safe for concurrent use.
type WebhookParser interface {
	// Verify checks the signature or token in constant time and returns the delivery's
	// id and scope. CodeUnauthenticated if it is not genuine. It does no I/O beyond
	// memory: it runs before anything is stored.
	Verify(d Delivery) (id string, scope Scope, err error)
	// Parse turns a stored delivery into events. No event and a nil error means
	// "understood, of no interest". CodeInvalid for a body that is not what it should be.
	Parse(ctx context.Context, d Delivery) ([]Event, error)
}

// EventHandler takes part in an event's processing, inside the relay's
// transaction, after the project's rows were updated. It does no outward call.
type EventHandler interface {
	HandleEvent(ctx context.Context, tx *Tx, e *Event, c *Change) error
}

// Change is one commit on one branch of a project: the thing a card is about.
type Change struct {
	ID        string
	ProjectID string
	Branch    string
	Commit    string
	Title     string // first line of the commit; foreign text
	Author    string
	CreatedAt time.Time
	Cause     Cause
}

// Card renders the post of a kind of object from the store. Registered by kind;
// the pump calls it when the object's card was touched.
type Card interface {
	Kind() string
	// Render gives the post for id; nil means there is nothing to show (yet).
	// Key, Room, Cause and Root are filled in by the caller.
	Render(ctx context.Context, tx *Tx, id string, room Room) (*Post, error)
}

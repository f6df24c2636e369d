package bot

import (
	"context"
	"time"
)

// DeploymentState is where a deployment is in its life.
type DeploymentState string

// The states of a deployment; those from DeploymentSucceeded on are final.
const (
	DeploymentPlanned    DeploymentState = "planned"
	DeploymentWaiting    DeploymentState = "waiting" // behind another one, or for an approval
	DeploymentApplying   DeploymentState = "applying"
	DeploymentWatching   DeploymentState = "watching"
	DeploymentSucceeded  DeploymentState = "succeeded"
	DeploymentFailed     DeploymentState = "failed"
	DeploymentRolledBack DeploymentState = "rolled_back"
	DeploymentSuperseded DeploymentState = "superseded"
	DeploymentUnknown    DeploymentState = "unknown"
)

// Final reports whether nothing more will happen to a deployment in state s.
func (s DeploymentState) Final() bool {
	switch s {
	case DeploymentSucceeded, DeploymentFailed, DeploymentRolledBack, DeploymentSuperseded, DeploymentUnknown:
		return true
	}
	return false
}

// Deployment is one attempt to bring a version into an environment.
type Deployment struct {
	ID          string
	ProjectID   string
	Environment string
	Verb        string // deploy, promote, rollback, restart
	VersionID   string
	PreviousID  string // version that ran before; "" = nothing did
	State       DeploymentState
	ExternalID  string
	URL         string // where the app answers
	Message     string // why it failed, one line
	By          string // user id
	OperationID string
	StartedAt   time.Time
	FinishedAt  time.Time
	Cause       Cause
}

// EnvironmentState is one project in one environment: what should run, what does.
type EnvironmentState struct {
	ProjectID   string
	Environment string
	DesiredID   string // version id wanted; "" = nothing
	ObservedID  string // version id seen running; "" = nothing
	Health      string // healthy, unhealthy, starting, stopped, ""
	URL         string
	LockedBy    string // user id; "" = not locked
	LockReason  string
	LockedAt    time.Time
	UpdatedAt   time.Time
}

// DeployRequest asks a deployer to run a version. DeploymentID is the idempotency
// key: applying it again continues or reports that same deployment.
type DeployRequest struct {
	DeploymentID string
	Verb         string // deploy, promote, rollback, restart
	Project      Project
	Environment  string
	Version      Version
	Previous     *Version // nil: nothing ran
	Restart      bool     // start the same version afresh
	Cause        Cause
}

// DeployPlan is what a deployer says it would do.
type DeployPlan struct {
	Effects  []string // one line each
	Strategy string   // "blue/green", "canary 10 %", ...
	URL      string   // where the app will answer
}

// Observation is what a deployer sees of a deployment.
type Observation struct {
	State   DeploymentState
	Message string // one line for the person
	URL     string
	Steps   []string // completed steps so far, in the deployer's words
}

// Deployer is an orchestrator. Safe for concurrent use.
type Deployer interface {
	Plan(ctx context.Context, req DeployRequest) (DeployPlan, error)
	// Apply starts the deployment and returns without waiting for its end.
	Apply(ctx context.Context, req DeployRequest) (externalID string, err error)
	// Observe tells how it stands; CodeNotFound if it was never applied.
	Observe(ctx context.Context, req DeployRequest) (Observation, error)
	// Remove takes the project out of the environment. Absent is success.
	Remove(ctx context.Context, p Project, environment string) error
}

// CommitDeployer is a Deployer that may get at what it deploys by itself, by the
// commit or the version's label. DeploysCommits says that it does: versions without
// an artifact may then be deployed with it.
type CommitDeployer interface {
	DeploysCommits() bool
}

// Locator is a Deployer that knows where a project will answer.
type Locator interface {
	AppURL(p Project, environment string) string
}

// Deliveries plans and starts deployments; implemented by bot/delivery.
type Deliveries interface {
	// Plan works out what deploying would do; see DeliveryRequest. The plan's
	// content is what confirm and approve bind to.
	Plan(ctx context.Context, req DeliveryRequest) (*Plan, error)
	// Start files the operation of a plan inside the caller's transaction.
	Start(ctx context.Context, tx *Tx, req DeliveryRequest, plan *Plan) (*Operation, error)
}

// DeploymentWatcher takes part in every change of a deployment, inside the caller's
// transaction; it does no outward call.
type DeploymentWatcher interface {
	DeploymentChanged(ctx context.Context, tx *Tx, p Project, d Deployment) error
}

// DeliveryRequest is a deploy, promote, rollback or restart as asked for.
type DeliveryRequest struct {
	Verb        string
	Project     Project
	Environment string
	Version     string // label, id prefix or ""; see the verb
	User        User
	Message     Message
	Cause       Cause
}

package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type deploymentRow struct {
	bun.BaseModel `bun:"table:deployments"`
	Seq           int64  `bun:"seq,pk,autoincrement"`
	ID            string `bun:"id"`
	ProjectID     string `bun:"project_id"`
	Environment   string `bun:"environment"`
	Verb          string `bun:"verb"`
	VersionID     string `bun:"version_id"`
	PreviousID    string `bun:"previous_id"`
	State         string `bun:"state"`
	ExternalID    string `bun:"external_id"`
	URL           string `bun:"url"`
	Message       string `bun:"message"`
	RequestedBy   string `bun:"requested_by"`
	OperationID   string `bun:"operation_id"`
	StartedAt     micros `bun:"started_at"`
	FinishedAt    micros `bun:"finished_at"`
	cause
}

func (r deploymentRow) noun() bot.Deployment {
	return bot.Deployment{
		ID: r.ID, ProjectID: r.ProjectID, Environment: r.Environment, Verb: r.Verb,
		VersionID: r.VersionID, PreviousID: r.PreviousID, State: bot.DeploymentState(r.State), ExternalID: r.ExternalID,
		URL: r.URL, Message: r.Message, By: r.RequestedBy, OperationID: r.OperationID, StartedAt: r.StartedAt.time(),
		FinishedAt: r.FinishedAt.time(), Cause: r.cause.noun(),
	}
}

// underWay selects the deployments that are not final; the indexes name the same.
const underWay = "state IN ('planned', 'waiting', 'applying', 'watching')"

type deployments struct{ *work }

var _ bot.Deployments = deployments{}

// Put implements bot.Deployments.
func (r deployments) Put(ctx context.Context, d bot.Deployment) error {
	return upsert(ctx, r.work, &deploymentRow{
		ID: d.ID, ProjectID: d.ProjectID, Environment: d.Environment, Verb: d.Verb,
		VersionID: d.VersionID, PreviousID: d.PreviousID, State: string(d.State), ExternalID: d.ExternalID, URL: d.URL,
		Message: d.Message, RequestedBy: d.By, OperationID: d.OperationID, StartedAt: us(d.StartedAt),
		FinishedAt: us(d.FinishedAt), cause: causeOf(d.Cause),
	}, "id")
}

// ByID implements bot.Deployments.
func (r deployments) ByID(ctx context.Context, id string) (bot.Deployment, error) {
	row, err := first[deploymentRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no deployment %q.", id), where("id = ?", id))
	return row.noun(), err
}

// Find implements bot.Deployments.
func (r deployments) Find(ctx context.Context, f bot.DeploymentFilter) ([]bot.Deployment, error) {
	scopes := []scope{order("seq DESC"), limit(orDefault(f.Limit))}
	if f.ProjectID != "" {
		scopes = append(scopes, where("project_id = ?", f.ProjectID))
	}
	if f.Environment != "" {
		scopes = append(scopes, where("environment = ?", f.Environment))
	}
	if f.Commit != "" {
		scopes = append(scopes, where("version_id IN (SELECT id FROM versions WHERE commit_sha = ? AND (? = '' OR project_id = ?))",
			f.Commit, f.ProjectID, f.ProjectID))
	}
	if f.State != "" {
		scopes = append(scopes, where("state = ?", string(f.State)))
	}
	if f.Open {
		scopes = append(scopes, where(underWay))
	}
	return list(ctx, r.work, deploymentRow.noun, scopes...)
}

type environmentRow struct {
	bun.BaseModel `bun:"table:environments"`
	ProjectID     string `bun:"project_id,pk"`
	Environment   string `bun:"environment,pk"`
	DesiredID     string `bun:"desired_id"`
	ObservedID    string `bun:"observed_id"`
	Health        string `bun:"health"`
	URL           string `bun:"url"`
	LockedBy      string `bun:"locked_by"`
	LockReason    string `bun:"lock_reason"`
	LockedAt      micros `bun:"locked_at"`
	UpdatedAt     micros `bun:"updated_at"`
}

func (r environmentRow) noun() bot.EnvironmentState {
	return bot.EnvironmentState{
		ProjectID: r.ProjectID, Environment: r.Environment, DesiredID: r.DesiredID,
		ObservedID: r.ObservedID, Health: r.Health, URL: r.URL, LockedBy: r.LockedBy, LockReason: r.LockReason,
		LockedAt: r.LockedAt.time(), UpdatedAt: r.UpdatedAt.time(),
	}
}

type environments struct{ *work }

var _ bot.Environments = environments{}

// Get implements bot.Environments.
func (r environments) Get(ctx context.Context, projectID, environment string) (bot.EnvironmentState, error) {
	row, err := first[environmentRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "No such environment."),
		where("project_id = ? AND environment = ?", projectID, environment))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.EnvironmentState{ProjectID: projectID, Environment: environment}, nil
	}
	return row.noun(), err
}

// Put implements bot.Environments.
func (r environments) Put(ctx context.Context, s bot.EnvironmentState) error {
	return upsert(ctx, r.work, &environmentRow{
		ProjectID: s.ProjectID, Environment: s.Environment, DesiredID: s.DesiredID,
		ObservedID: s.ObservedID, Health: s.Health, URL: s.URL, LockedBy: s.LockedBy, LockReason: s.LockReason,
		LockedAt: us(s.LockedAt), UpdatedAt: us(s.UpdatedAt),
	}, "project_id, environment")
}

// Of implements bot.Environments.
func (r environments) Of(ctx context.Context, projectID string) ([]bot.EnvironmentState, error) {
	scopes := []scope{order("project_id, environment")}
	if projectID != "" {
		scopes = append(scopes, where("project_id = ?", projectID))
	}
	return list(ctx, r.work, environmentRow.noun, scopes...)
}

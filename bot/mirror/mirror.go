// Package mirror shows on the forge what OpsBot knows: how a commit's build goes as
// a commit status, where a version runs as a deployment. Each build and each
// deployment is followed by one small operation, so that what was to be shown is
// shown after a crash, too, and in order.
package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"opsbot/bot"
)

// The operation kinds of this package.
const (
	KindStatus     = "forge-status"
	KindDeployment = "forge-deployment"
)

// Service files and runs the operations. Safe for concurrent use.
type Service struct {
	s   *bot.Services
	log *slog.Logger
}

var (
	_ bot.EventHandler      = (*Service)(nil)
	_ bot.DeploymentWatcher = (*Service)(nil)
)

// New makes a Service; s is complete when the first event comes.
func New(s *bot.Services, log *slog.Logger) *Service { return &Service{s, log} }

// Kinds are the operation kinds that the service runs.
func (s *Service) Kinds() []bot.OperationKind {
	return []bot.OperationKind{&kind{s, KindStatus, s.status}, &kind{s, KindDeployment, s.deployment}}
}

// HandleEvent follows a build from its first report on.
func (s *Service) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, _ *bot.Change) error {
	switch e.Type {
	case bot.EventBuildQueued, bot.EventBuildStarted, bot.EventBuildFinished:
	default:
		return nil
	}
	b := e.Build
	if b == nil || b.ID == "" || b.Commit == "" {
		return nil
	}
	p, err := tx.Projects.ByID(ctx, b.ProjectID)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if _, writes := s.s.Integrations.Get(p.Forge).(bot.StatusWriter); !writes {
		return nil
	}
	return s.follow(ctx, tx, KindStatus, p, b.ID, b.Cause)
}

// DeploymentChanged implements bot.DeploymentWatcher.
func (s *Service) DeploymentChanged(ctx context.Context, tx *bot.Tx, p bot.Project, d bot.Deployment) error {
	if _, writes := s.s.Integrations.Get(p.Forge).(bot.DeploymentWriter); !writes {
		return nil
	}
	return s.follow(ctx, tx, KindDeployment, p, d.ID, d.Cause)
}

// subject is what an operation of ours is about.
type subject struct {
	ID string `json:"id"` // of the build or the deployment
}

// follow files the operation, or wakes the one that is there.
func (s *Service) follow(ctx context.Context, tx *bot.Tx, kind string, p bot.Project, id string, cause bot.Cause) error {
	op := &bot.Operation{ID: bot.SubID(id, kind), Kind: kind, ProjectID: p.ID, Subject: p.Slug, Requester: bot.SystemUser(), Cause: cause}
	switch _, err := tx.Operations.Get(ctx, op.ID); {
	case err == nil:
		return s.s.Operations.Wake(ctx, tx, op.ID)
	case bot.CodeOf(err) != bot.CodeNotFound:
		return err
	}
	body, err := json.Marshal(subject{id})
	if err != nil {
		return fmt.Errorf("mirror: input: %w", err)
	}
	op.Input = body
	return s.s.Operations.Start(ctx, tx, op)
}

// view is what the forge is to show now.
type view struct {
	state string // what a second showing of is not worth a call
	busy  bool   // its end is near
	final bool
	show  func(ctx context.Context) error // nil: nothing, the subject is gone
}

type kind struct {
	s    *Service
	name string
	look func(ctx context.Context, id string) (view, error)
}

var _ bot.OperationKind = (*kind)(nil)

func (k *kind) Kind() string { return k.name }

// Title is for the list of operations.
func (k *kind) Title(op *bot.Operation) bot.Text {
	return "Showing " + bot.Escape(op.Subject) + " on its forge"
}

// Finish has nothing to say: what was shown is seen on the forge.
func (*kind) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error { return nil }

// How long a subject is waited for without a word of it, because a wake-up that comes
// while the operation looks is not heard: one that is about to end, and one that may
// wait for somebody's approval.
const (
	patience     = 15 * time.Second
	longPatience = 2 * time.Minute
)

// forgotten is how long an end is waited for at all: whoever was to report it may be
// gone.
const forgotten = 30 * 24 * time.Hour

// tries bounds how often a forge that does not take it is asked.
const tries = 6

// Steps: show how it stands, wait for its end, show that.
func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	var in subject
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	wait := func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
		v, err := k.look(ctx, in.ID)
		if err != nil || v.final || k.s.s.Clock.Now().Sub(run.Operation.CreatedAt) > forgotten {
			return bot.StepResult{}, err
		}
		again := longPatience
		if v.busy {
			again = patience
		}
		return bot.StepResult{Wait: &again}, nil
	}
	show := func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.show(ctx, run, in.ID) }
	return []bot.Step{
		{Name: "begin", Title: "Show the beginning", Idempotent: true, Timeout: time.Minute, Attempts: tries, Apply: show},
		{Name: "wait", Title: "Wait for the end", After: []string{"begin"}, Idempotent: true, Apply: wait, Await: wait},
		{Name: "end", Title: "Show the end", After: []string{"wait"}, Idempotent: true, Timeout: time.Minute, Attempts: tries, Apply: show},
	}, nil
}

// show shows how it stands, unless that was shown before. A forge that does not take
// it is no fault of the build: the operator reads of it, and the operation ends.
func (k *kind) show(ctx context.Context, run bot.StepRun, id string) (bot.StepResult, error) {
	v, err := k.look(ctx, id)
	if err != nil {
		return bot.StepResult{}, err
	}
	done := bot.StepResult{Output: map[string]string{"state": v.state}}
	if v.show == nil || run.Step == "end" && run.Outputs["begin"]["state"] == v.state {
		return done, nil
	}
	err = v.show(ctx)
	class, _ := bot.RetryOf(err)
	if err != nil && ctx.Err() == nil && (class == bot.RetryNever || run.Attempt >= tries) {
		k.s.log.Warn("mirror: the forge does not show it", "kind", k.name, "project", run.Operation.Subject, "id", id, "state", v.state, "error", err)
		return done, nil
	}
	if err != nil {
		return bot.StepResult{}, err
	}
	return done, nil
}

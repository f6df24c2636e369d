package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"opsbot/bot"
)

// KindDeploy is the operation kind of every deployment.
const KindDeploy = "deploy"

// deployInput is what a deploy operation keeps.
type deployInput struct {
	DeploymentID string `json:"deployment_id"`
	Verb         string `json:"verb"`
	VersionID    string `json:"version_id"`
	Label        string `json:"label"`
}

// Start files the deployment and its operation.
func (s *Service) Start(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, plan *bot.Plan) (*bot.Operation, error) {
	var content planContent
	if err := json.Unmarshal(plan.Content, &content); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The stored plan can't be read.").Because(err)
	}
	version, err := tx.Versions.ByID(ctx, content.Version)
	if err != nil {
		return nil, err
	}
	return s.file(ctx, tx, req, version, content.Environment, content.Previous)
}

// file stores a deployment in state planned with the operation that runs it.
func (s *Service) file(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, v bot.Version, env, previous string) (*bot.Operation, error) {
	now := s.opt.Clock.Now()
	d := bot.Deployment{
		ID: bot.NewID(now), ProjectID: req.Project.ID, Environment: env, Verb: req.Verb, VersionID: v.ID,
		PreviousID: previous, State: bot.DeploymentPlanned, By: req.User.ID, StartedAt: now, OperationID: bot.NewID(now), Cause: req.Cause,
	}
	input, err := json.Marshal(deployInput{DeploymentID: d.ID, Verb: req.Verb, VersionID: v.ID, Label: v.Label})
	if err != nil {
		return nil, fmt.Errorf("delivery: input: %w", err)
	}
	op := &bot.Operation{
		ID: d.OperationID, Kind: KindDeploy, ProjectID: req.Project.ID, Subject: req.Project.Slug, Environment: env,
		Input: input, Requester: req.User, Message: req.Message, CreatedAt: now, Cause: req.Cause,
	}
	if err := s.put(ctx, tx, req.Project, v.Commit, d); err != nil {
		return nil, err
	}
	return op, s.opt.Operations.Start(ctx, tx, op)
}

// deployKind runs one deployment: apply, then watch until it has ended.
type deployKind struct{ s *Service }

var (
	_ bot.OperationKind = (*deployKind)(nil)
	_ bot.OneShot       = (*deployKind)(nil)
)

func (*deployKind) Kind() string { return KindDeploy }

func decode(op *bot.Operation) (in deployInput, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

// Title words what the deployment does.
func (*deployKind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	if err != nil {
		return bot.Escape(op.Subject)
	}
	name, env := bot.Escape(op.Subject+" "+in.Label), bot.Escape(op.Environment)
	switch in.Verb {
	case "rollback":
		return "Rolling back " + bot.Escape(op.Subject) + " in " + env + " to " + bot.Escape(in.Label)
	case "restart":
		return "Restarting " + name + " in " + env
	case "promote":
		return "Promoting " + name + " to " + env
	}
	return "Deploying " + name + " to " + env
}

// Instead tells what to do after a failed deployment.
func (*deployKind) Instead(op *bot.Operation) string {
	verb, where := "deploy", "to"
	if in, err := decode(op); err == nil {
		switch verb = in.Verb; verb {
		case "rollback", "restart":
			where = "in"
		}
	}
	return fmt.Sprintf("What ran before in %s is left running. The log: log %s in %s. Once it is mended: %s %s %s %s.",
		op.Environment, op.Subject, op.Environment, verb, op.Subject, where, op.Environment)
}

// stepTitle words the one step of a deployment.
func stepTitle(in deployInput, env string) string {
	switch in.Verb {
	case "rollback":
		return "Roll back " + env + " to " + in.Label
	case "restart":
		return "Restart in " + env
	case "promote":
		return "Promote to " + env
	}
	return "Deploy to " + env
}

func (k *deployKind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	return []bot.Step{{
		Name: "deploy", Title: stepTitle(in, op.Environment), Idempotent: true, Timeout: 5 * time.Minute,
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.apply(ctx, run, in) },
		Await: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.watch(ctx, run, in) },
	}}, nil
}

// load gathers what a deployer needs to know.
func (k *deployKind) load(ctx context.Context, op *bot.Operation, in deployInput) (req bot.DeployRequest, d bot.Deployment, err error) {
	err = k.s.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if d, err = tx.Deployments.ByID(ctx, in.DeploymentID); err != nil {
			return err
		}
		if req.Project, err = tx.Projects.ByID(ctx, op.ProjectID); err != nil {
			return err
		}
		if req.Version, err = tx.Versions.ByID(ctx, in.VersionID); err != nil {
			return err
		}
		state, err := tx.Environments.Get(ctx, op.ProjectID, op.Environment)
		if err != nil || state.DesiredID == "" {
			return err
		}
		v, err := tx.Versions.ByID(ctx, state.DesiredID)
		req.Previous = &v
		return err
	})
	req.DeploymentID, req.Verb, req.Environment, req.Cause = in.DeploymentID, in.Verb, op.Environment, op.Cause
	req.Restart = in.Verb == "restart"
	return req, d, err
}

func (k *deployKind) apply(ctx context.Context, run bot.StepRun, in deployInput) (bot.StepResult, error) {
	req, d, err := k.load(ctx, run.Operation, in)
	if err != nil {
		return bot.StepResult{}, err
	}
	env, err := k.s.Environment(run.Operation.Environment)
	if err != nil {
		return bot.StepResult{}, err
	}
	deployer, err := k.s.deployer(env)
	if err != nil {
		return bot.StepResult{}, err
	}
	// The row says "applying" before the deployer may do anything.
	d.State, d.OperationID = bot.DeploymentApplying, run.Operation.ID
	if err := k.record(ctx, req, d); err != nil {
		return bot.StepResult{}, err
	}
	external, err := deployer.Apply(ctx, req)
	if err != nil {
		return bot.StepResult{}, err
	}
	d.State, d.ExternalID = bot.DeploymentWatching, external
	return bot.StepResult{Commit: func(ctx context.Context, tx *bot.Tx) error {
		return k.s.put(ctx, tx, req.Project, req.Version.Commit, d)
	}}, nil
}

// record stores a deployment in a transaction of its own.
func (k *deployKind) record(ctx context.Context, req bot.DeployRequest, d bot.Deployment) error {
	return k.s.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return k.s.put(ctx, tx, req.Project, req.Version.Commit, d)
	})
}

// put stores a deployment as it stands, and has all that show it look again.
func (s *Service) put(ctx context.Context, tx *bot.Tx, p bot.Project, commit string, d bot.Deployment) error {
	if err := tx.Deployments.Put(ctx, d); err != nil {
		return err
	}
	if s.opt.Watcher != nil {
		if err := s.opt.Watcher.DeploymentChanged(ctx, tx, p, d); err != nil {
			return err
		}
	}
	return touch(ctx, tx, p, commit, d.Cause)
}

// watch asks the deployer how it stands until it has ended.
func (k *deployKind) watch(ctx context.Context, run bot.StepRun, in deployInput) (bot.StepResult, error) {
	req, d, err := k.load(ctx, run.Operation, in)
	if err != nil {
		return bot.StepResult{}, err
	}
	env, err := k.s.Environment(run.Operation.Environment)
	if err != nil {
		return bot.StepResult{}, err
	}
	deployer, err := k.s.deployer(env)
	if err != nil {
		return bot.StepResult{}, err
	}
	seen, err := deployer.Observe(ctx, req)
	if err != nil {
		return bot.StepResult{}, err
	}
	res := bot.StepResult{Detail: bot.Escape(seen.Message), URL: seen.URL}
	if !seen.State.Final() {
		wait := k.s.opt.Poll
		res.Wait = &wait
		return res, nil
	}
	d.State, d.Message, d.URL, d.FinishedAt = seen.State, seen.Message, seen.URL, k.s.opt.Clock.Now()
	res.Commit = func(ctx context.Context, tx *bot.Tx) error { return k.settle(ctx, tx, req, d) }
	if seen.State == bot.DeploymentSucceeded {
		return res, nil
	}
	return res, bot.Errorf(bot.CodeUnavailable, "%s", failure(d))
}

func failure(d bot.Deployment) string {
	it := "deployment"
	if d.Verb == "rollback" || d.Verb == "restart" {
		it = d.Verb
	}
	what := "The " + it + " failed"
	switch d.State {
	case bot.DeploymentRolledBack:
		what = "The " + it + " was rolled back"
	case bot.DeploymentUnknown:
		what = "How the " + it + " ended can't be told"
	}
	if d.Message == "" {
		return what + "."
	}
	return what + ": " + d.Message
}

// settle stores the end of a deployment and what the environment should run now.
func (k *deployKind) settle(ctx context.Context, tx *bot.Tx, req bot.DeployRequest, d bot.Deployment) error {
	if err := k.s.put(ctx, tx, req.Project, req.Version.Commit, d); err != nil {
		return err
	}
	if d.State != bot.DeploymentSucceeded {
		return nil
	}
	if req.Previous != nil && req.Previous.Commit != req.Version.Commit { // whose card says that it runs, or is rolled back from
		if err := touch(ctx, tx, req.Project, req.Previous.Commit, d.Cause); err != nil {
			return err
		}
	}
	state, err := tx.Environments.Get(ctx, d.ProjectID, d.Environment)
	if err != nil {
		return err
	}
	// An app can die before its deployment is settled; what its deployer told since
	// then is newer.
	if state.Health != "unhealthy" || !state.UpdatedAt.After(d.StartedAt) {
		state.Health = "healthy"
	}
	state.DesiredID, state.ObservedID, state.URL, state.UpdatedAt = d.VersionID, d.VersionID, d.URL, d.FinishedAt
	return tx.Environments.Put(ctx, state)
}

// Finish closes a deployment that its step could not close, and says how it ended
// in the thread that asked for it.
func (k *deployKind) Finish(ctx context.Context, tx *bot.Tx, op *bot.Operation, _ []bot.StepRow) error {
	in, err := decode(op)
	if err != nil {
		return err
	}
	d, err := tx.Deployments.ByID(ctx, in.DeploymentID)
	if err != nil {
		return err
	}
	if !d.State.Final() {
		end := bot.DeploymentFailed
		if d.State == bot.DeploymentWatching { // it was begun, and could not be looked at any more
			end = bot.DeploymentUnknown
		}
		d.State, d.Message, d.FinishedAt = end, op.Error, k.s.opt.Clock.Now()
		if err := k.close(ctx, tx, d); err != nil {
			return err
		}
	}
	if op.Message.Room.ID == "" {
		return nil
	}
	thread, under := op.EndIn()
	p := bot.Post{
		Key: "op:" + op.ID + ":done", Room: op.Message.Room, Thread: thread, Under: under, Mention: op.Message.Author,
		Cause: op.ID, Root: op.Cause.Root, Tone: bot.ToneGood,
	}
	name := bot.Escape(op.Subject + " " + in.Label)
	switch d.State {
	case bot.DeploymentSucceeded:
		p.Text = []bot.Text{"Success! " + name + " runs in " + bot.Escape(op.Environment) + ": " + bot.Text(d.URL)}
	case bot.DeploymentUnknown:
		p.Tone = bot.ToneWarn
		p.Text = []bot.Text{name + " may run in " + bot.Escape(op.Environment) + ". " + bot.Escape(failure(d))}
	default:
		p.Tone = bot.ToneBad
		p.Text = []bot.Text{name + " is not in " + bot.Escape(op.Environment) + ". " + bot.Escape(failure(d))}
	}
	return tx.Posts.Put(ctx, p)
}

// close stores the end of a deployment and has its card show it.
func (k *deployKind) close(ctx context.Context, tx *bot.Tx, d bot.Deployment) error {
	p, err := tx.Projects.ByID(ctx, d.ProjectID)
	if err != nil {
		return err
	}
	v, err := tx.Versions.ByID(ctx, d.VersionID)
	if err != nil {
		return err
	}
	return k.s.put(ctx, tx, p, v.Commit, d)
}

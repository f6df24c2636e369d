package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"opsbot/bot"
)

// KindRelease is the operation kind that turns a successful build into a version
// and starts the deployments that go by themselves.
const KindRelease = "release"

// releaseInput is what a release operation keeps.
type releaseInput struct {
	BuildID  string       `json:"build_id"`
	Instance string       `json:"instance"`
	Ref      bot.BuildRef `json:"ref"`
	Commit   string       `json:"commit"`
	Branch   string       `json:"branch"`
}

// HandleEvent files a release for every build that succeeded, and keeps what is
// seen running. It runs inside the relay's transaction.
func (s *Service) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, _ *bot.Change) error {
	switch e.Type {
	case bot.EventBuildFinished:
		return s.buildFinished(ctx, tx, e)
	case bot.EventServiceDeployed, bot.EventServiceUpgraded, bot.EventServiceRolled, bot.EventServiceRemoved, bot.EventServiceFailed,
		bot.EventIncidentDetected, bot.EventIncidentResolved:
		return s.observed(ctx, tx, e)
	}
	return nil
}

func (s *Service) buildFinished(ctx context.Context, tx *bot.Tx, e *bot.Event) error {
	b := e.Build
	if b == nil || b.Result != bot.ResultSuccess || b.State != bot.BuildFinished {
		return nil
	}
	stored, err := tx.Builds.ByRef(ctx, b.Instance, b.Ref)
	if err != nil {
		return ignore(err, bot.CodeNotFound)
	}
	input, err := json.Marshal(releaseInput{BuildID: stored.ID, Instance: stored.Instance, Ref: stored.Ref, Commit: stored.Commit, Branch: stored.Ref.Branch})
	if err != nil {
		return fmt.Errorf("delivery: input: %w", err)
	}
	p, err := tx.Projects.ByID(ctx, stored.ProjectID)
	if err != nil {
		return ignore(err, bot.CodeNotFound)
	}
	// The build's own id makes the operation: the same event twice files it once.
	op := &bot.Operation{
		ID: stored.ID, Kind: KindRelease, ProjectID: p.ID, Subject: p.Slug, Input: input,
		Requester: bot.SystemUser(), Cause: bot.Cause{Cause: stored.ID, Root: stored.Cause.Root},
	}
	if _, err := tx.Operations.Get(ctx, op.ID); bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	return s.opt.Operations.Start(ctx, tx, op)
}

func ignore(err error, code bot.Code) error {
	if bot.CodeOf(err) == code {
		return nil
	}
	return err
}

// observed keeps what a deployer reports to be running.
func (s *Service) observed(ctx context.Context, tx *bot.Tx, e *bot.Event) error {
	if e.Environment == "" || e.ProjectID == "" {
		return nil
	}
	incident := e.Type == bot.EventIncidentDetected || e.Type == bot.EventIncidentResolved
	if incident && e.Health == "" {
		return nil // a monitor's finding, which says nothing about what runs
	}
	state, err := tx.Environments.Get(ctx, e.ProjectID, e.Environment)
	if err != nil {
		return err
	}
	if e.OccurredAt.Before(state.UpdatedAt) {
		return nil // we know something newer
	}
	if e.VersionID != "" || e.Type == bot.EventServiceRemoved {
		state.ObservedID = e.VersionID
	}
	if e.Health != "" {
		state.Health = e.Health
	}
	if e.URL != "" {
		state.URL = e.URL
	}
	state.UpdatedAt = e.OccurredAt
	return tx.Environments.Put(ctx, state)
}

// releaseKind reads a build back from its source and makes a version of it.
type releaseKind struct{ s *Service }

var _ bot.OperationKind = (*releaseKind)(nil)

func (*releaseKind) Kind() string { return KindRelease }

func (*releaseKind) Title(op *bot.Operation) bot.Text {
	return "Releasing " + bot.Escape(op.Subject)
}

func (k *releaseKind) Steps(op *bot.Operation) ([]bot.Step, error) {
	var in releaseInput
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return []bot.Step{{
		Name: "fetch", Title: "Fetch what is to be run", Idempotent: true, Timeout: fetchTimeout, // what was fetched has its content's name
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.fetch(ctx, run, in) },
	}, {
		Name: "release", Title: "Make a version of the build", After: []string{"fetch"}, Idempotent: true,
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.release(ctx, run, in) },
	}}, nil
}

// Finish reports a release that failed in the thread of the change's card; one
// that worked is seen on the card.
func (k *releaseKind) Finish(ctx context.Context, tx *bot.Tx, op *bot.Operation, _ []bot.StepRow) error {
	if op.State != bot.OperationFailed {
		return nil
	}
	var in releaseInput
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return nil //nolint:nilerr // the step said so already
	}
	return k.s.note(ctx, tx, op, in, "No version was made of build #"+bot.Text(fmt.Sprint(in.Ref.Number))+": "+bot.Escape(op.Error), bot.ToneBad)
}

// note posts a line in the thread of the change's card.
func (s *Service) note(ctx context.Context, tx *bot.Tx, op *bot.Operation, in releaseInput, text bot.Text, tone bot.Tone) error {
	p, err := tx.Projects.ByID(ctx, op.ProjectID)
	if err != nil {
		return ignore(err, bot.CodeNotFound)
	}
	rooms, err := bot.RoomsOf(ctx, tx, p)
	if err != nil {
		return err
	}
	changes, err := tx.Changes.ByCommit(ctx, op.ProjectID, in.Commit)
	if err != nil || len(changes) == 0 {
		return err
	}
	for _, room := range rooms {
		err := tx.Posts.Put(ctx, bot.Post{
			Key: "op:" + op.ID + ":note", Room: room.Ref, Under: "change:" + changes[0].ID,
			Text: []bot.Text{text}, Tone: tone, Cause: op.ID, Root: op.Cause.Root,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// release makes the version and files the deployments that go by themselves.
func (k *releaseKind) release(ctx context.Context, run bot.StepRun, in releaseInput) (bot.StepResult, error) {
	s, op := k.s, run.Operation
	project, build, err := k.readBack(ctx, op.ProjectID, in)
	if err != nil {
		return bot.StepResult{}, err
	}
	repo, forge, err := s.repository(ctx, project)
	if err != nil {
		return bot.StepResult{}, err
	}
	spec, problem, err := s.spec(ctx, forge, repo, in.Commit)
	if err != nil {
		return bot.StepResult{}, err
	}
	tag, err := forge.NearestTag(ctx, repo, in.Commit)
	if err != nil {
		return bot.StepResult{}, err
	}
	heads, err := forge.Branches(ctx, repo)
	if err != nil {
		return bot.StepResult{}, err
	}
	now := s.opt.Clock.Now()
	v := bot.Version{
		ID: bot.NewID(now), ProjectID: project.ID, Commit: in.Commit, BuildID: in.BuildID, Number: in.Ref.Number,
		Branch: in.Branch, Spec: spec, CreatedAt: now, Cause: op.Cause, Label: Label(tag, in.Ref.Number, in.Commit),
	}
	if v.Artifacts, err = fetched(build.Artifacts, run.Outputs["fetch"]); err != nil {
		return bot.StepResult{}, err
	}
	if problem == "" && spec.Artifact != "" && len(wanted(v.Artifacts, spec)) == 0 {
		problem = fmt.Sprintf("the build archived no artifact named %q, which %s wants to run", spec.Artifact, SpecPath)
	}
	why := obstacles{spec: problem, copied: run.Outputs["fetch"]["problem"]}
	return bot.StepResult{Commit: func(ctx context.Context, tx *bot.Tx) error {
		return k.store(ctx, tx, op, in, project, v, heads[in.Branch], why)
	}}, nil
}

// readBack asks the source's own API: an event alone deploys nothing.
func (k *releaseKind) readBack(ctx context.Context, projectID string, in releaseInput) (p bot.Project, b bot.Build, err error) {
	err = k.s.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		p, err = tx.Projects.ByID(ctx, projectID)
		return err
	})
	if err != nil {
		return p, b, err
	}
	pipeline, err := bot.Find[bot.Pipeline](k.s.opt.Integrations, in.Instance, "builds")
	if err != nil {
		return p, b, err
	}
	b, err = pipeline.Status(ctx, in.Ref)
	if err != nil {
		return p, b, err
	}
	if b.State != bot.BuildFinished || b.Result != bot.ResultSuccess || b.Commit != in.Commit {
		return p, b, bot.Errorf(bot.CodeConflict, "%s itself does not confirm that build #%d of %s succeeded with that commit.",
			in.Instance, in.Ref.Number, in.Branch)
	}
	return p, b, nil
}

// obstacles are why a version can't be deployed; "" = it can.
type obstacles struct {
	spec   string // it does not say what to run, or that is not there
	copied string // what is to be run could not be fetched
}

// in tells what stands in the way where a deployer needs only the commit, or not.
func (o obstacles) in(byCommit bool) string {
	switch {
	case !byCommit && o.spec == "":
		return o.copied
	case byCommit && o.spec == noSpec:
		return ""
	}
	return o.spec
}

// store keeps the version and files its automatic deployments, once.
func (k *releaseKind) store(ctx context.Context, tx *bot.Tx, op *bot.Operation, in releaseInput, p bot.Project, v bot.Version, head string, why obstacles) error {
	err := tx.Versions.Insert(ctx, v)
	if bot.CodeOf(err) == bot.CodeConflict {
		return nil // made by an earlier attempt whose result was lost
	}
	if err != nil {
		return err
	}
	if err := touch(ctx, tx, p, v.Commit, op.Cause); err != nil {
		return err
	}
	for _, env := range k.s.opt.Environments {
		if env.Auto == "" || env.Auto != in.Branch {
			continue
		}
		problem := why.in(k.s.byCommit(env))
		if problem == "" {
			err = k.auto(ctx, tx, op, p, v, env, head)
		} else {
			err = k.s.note(ctx, tx, op, in, "Not deployed to "+bot.Escape(env.Name)+": "+bot.Escape(problem)+".", bot.ToneWarn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// auto files the deployment of v to env, unless something newer is there or the
// environment is locked.
func (k *releaseKind) auto(ctx context.Context, tx *bot.Tx, op *bot.Operation, p bot.Project, v bot.Version, env bot.Environment, head string) error {
	state, err := tx.Environments.Get(ctx, p.ID, env.Name)
	if err != nil {
		return err
	}
	in := releaseInput{Commit: v.Commit}
	if state.LockedBy != "" {
		return k.s.note(ctx, tx, op, in, bot.Escape(v.Label+" was not deployed to "+env.Name+": it is locked ("+state.LockReason+")."), bot.ToneWarn)
	}
	if head != "" && head != v.Commit {
		late, err := overtaken(ctx, tx, v, state)
		if err != nil {
			return err
		}
		if late {
			return k.s.note(ctx, tx, op, in, bot.Escape(v.Label+" was not deployed to "+env.Name+": a newer build runs there."), bot.ToneNeutral)
		}
	}
	req := bot.DeliveryRequest{Verb: "deploy", Project: p, Environment: env.Name, User: bot.SystemUser(), Cause: op.Cause}
	_, err = k.s.file(ctx, tx, req, v, env.Name, state.DesiredID)
	return err
}

// overtaken reports that a newer build of v's branch runs in an environment, or is
// on its way there.
func overtaken(ctx context.Context, tx *bot.Tx, v bot.Version, state bot.EnvironmentState) (bool, error) {
	open, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: v.ProjectID, Environment: state.Environment, Open: true})
	if err != nil {
		return false, err
	}
	ids := []string{state.DesiredID}
	for _, d := range open {
		ids = append(ids, d.VersionID)
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		other, err := tx.Versions.ByID(ctx, id)
		if err != nil {
			return false, err
		}
		if other.Branch == v.Branch && other.Number > v.Number {
			return true, nil
		}
	}
	return false, nil
}

var notLabel = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// Label names a version: nearest tag (or 0.1.0), build number, short commit, of
// [A-Za-z0-9.-].
func Label(tag string, number int, commit string) string {
	base := strings.Trim(notLabel.ReplaceAllString(strings.TrimPrefix(tag, "v"), "-"), "-.")
	if base == "" {
		base = "0.1.0"
	}
	return fmt.Sprintf("%s-%d-g%s", base, number, commit[:min(7, len(commit))])
}

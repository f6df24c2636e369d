// Package buildnow is the command buildNow: build a branch now.
package buildnow

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"opsbot/bot"
)

// Command is buildNow.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "buildNow", Aliases: []string{"build", "build-now"}, Role: bot.RoleDeveloper, Summary: "build a branch now",
		Help: "Without a branch the default one. The change's card shows how the build goes.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "branch", Type: bot.ParamBranch, Optional: true, Help: "the branch", Example: "main"},
		},
		Pairs: "the build's parameters",
	}
}

// input is what the operation keeps.
type input struct {
	Instance   string            `json:"instance"`
	Job        bot.Job           `json:"job"`
	Branch     string            `json:"branch"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Run files the operation that queues the build, of a branch that is there.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	p := req.Project
	if p.State != bot.ProjectActive {
		return nil, bot.Errorf(bot.CodeConflict, "The project %s is %s; it can't be built.", p.Slug, p.State)
	}
	job, _, err := c.s.JobOf(ctx, *p)
	if err != nil {
		return nil, err
	}
	in := input{Instance: p.Pipeline, Job: job, Branch: req.Value("branch"), Parameters: map[string]string{}}
	if in.Branch == "" {
		in.Branch = p.DefaultBranch
	}
	if err := c.s.CheckBranch(ctx, *p, in.Branch); err != nil {
		return nil, err
	}
	for _, pair := range req.Args.Pairs {
		in.Parameters[pair.Key] = pair.Value
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("buildNow %s: input: %w", p.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "build", ProjectID: p.ID, Subject: p.Slug, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var (
	_ bot.OperationKind = (*kind)(nil)
	_ bot.OneShot       = (*kind)(nil)
)

func (*kind) Kind() string { return "build" }

func decode(op *bot.Operation) (in input, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

func (*kind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	if err != nil {
		return "Build of " + bot.Escape(op.Subject)
	}
	return "Build of " + bot.Escape(op.Subject+"/"+in.Branch)
}

// Instead tells what to do when the build could not be queued: there is nothing to
// take back, and asking anew is all that a retry would be.
func (*kind) Instead(op *bot.Operation) string {
	line := "buildNow " + op.Subject
	if in, err := decode(op); err == nil {
		line += " " + bot.Quote(in.Branch)
	}
	return "Nothing was built. Once it is mended: " + line
}

func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	return []bot.Step{{
		Name: "queue", Title: "Queue the build", Idempotent: true, Timeout: time.Minute,
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.queue(ctx, run, in) },
	}}, nil
}

func (k *kind) queue(ctx context.Context, run bot.StepRun, in input) (bot.StepResult, error) {
	pipeline, err := bot.Find[bot.Pipeline](k.c.s.Integrations, in.Instance, "builds")
	if err != nil {
		return bot.StepResult{}, err
	}
	ref, err := pipeline.Build(ctx, bot.BuildRequest{
		Job: in.Job, Branch: in.Branch, Parameters: in.Parameters, Key: run.Key,
		By: run.Operation.Requester.Name, Cause: bot.Cause{Cause: run.Operation.ID, Root: run.Operation.Cause.Root},
	})
	if err != nil {
		return bot.StepResult{}, err
	}
	detail := bot.Text("queued")
	if ref.Number > 0 {
		detail = "#" + bot.Text(strconv.Itoa(ref.Number))
	}
	return bot.StepResult{Detail: detail, Output: map[string]string{"number": strconv.Itoa(ref.Number), "queue": ref.Queue}}, nil
}

func (*kind) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error { return nil }

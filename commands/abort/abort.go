// Package abort is the command abort: stop a build, queued or running.
package abort

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// Command is abort.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "abort", Aliases: []string{"stop"}, Role: bot.RoleDeveloper, Summary: "stop a build, queued or running",
		Help: "Without a number the newest build that has not ended.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "branch", Type: bot.ParamBranch, Optional: true, Help: "the branch", Example: "main"},
			{Name: "number", Type: bot.ParamNumber, Optional: true, Help: "the build", Example: "#3"},
		},
	}
}

// input is what the operation keeps.
type input struct {
	Instance string       `json:"instance"`
	Ref      bot.BuildRef `json:"ref"`
}

// Run finds the build and files the operation that stops it.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	b, err := c.open(ctx, req)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(input{Instance: b.Instance, Ref: b.Ref})
	if err != nil {
		return nil, fmt.Errorf("abort %s: input: %w", req.Project.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "abort", ProjectID: req.Project.ID, Subject: req.Project.Slug, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}

// open finds the build that is meant and has not ended.
func (c *Command) open(ctx context.Context, req *bot.Request) (bot.Build, error) {
	var list []bot.Build
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		list, err = tx.Builds.Recent(ctx, req.Project.ID, req.Value("branch"), 100)
		return err
	})
	if err != nil {
		return bot.Build{}, err
	}
	number, _ := strconv.Atoi(req.Value("number"))
	var ended *bot.Build
	for i, b := range list {
		switch {
		case number > 0 && b.Ref.Number != number:
		case b.State != bot.BuildFinished:
			return b, nil
		case ended == nil:
			ended = &list[i]
		}
	}
	branch := req.Value("branch")
	switch {
	case ended != nil && number > 0:
		return bot.Build{}, bot.Errorf(bot.CodeConflict, "Build #%d of %s/%s has ended already: %s.", number, req.Project.Slug, ended.Ref.Branch, ended.Result)
	case ended != nil || number == 0 && branch == "":
		return bot.Build{}, bot.Errorf(bot.CodeNotFound, "No build of %s is queued or running.", strings.TrimSuffix(req.Project.Slug+"/"+bot.Shorten(branch, 60), "/"))
	}
	return bot.Build{}, c.s.NoBuild(ctx, *req.Project, branch, number)
}

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var (
	_ bot.OperationKind = (*kind)(nil)
	_ bot.OneShot       = (*kind)(nil)
)

func (*kind) Kind() string { return "abort" }

func (*kind) Title(op *bot.Operation) bot.Text {
	var in input
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return "Stopping a build of " + bot.Escape(op.Subject)
	}
	return bot.Escape(fmt.Sprintf("Stopping build #%d of %s/%s", in.Ref.Number, op.Subject, in.Ref.Branch))
}

// Instead tells what to do when the build could not be stopped.
func (*kind) Instead(op *bot.Operation) string {
	var in input
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return "To try again: abort " + op.Subject
	}
	return fmt.Sprintf("To try again: abort %s %s #%d", op.Subject, bot.Quote(in.Ref.Branch), in.Ref.Number)
}

func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	var in input
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return []bot.Step{{
		Name: "abort", Title: "Stop the build", Idempotent: true, Timeout: time.Minute,
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
			p, err := bot.Find[bot.Aborter](k.c.s.Integrations, in.Instance, "way to stop builds")
			if err != nil {
				return bot.StepResult{}, err
			}
			return bot.StepResult{}, p.Abort(ctx, in.Ref, run.Operation.Requester.Name)
		},
	}}, nil
}

func (*kind) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error { return nil }

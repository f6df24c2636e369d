// Package undo is the command undo: remove what an operation made.
package undo

import (
	"context"
	"encoding/json"
	"fmt"

	"opsbot/bot"
)

// Command is undo.
type Command struct{ s *bot.Services }

var (
	_ bot.Planner  = (*Command)(nil)
	_ bot.Accessor = (*Command)(nil)
)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "undo", Role: bot.RoleDeveloper, Confirm: true, Secondary: true, Summary: "remove what an operation made, and nothing else",
		Params: []bot.Param{
			{Name: "id", Type: bot.ParamOperation, Help: "the operation's ID", Example: "5f1c2ab09d3e"},
		},
	}
}

// Access asks the policy about the operation's project.
func (c *Command) Access(req *bot.Request) (a bot.Access) {
	_ = c.s.Work.Read(context.Background(), func(ctx context.Context, tx *bot.Tx) error {
		op, err := tx.Operations.Get(ctx, req.Value("id"))
		if err != nil {
			return err
		}
		a.Environment = op.Environment
		p, err := tx.Projects.ByID(ctx, op.ProjectID)
		a.Project, a.Team, a.OwnerName = p.Slug, p.Team, p.Owner
		return err
	})
	return a
}

// find gets the operation that is meant.
func find(ctx context.Context, tx *bot.Tx, id string) (*bot.Operation, error) {
	op, err := tx.Operations.Get(ctx, id)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no operation %q; `operations` lists them.", bot.Shorten(id, 40))
	}
	return op, err
}

// Plan lists what the operation made and undo would remove.
func (c *Command) Plan(ctx context.Context, req *bot.Request) (*bot.Plan, error) {
	var op *bot.Operation
	var made []bot.Resource
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if op, err = find(ctx, tx, req.Value("id")); err != nil {
			return err
		}
		made, err = tx.Resources.MadeBy(ctx, op.ID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case op.State == bot.OperationUndone:
		return nil, bot.Errorf(bot.CodeConflict, "That operation is undone already.")
	case op.State != bot.OperationFailed && op.State != bot.OperationSucceeded:
		return nil, bot.Errorf(bot.CodeConflict, "That operation is still %s; wait until it has ended.", op.State)
	case len(made) == 0 && op.State == bot.OperationSucceeded:
		return nil, bot.Errorf(bot.CodeConflict, "The operation %s of %s made nothing that could be removed.", op.Kind, op.Subject)
	}
	plan := &bot.Plan{Title: "Plan: undo " + bot.Escape(op.Kind+" "+op.Subject), ProjectID: op.ProjectID, Environment: op.Environment}
	for _, r := range made {
		plan.Lines = append(plan.Lines, bot.Escape(fmt.Sprintf("Remove the %s %s.", r.Kind, r.Name)))
	}
	if len(made) == 0 {
		plan.Lines = []bot.Text{"It has made nothing so far; its name becomes free again."}
	}
	plan.Content, err = json.Marshal(map[string]any{"operation": op.ID, "made": made})
	if err != nil {
		return nil, fmt.Errorf("undo %s: plan: %w", op.ID, err)
	}
	return plan, nil
}

// Run starts the undo.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		op, err := find(ctx, tx, req.Value("id"))
		if err != nil {
			return err
		}
		return c.s.Operations.Undo(ctx, tx, op.ID, req.Cause)
	}}, nil
}

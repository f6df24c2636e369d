// Package cancel is the command cancel: a plan that is not wanted any more.
package cancel

import (
	"context"

	"opsbot/bot"
)

// Command is cancel.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "cancel", Aliases: []string{"no"}, Role: bot.RoleViewer, Summary: "drop a plan; without ID the one of this thread",
		Params: []bot.Param{{Name: "id", Type: bot.ParamPlan, Optional: true, Help: "the plan's ID", Example: "k3f9aa"}},
	}
}

// Run names the plan; the router ends it.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	if id := req.Value("id"); id != "" {
		return &bot.Outcome{Cancel: id}, nil
	}
	var plan *bot.Plan
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		plan, err = bot.PlanHere(ctx, tx, req)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case plan != nil:
		return &bot.Outcome{Cancel: plan.ID}, nil
	case req.Message.Thread != "":
		return nil, bot.Errorf(bot.CodeNotFound, "No plan waits in this thread.")
	}
	return nil, bot.Errorf(bot.CodeInvalid, "Which plan? Say `cancel ID`, or answer in the plan's thread.")
}

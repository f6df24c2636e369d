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
	if req.Message.Thread == "" {
		return nil, bot.Errorf(bot.CodeInvalid, "Which plan? Say `cancel ID`, or answer in the plan's thread.")
	}
	var plan *bot.Plan
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		plan, err = tx.Plans.InThread(ctx, req.Message.Room, req.Message.Thread)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, bot.Errorf(bot.CodeNotFound, "No plan waits in this thread.")
	}
	if err != nil {
		return nil, err
	}
	return &bot.Outcome{Cancel: plan.ID}, nil
}

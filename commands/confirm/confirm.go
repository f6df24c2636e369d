// Package confirm is the command confirm: the requester accepts a plan, or somebody
// else approves it where the environment asks for that.
package confirm

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Command is confirm.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "confirm", Aliases: []string{"yes"}, Role: bot.RoleViewer, Summary: "accept a plan; without ID the one of this thread",
		Params: []bot.Param{
			{Name: "id", Type: bot.ParamPlan, Optional: true, Help: "the plan's ID", Example: "k3f9aa"},
			{Name: "typed", Type: bot.ParamText, Optional: true, Help: "what the plan asks to be typed"},
		},
	}
}

// Run names the plan; the router checks and runs it. In a plan's thread its ID may
// be left out: what is said there is then what the plan asks to be typed.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	id, typed := req.Value("id"), req.Value("typed")
	var inThread *bot.Plan
	known := false
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if id != "" {
			_, err := tx.Plans.Get(ctx, id)
			if known = err == nil; known || bot.CodeOf(err) != bot.CodeNotFound {
				return err
			}
		}
		var err error
		inThread, err = bot.PlanHere(ctx, tx, req)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case known:
		return &bot.Outcome{Confirm: id, Typed: typed}, nil
	case inThread != nil:
		return &bot.Outcome{Confirm: inThread.ID, Typed: strings.TrimSpace(id + " " + typed)}, nil
	case id != "":
		return nil, bot.Errorf(bot.CodeNotFound, "There is no plan %q.", bot.Shorten(id, 40))
	case req.Message.Thread != "":
		return nil, bot.Errorf(bot.CodeNotFound, "No plan waits in this thread.")
	}
	return nil, bot.Errorf(bot.CodeInvalid, "Which plan? Say `confirm ID`, or answer in the plan's thread.")
}

// Package skip is the command skip: leave out a failed step.
package skip

import (
	"context"

	"opsbot/bot"
)

// Command is skip.
type Command struct{ s *bot.Services }

var (
	_ bot.Command  = (*Command)(nil)
	_ bot.Accessor = (*Command)(nil)
)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "skip", Role: bot.RoleDeveloper, Secondary: true, Summary: "leave out a failed step and go on",
		Params: []bot.Param{
			{Name: "id", Type: bot.ParamOperation, Help: "the operation's ID", Example: "5f1c2ab09d3e"},
			{Name: "step", Type: bot.ParamWord, Help: "the step's name", Example: "webhook"},
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

// Run leaves the step out and sets the operation going again.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		op, err := tx.Operations.Get(ctx, req.Value("id"))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return bot.Errorf(bot.CodeNotFound, "There is no operation %q; `operations` lists them.", bot.Shorten(req.Value("id"), 40))
		}
		if err != nil {
			return err
		}
		return c.s.Operations.Skip(ctx, tx, op.ID, req.Value("step"), req.Cause)
	}}, nil
}

// Package retry is the command retry: give the failed steps of an operation another chance.
package retry

import (
	"context"

	"opsbot/bot"
)

// Command is retry.
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
		Verb: "retry", Role: bot.RoleDeveloper, Secondary: true, Summary: "try the failed steps of an operation again",
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

// Run sets the operation going again.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		op, err := tx.Operations.Get(ctx, req.Value("id"))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return bot.Errorf(bot.CodeNotFound, "There is no operation %q; `operations` lists them.", bot.Shorten(req.Value("id"), 40))
		}
		if err != nil {
			return err
		}
		return c.s.Operations.Retry(ctx, tx, op.ID, req.Cause)
	}}, nil
}

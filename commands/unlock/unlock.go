// Package unlock is the command unlock: the end of a lock.
package unlock

import (
	"context"

	"opsbot/bot"
)

// Command is unlock.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "unlock", Role: bot.RoleDeveloper, Secondary: true, Summary: "let deployments happen again",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Help: "where", Example: "production"},
		},
	}
}

// Run takes the lock off.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	env, err := c.s.Environment(req.Value("env"))
	if err != nil {
		return nil, err
	}
	reply := &bot.Post{Tone: bot.ToneGood, Text: []bot.Text{bot.Escape(req.Project.Slug + " in " + env.Name + " is open again.")}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		state, err := tx.Environments.Get(ctx, req.Project.ID, env.Name)
		if err != nil {
			return err
		}
		if state.LockedBy == "" {
			return bot.Errorf(bot.CodeConflict, "%s in %s is not locked.", req.Project.Slug, env.Name)
		}
		state.LockedBy, state.LockReason = "", ""
		return tx.Environments.Put(ctx, state)
	}}, nil
}

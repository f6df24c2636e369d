// Package lock is the command lock: nothing is deployed to an environment until
// it is unlocked.
package lock

import (
	"context"

	"opsbot/bot"
)

// Command is lock.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "lock", Role: bot.RoleDeveloper, Secondary: true, Summary: "let nothing be deployed there until it is unlocked",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Help: "where", Example: "production"},
			{Name: "reason", Type: bot.ParamText, Keyword: "because", Help: "why, for those who run into it", Example: "the database is being moved"},
		},
	}
}

// Run sets the lock.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	env, err := c.s.Environment(req.Value("env"))
	if err != nil {
		return nil, err
	}
	reason := bot.Shorten(req.Value("reason"), 300)
	reply := &bot.Post{Tone: bot.ToneWarn, Text: []bot.Text{
		bot.Escape(req.Project.Slug+" in "+env.Name+" is locked: "+reason) + ". `unlock " + bot.Text(req.Project.Slug+" in "+env.Name) + "` opens it.",
	}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		state, err := tx.Environments.Get(ctx, req.Project.ID, env.Name)
		if err != nil {
			return err
		}
		if state.LockedBy != "" && state.LockedBy != req.User.ID {
			return bot.Errorf(bot.CodeConflict, "%s in %s is locked already, since %s UTC: %s", req.Project.Slug, env.Name,
				state.LockedAt.Format("2006-01-02 15:04"), state.LockReason)
		}
		state.LockedBy, state.LockReason, state.LockedAt = req.User.ID, reason, req.Now
		return tx.Environments.Put(ctx, state)
	}}, nil
}

// Package secrets is the command secrets: which secrets a project has, without their
// values.
package secrets

import (
	"context"

	"opsbot/bot"
)

// Command is secrets.
type Command struct{ s *bot.Services }

var _ bot.Discreet = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "secrets", Role: bot.RoleDeveloper, Secondary: true, Summary: "which secrets a project has, without their values",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
	}
}

// Keep implements bot.Discreet: who means `secret set` may have typed a value, too.
func (c *Command) Keep(_ context.Context, line string, args *bot.Args) string {
	if args == nil {
		return "secrets"
	}
	return line
}

// Run lists them to who asks.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	post, err := c.s.SecretList(ctx, *req.Project)
	return &bot.Outcome{Reply: post, Private: true}, err
}

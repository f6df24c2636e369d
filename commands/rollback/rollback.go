// Package rollback is the command rollback: go back to the version that ran before.
package rollback

import (
	"context"

	"opsbot/bot"
)

// Command is rollback.
type Command struct{ s *bot.Services }

var _ bot.Planner = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "rollback", Aliases: []string{"roll-back", "revert"}, Role: bot.RoleDeveloper, Confirm: true,
		Summary: "go back to the version that ran before",
		Help:    "Without a version the one before the current one.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Help: "where", Example: "production"},
			{Name: "version", Type: bot.ParamVersion, Keyword: "to", Optional: true, Help: "the version to go back to", Example: "0.1.0-1-g3f2c1ab"},
		},
		Flags: []bot.Flag{{Name: "yes", Help: "don't ask for confirmation, where the policy allows that"}},
	}
}

func (c *Command) request(req *bot.Request) bot.DeliveryRequest {
	return bot.DeliveryRequest{
		Verb: "rollback", Project: *req.Project, Environment: req.Value("env"), Version: req.Value("version"),
		User: req.User, Message: req.Message, Cause: req.Cause,
	}
}

// Plan says what would change.
func (c *Command) Plan(ctx context.Context, req *bot.Request) (*bot.Plan, error) {
	return c.s.Deliveries.Plan(ctx, c.request(req))
}

// Run files the deployment of the confirmed plan.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		_, err := c.s.Deliveries.Start(ctx, tx, c.request(req), req.Plan)
		return err
	}}, nil
}

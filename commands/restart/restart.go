// Package restart is the command restart: start what runs in an environment afresh.
package restart

import (
	"context"

	"opsbot/bot"
)

// Command is restart.
type Command struct{ s *bot.Services }

var _ bot.Planner = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "restart", Role: bot.RoleDeveloper, Confirm: true,
		Summary: "start what runs in an environment afresh",
		Help:    "A new instance takes over before the old one is stopped.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Help: "where", Example: "production"},
		},
		Flags: []bot.Flag{{Name: "yes", Help: "don't ask for confirmation, where the policy allows that"}},
	}
}

func (c *Command) request(req *bot.Request) bot.DeliveryRequest {
	return bot.DeliveryRequest{
		Verb: "restart", Project: *req.Project, Environment: req.Value("env"), Version: "",
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

// Package deploy is the command deploy: bring a version into an environment.
package deploy

import (
	"context"

	"opsbot/bot"
)

// Command is deploy.
type Command struct{ s *bot.Services }

var _ bot.Planner = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "deploy", Role: bot.RoleDeveloper, Confirm: true,
		Summary: "bring a version into an environment",
		Help:    "Without a version the newest of the default branch. `versions NAME` lists them.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamVersioned, Help: "the project, and the version if not the newest", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "to", Help: "where to", Example: "production"},
		},
		Flags: []bot.Flag{{Name: "yes", Help: "don't ask for confirmation, where the policy allows that"}},
	}
}

func (c *Command) request(req *bot.Request) bot.DeliveryRequest {
	return bot.DeliveryRequest{
		Verb: "deploy", Project: *req.Project, Environment: req.Value("env"), Version: req.Value("version"),
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

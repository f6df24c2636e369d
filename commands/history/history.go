// Package history is the command history: what was deployed when, and by whom.
package history

import (
	"context"
	"time"

	"opsbot/bot"
)

// Command is history.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "history", Role: bot.RoleViewer, Summary: "what was deployed when, and by whom",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "env", Type: bot.ParamEnvironment, Optional: true, Help: "only this environment", Example: "production"},
		},
	}
}

// Run lists the newest deployments first.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	f := bot.DeploymentFilter{ProjectID: req.Project.ID, Limit: 15}
	if name := req.Value("env"); name != "" {
		env, err := c.s.Environment(name)
		if err != nil {
			return nil, err
		}
		f.Environment = env.Name
	}
	t := &bot.Table{Head: []string{"When (UTC)", "Environment", "What", "Version", "Outcome", "By", "Took"}}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := tx.Deployments.Find(ctx, f)
		if err != nil {
			return err
		}
		for _, d := range list {
			row, err := line(ctx, tx, d)
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"Nothing of " + bot.Escape(req.Project.Slug) + " was deployed there yet."}}}, nil
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "History of " + bot.Escape(req.Project.Slug), Table: t}}, nil
}

func line(ctx context.Context, tx *bot.Tx, d bot.Deployment) ([]bot.Text, error) {
	v, err := tx.Versions.ByID(ctx, d.VersionID)
	if err != nil {
		return nil, err
	}
	by := "OpsBot"
	if d.By != bot.SystemUser().ID {
		u, err := tx.Users.ByID(ctx, d.By)
		if err != nil {
			return nil, err
		}
		by = u.Name
	}
	outcome, took := bot.Escape(string(d.State)), ""
	if d.Message != "" && d.State != bot.DeploymentSucceeded {
		outcome += ": " + bot.Escape(d.Message)
	}
	if !d.FinishedAt.IsZero() {
		took = d.FinishedAt.Sub(d.StartedAt).Round(100 * time.Millisecond).String()
	}
	return []bot.Text{
		bot.Text(d.StartedAt.Format("01-02 15:04:05")), bot.Escape(d.Environment), bot.Escape(d.Verb), "`" + bot.Text(v.Label) + "`",
		outcome, bot.Escape(by), bot.Text(took),
	}, nil
}

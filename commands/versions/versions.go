// Package versions is the command versions: what can be deployed, and where it runs.
package versions

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot"
)

// Command is versions.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "versions", Role: bot.RoleViewer, Summary: "list what can be deployed, and where it runs",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
	}
}

// Run lists the newest versions.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	t := &bot.Table{Head: []string{"Version", "Branch", "Commit", "Made", "Runs in"}}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := tx.Versions.Recent(ctx, req.Project.ID, 20)
		if err != nil {
			return err
		}
		states, err := tx.Environments.Of(ctx, req.Project.ID)
		if err != nil {
			return err
		}
		for _, v := range list {
			var in []string
			for _, s := range states {
				if s.DesiredID == v.ID {
					in = append(in, s.Environment)
				}
			}
			slices.Sort(in)
			t.Rows = append(t.Rows, []bot.Text{
				"`" + bot.Text(v.Label) + "`", bot.Escape(v.Branch), "`" + bot.Text(bot.Shorten(v.Commit, 8)[:min(7, len(v.Commit))]) + "`",
				bot.Text(v.CreatedAt.Format("2006-01-02 15:04")), bot.Escape(strings.Join(in, ", ")),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{bot.Escape(req.Project.Slug) + " has no version yet. `buildNow " + bot.Text(req.Project.Slug) + "` makes one."}}}, nil
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Versions of " + bot.Escape(req.Project.Slug), Table: t}}, nil
}

// Package projects is the command projects: all projects and where they run.
package projects

import (
	"context"

	"opsbot/bot"
)

// Command is projects.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{Verb: "projects", Aliases: []string{"list"}, Role: bot.RoleViewer, Summary: "list the projects"}
}

// Run lists the projects that the caller may see.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	var all []bot.Project
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		all, err = tx.Projects.List(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := &bot.Table{Head: []string{"Project", "State", "Blueprint", "Owner", "Made by", "Since"}}
	for _, p := range all {
		d, err := c.s.Authorizer.Authorize(ctx, bot.Access{User: req.User, Verb: "project", Project: p.Slug, Team: p.Team, OwnerName: p.Owner, Room: req.Message.Room})
		if err != nil || !d.Allowed {
			continue
		}
		t.Rows = append(t.Rows, []bot.Text{
			bot.Escape(p.Slug), bot.Escape(string(p.State)), bot.Escape(p.Blueprint + " " + p.BlueprintVer),
			bot.Escape(p.Owner), bot.Escape(p.CreatedByName), bot.Text(p.CreatedAt.Format("2006-01-02")),
		})
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"There is no project yet. `new-project hello-world` makes the first one."}}}, nil
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Projects", Table: t}}, nil
}

// Package audit is the command audit: who asked for what, and what came of it.
package audit

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Command is audit.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "audit", Role: bot.RoleOperator, Secondary: true, Summary: "who asked for what, what the policy said, and what came of it",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Optional: true, Help: "only of this project", Example: "hello-world"}},
	}
}

// Run lists the newest rows first.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	f := bot.AuditFilter{Limit: 25}
	if req.Project != nil {
		f.ProjectID = req.Project.ID
	}
	var rows []bot.AuditRow
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		rows, err = tx.Audit.Find(ctx, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := &bot.Table{Head: []string{"When (UTC)", "Who", "Said", "Policy", "Outcome"}}
	for _, r := range rows {
		who := r.UserName
		if r.AsOwner {
			who += " (by the owner's socket)"
		}
		policy := r.Decision
		if len(r.Policies) > 0 {
			policy += ": " + strings.Join(r.Policies, ", ")
		}
		t.Rows = append(t.Rows, []bot.Text{
			bot.Text(r.At.Format("01-02 15:04:05")), bot.Escape(who), bot.Escape(bot.Shorten(r.Args, 120)),
			bot.Escape(policy), bot.Escape(bot.Shorten(r.Outcome, 160)),
		})
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Audit", Table: t}, Private: true}, nil
}

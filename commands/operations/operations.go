// Package operations is the command operations: what is going on, and what has
// stopped and waits for a decision.
package operations

import (
	"context"

	"opsbot/bot"
)

// Command is operations.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{Verb: "operations", Aliases: []string{"ops"}, Role: bot.RoleViewer, Secondary: true, Summary: "what is going on, and what waits for a decision"}
}

// Run lists the newest operations, those that have not ended first.
func (c *Command) Run(ctx context.Context, _ *bot.Request) (*bot.Outcome, error) {
	t := &bot.Table{Head: []string{"ID", "What", "State", "By", "Started (UTC)"}}
	failed := false
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Operations.Find(ctx, bot.OperationFilter{Without: bot.QuietKinds(), Limit: 40})
		if err != nil {
			return err
		}
		for _, open := range []bool{true, false} {
			for _, op := range all {
				if op.Final() == open || len(t.Rows) >= 20 {
					continue
				}
				t.Rows = append(t.Rows, row(op))
				failed = failed || op.State == bot.OperationFailed
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"There is no operation yet."}}}, nil
	}
	post := &bot.Post{Title: "Operations", Table: t}
	if failed {
		post.Text = []bot.Text{"What waits for a decision: `retry ID`, `skip ID STEP` or `undo ID`."}
	}
	return &bot.Outcome{Reply: post}, nil
}

func row(op *bot.Operation) []bot.Text {
	what := op.Kind + " " + op.Subject
	if op.Environment != "" {
		what += " (" + op.Environment + ")"
	}
	state := bot.Escape(string(op.State))
	if op.Error != "" {
		state += ": " + bot.Escape(bot.Shorten(op.Error, 120))
	}
	id := op.ID
	if len(id) == 36 {
		id = id[24:]
	}
	return []bot.Text{"`" + bot.Text(id) + "`", bot.Escape(what), state, bot.Escape(op.Requester.Name), bot.Text(op.CreatedAt.Format("01-02 15:04:05"))}
}

// Package builds is the command builds: the last builds of a project.
package builds

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// Command is builds.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "builds", Role: bot.RoleViewer, Summary: "list the last builds",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "branch", Type: bot.ParamBranch, Optional: true, Help: "only of this branch", Example: "main"},
		},
	}
}

// Run lists the newest builds first.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	var list []bot.Build
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		list, err = tx.Builds.Recent(ctx, req.Project.ID, req.Value("branch"), 15)
		return err
	})
	if err != nil {
		return nil, err
	}
	if branch := req.Value("branch"); len(list) == 0 && branch != "" {
		return nil, c.s.NoBuild(ctx, *req.Project, branch, 0)
	}
	if len(list) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"There is no build yet. `buildNow " + bot.Text(req.Project.Slug) + "` starts one."}}}, nil
	}
	t := &bot.Table{Head: []string{"Build", "Branch", "Commit", "Result", "Tests", "Started", "Took"}}
	for _, b := range list {
		t.Rows = append(t.Rows, row(b))
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Builds of " + bot.Escape(req.Project.Slug), Table: t}}, nil
}

func row(b bot.Build) []bot.Text {
	number := bot.Text(fmt.Sprintf("#%d", b.Ref.Number))
	if b.URL != "" {
		number = "[" + number + "](" + bot.Text(b.URL) + ")"
	}
	result, tests, started, took := string(b.State), "", "", ""
	if b.State == bot.BuildFinished {
		result = string(b.Result)
	}
	if b.Attempt > 1 {
		result += fmt.Sprintf(" (attempt %d)", b.Attempt)
	}
	if b.Tests != nil {
		tests = fmt.Sprintf("%d, %d failed", b.Tests.Total, b.Tests.Failed)
	}
	if !b.StartedAt.IsZero() {
		started = b.StartedAt.Format("01-02 15:04")
	}
	if !b.FinishedAt.IsZero() && !b.StartedAt.IsZero() {
		took = bot.Span(b.FinishedAt.Sub(b.StartedAt))
	}
	return []bot.Text{number, bot.Escape(b.Ref.Branch), "`" + bot.Text(b.Commit[:min(7, len(b.Commit))]) + "`", bot.Escape(result), bot.Escape(tests), bot.Text(started), bot.Text(took)}
}

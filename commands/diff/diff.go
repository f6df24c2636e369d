// Package diff is the command diff: the commits between two environments.
package diff

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// Command is diff.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "diff", Role: bot.RoleViewer, Summary: "the commits that one environment has and another has not",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "from", Type: bot.ParamEnvironment, Help: "the older environment", Example: "production"},
			{Name: "to", Type: bot.ParamEnvironment, Help: "the newer environment", Example: "staging"},
		},
	}
}

// Run lists what lies between, in both directions.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	from, err := c.version(ctx, req, req.Value("from"))
	if err != nil {
		return nil, err
	}
	to, err := c.version(ctx, req, req.Value("to"))
	if err != nil {
		return nil, err
	}
	title := bot.Escape(fmt.Sprintf("%s: %s %s → %s %s", req.Project.Slug, req.Value("from"), from.Label, req.Value("to"), to.Label))
	if from.Commit == to.Commit {
		return &bot.Outcome{Reply: &bot.Post{Title: title, Text: []bot.Text{"The same commit runs in both."}}}, nil
	}
	res, err := c.s.ResourceOf(ctx, *req.Project, bot.ResourceRepository)
	if err != nil {
		return nil, err
	}
	forge, err := bot.Find[bot.CommitReader](c.s.Integrations, res.Instance, "commit history")
	if err != nil {
		return nil, err
	}
	repo := res.Repository(req.Project.DefaultBranch)
	post := &bot.Post{Title: title, Table: &bot.Table{Head: []string{"", "Commit", "Title", "By"}}}
	for _, side := range []struct{ sign, from, to string }{{"+", from.Commit, to.Commit}, {"-", to.Commit, from.Commit}} {
		commits, err := forge.Commits(ctx, repo, side.from, side.to, limit)
		if err != nil {
			return nil, err
		}
		for _, k := range commits {
			post.Table.Rows = append(post.Table.Rows, []bot.Text{
				bot.Text(side.sign), "`" + bot.Text(k.ID[:min(7, len(k.ID))]) + "`",
				bot.Escape(bot.Shorten(k.Title, 80)), bot.Escape(k.Author),
			})
		}
		if len(commits) == limit {
			post.Text = append(post.Text, bot.Text(fmt.Sprintf("Only the newest %d are shown.", limit)))
		}
	}
	return &bot.Outcome{Reply: post}, nil
}

const limit = 30

// version is what runs in an environment.
func (c *Command) version(ctx context.Context, req *bot.Request, name string) (v bot.Version, err error) {
	env, err := c.s.Environment(name)
	if err != nil {
		return v, err
	}
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Environments.Get(ctx, req.Project.ID, env.Name)
		if err != nil {
			return err
		}
		if s.DesiredID == "" {
			return bot.Errorf(bot.CodeNotFound, "%s does not run in %s yet.", req.Project.Slug, env.Name)
		}
		v, err = tx.Versions.ByID(ctx, s.DesiredID)
		return err
	})
	return v, err
}

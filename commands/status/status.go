// Package status is the command status: what runs where, and what is going on.
package status

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Command is status.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "status", Role: bot.RoleViewer, Summary: "what runs where, and what is going on",
		Params: []bot.Param{{Name: "what", Type: bot.ParamEither, Optional: true, Help: "only of this project or environment", Example: "hello-world"}},
	}
}

// Run shows projects x environments.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	envs := c.s.Environments
	if what := req.Value("what"); what != "" && req.Project == nil {
		env, err := c.s.Environment(what)
		if err != nil {
			return nil, c.nothing(ctx, req, what)
		}
		envs = []bot.Environment{env}
	}
	t := &bot.Table{Head: []string{"Project"}}
	for _, e := range envs {
		t.Head = append(t.Head, e.Name)
	}
	var going []string
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := c.projects(ctx, tx, req)
		if err != nil {
			return err
		}
		for _, p := range list {
			row, err := line(ctx, tx, p, envs)
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, row)
		}
		going, err = c.going(ctx, tx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"There is no project yet. `new-project hello-world` makes the first one."}}}, nil
	}
	post := &bot.Post{Title: "Status", Table: t}
	for _, g := range going {
		post.Text = append(post.Text, bot.Escape(g))
	}
	return &bot.Outcome{Reply: post}, nil
}

// nothing is the refusal of a name that is neither a project's nor an environment's.
func (c *Command) nothing(ctx context.Context, req *bot.Request, what string) error {
	names := make([]string, 0, len(c.s.Environments))
	for _, e := range c.s.Environments {
		names = append(names, e.Name)
	}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := c.projects(ctx, tx, req)
		for _, p := range list {
			names = append(names, p.Slug)
		}
		return err
	})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("There is no project and no environment named %q.", bot.Shorten(what, 40))
	if near := bot.Nearest(what, names); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	return bot.Errorf(bot.CodeNotFound, "%s", text)
}

// projects are those that are asked for and may be seen.
func (c *Command) projects(ctx context.Context, tx *bot.Tx, req *bot.Request) ([]bot.Project, error) {
	if req.Project != nil {
		return []bot.Project{*req.Project}, nil
	}
	all, err := tx.Projects.List(ctx)
	var out []bot.Project
	for _, p := range all {
		d, err := c.s.Authorizer.Authorize(ctx, bot.Access{User: req.User, Verb: "status", Project: p.Slug, Team: p.Team, OwnerName: p.Owner, Room: req.Message.Room})
		if err == nil && d.Allowed && p.State != bot.ProjectArchived {
			out = append(out, p)
		}
	}
	return out, err
}

func line(ctx context.Context, tx *bot.Tx, p bot.Project, envs []bot.Environment) ([]bot.Text, error) {
	row := []bot.Text{bot.Escape(p.Slug)}
	for _, e := range envs {
		s, err := tx.Environments.Get(ctx, p.ID, e.Name)
		if err != nil {
			return nil, err
		}
		cell := bot.Text("–")
		if s.DesiredID != "" {
			v, err := tx.Versions.ByID(ctx, s.DesiredID)
			if err != nil {
				return nil, err
			}
			cell = bot.Escape(v.Label)
			if s.URL != "" {
				cell = "[" + cell + "](" + bot.Text(s.URL) + ")"
			}
			if s.Health != "" && s.Health != "healthy" {
				cell += " " + bot.Escape(s.Health)
			}
			if s.ObservedID != s.DesiredID {
				cell += " (not seen running)"
			}
		}
		if s.LockedBy != "" {
			cell += " locked: " + bot.Escape(s.LockReason)
		}
		row = append(row, cell)
	}
	return row, nil
}

// going lists builds and operations that have not ended.
func (c *Command) going(ctx context.Context, tx *bot.Tx, req *bot.Request) ([]string, error) {
	f := bot.OperationFilter{Open: true, Without: bot.QuietKinds(), Limit: 20}
	if req.Project != nil {
		f.ProjectID = req.Project.ID
	}
	ops, err := tx.Operations.Find(ctx, f)
	var out []string
	for _, op := range ops {
		what := []string{op.Kind, op.Subject}
		if op.Environment != "" {
			what = append(what, "("+op.Environment+")")
		}
		if op.State != bot.OperationFailed {
			out = append(out, strings.Join(what, " ")+": "+string(op.State))
		}
	}
	return out, err
}

// Package project is the command project: everything about one project.
package project

import (
	"context"

	"opsbot/bot"
)

// Command is project.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "project", Aliases: []string{"show"}, Role: bot.RoleViewer, Summary: "everything about one project: links, environments, last build",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
	}
}

// Run gathers the project's rows.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	p := req.Project
	post := &bot.Post{Title: bot.Escape(p.Slug)}
	if p.Description != "" {
		post.Text = append(post.Text, bot.Escape(p.Description))
	}
	post.Fields = []bot.Field{
		{Name: "State", Value: bot.Escape(string(p.State))},
		{Name: "Blueprint", Value: bot.Escape(p.Blueprint + " " + p.BlueprintVer)},
		{Name: "Made", Value: bot.Escape("by " + p.CreatedByName + " on " + p.CreatedAt.Format("2006-01-02 15:04") + " UTC")},
	}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := c.resources(ctx, tx, p, post); err != nil {
			return err
		}
		return c.environments(ctx, tx, p, post)
	})
	return &bot.Outcome{Reply: post}, err
}

func (c *Command) resources(ctx context.Context, tx *bot.Tx, p *bot.Project, post *bot.Post) error {
	all, err := tx.Resources.Of(ctx, p.ID)
	if err != nil {
		return err
	}
	for _, r := range all {
		switch r.Kind {
		case bot.ResourceRepository:
			post.Fields = append(post.Fields, bot.Field{Name: "Repository", Value: bot.Escape(r.Name), URL: r.URL},
				bot.Field{Name: "Clone", Value: "`git clone " + bot.Text(r.CloneURL) + "`"})
		case bot.ResourceJob:
			post.Fields = append(post.Fields, bot.Field{Name: "Job", Value: bot.Escape(r.Name), URL: r.URL})
		}
	}
	builds, err := tx.Builds.Recent(ctx, p.ID, p.DefaultBranch, 1)
	for _, b := range builds {
		state := string(b.State)
		if b.State == bot.BuildFinished {
			state = string(b.Result)
		}
		post.Fields = append(post.Fields, bot.Field{Name: "Last build", Value: bot.Escape(b.Ref.Branch + ": " + state), URL: b.URL})
	}
	return err
}

func (c *Command) environments(ctx context.Context, tx *bot.Tx, p *bot.Project, post *bot.Post) error {
	for _, env := range c.s.Environments {
		state, err := tx.Environments.Get(ctx, p.ID, env.Name)
		if err != nil {
			return err
		}
		value := bot.Text("nothing deployed")
		if state.DesiredID != "" {
			v, err := tx.Versions.ByID(ctx, state.DesiredID)
			if err != nil {
				return err
			}
			value = bot.Escape(v.Label)
			if state.Health != "" {
				value += ", " + bot.Escape(state.Health)
			}
		}
		if state.LockedBy != "" {
			value += ", locked: " + bot.Escape(state.LockReason)
		}
		post.Fields = append(post.Fields, bot.Field{Name: env.Name, Value: value, URL: state.URL})
	}
	return nil
}

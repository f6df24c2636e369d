// Package blueprints is the command blueprints: what a project can start from.
package blueprints

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Command is blueprints.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "blueprints", Aliases: []string{"blueprint", "templates"}, Role: bot.RoleViewer,
		Summary: "what a project can start from",
		Params:  []bot.Param{{Name: "name", Type: bot.ParamBlueprint, Optional: true, Help: "show the parameters of this one", Example: "go-service"}},
	}
}

// Run lists the catalogue, or one blueprint's parameters.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	if name := req.Value("name"); name != "" {
		b, err := c.s.Blueprints.Get(name)
		if err != nil {
			return nil, err
		}
		return &bot.Outcome{Reply: page(b)}, nil
	}
	t := &bot.Table{Head: []string{"Blueprint", "Version", "What it makes"}}
	for _, b := range c.s.Blueprints.List() {
		name := bot.Escape(b.Name)
		if b.Name == c.s.Defaults.Blueprint {
			name += " (default)"
		}
		t.Rows = append(t.Rows, []bot.Text{name, bot.Escape(b.Version), bot.Escape(b.Description)})
	}
	post := &bot.Post{Title: "Blueprints", Table: t, Text: []bot.Text{"`blueprints NAME` shows the parameters, `new-project NAME --blueprint B` uses one."}}
	if c.s.Defaults.BlueprintNote != "" {
		post.Text = append(post.Text, bot.Escape(c.s.Defaults.BlueprintNote))
	}
	return &bot.Outcome{Reply: post}, nil
}

func page(b bot.BlueprintInfo) *bot.Post {
	t := &bot.Table{Head: []string{"Parameter", "Type", "Default", "What it is"}}
	for _, p := range b.Parameters {
		kind, def := p.Type, p.Default
		if len(p.Enum) > 0 {
			kind = strings.Join(p.Enum, " | ")
		}
		if p.Required && def == "" {
			def = "(required)"
		}
		t.Rows = append(t.Rows, []bot.Text{bot.Escape(p.Name), bot.Escape(kind), bot.Escape(def), bot.Escape(orTitle(p))})
	}
	return &bot.Post{
		Title: bot.Escape(fmt.Sprintf("%s %s, by %s", b.Name, b.Version, b.Owner)), Text: []bot.Text{bot.Escape(b.Description)}, Table: t,
	}
}

func orTitle(p bot.BlueprintParameter) string {
	if p.Description != "" {
		return p.Description
	}
	return p.Title
}

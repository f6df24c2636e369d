// Package help is the command help: what can be said here, and how.
package help

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Command is help.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "help", Aliases: []string{"?", "commands"}, Role: bot.RoleViewer,
		Summary: "what you can say here",
		Params:  []bot.Param{{Name: "verb", Type: bot.ParamVerb, Optional: true, Help: "a command", Example: "deploy"}},
	}
}

// Run lists what the caller may do, or explains one command.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	if verb := req.Value("verb"); verb != "" {
		return c.explain(ctx, req, verb)
	}
	t := &bot.Table{Head: []string{"Command", "What it does"}}
	var more []string
	for _, spec := range c.s.Catalogue() {
		if !c.may(ctx, req, spec) {
			continue
		}
		if spec.Secondary {
			more = append(more, spec.Verb)
			continue
		}
		t.Rows = append(t.Rows, []bot.Text{"`" + bot.Text(spec.Usage()) + "`", bot.Escape(spec.Summary)})
	}
	if len(more) > 0 {
		t.Rows = append(t.Rows, []bot.Text{"and", bot.Text("`" + strings.Join(more, "`, `") + "`")})
	}
	post := &bot.Post{Title: "What you can say here", Table: t, Text: []bot.Text{
		bot.Text(fmt.Sprintf("Say it as `@%s VERB ...` or as `!VERB ...`; `help VERB` explains one.", c.s.Defaults.BotName)),
	}}
	return &bot.Outcome{Reply: post}, nil
}

// may asks about the verb alone: the scope is the room, not a project.
func (c *Command) may(ctx context.Context, req *bot.Request, spec bot.Spec) bool {
	d, err := c.s.Authorizer.Authorize(ctx, bot.Access{User: req.User, Verb: spec.Verb, Room: req.Message.Room})
	return err == nil && d.Allowed
}

func (c *Command) explain(ctx context.Context, req *bot.Request, verb string) (*bot.Outcome, error) {
	for _, spec := range c.s.Catalogue() {
		if !named(spec, verb) {
			continue
		}
		if !c.may(ctx, req, spec) {
			return nil, bot.Errorf(bot.CodeForbidden, "You may not use %s here; `policy explain` on the server says why.", spec.Verb)
		}
		return &bot.Outcome{Reply: page(spec)}, nil
	}
	text := fmt.Sprintf("There is no command %q; `help` lists them.", bot.Shorten(verb, 40))
	if near := bot.Nearest(verb, c.verbs(ctx, req)); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	return nil, bot.Errorf(bot.CodeNotFound, "%s", text)
}

// verbs are those that the caller may use.
func (c *Command) verbs(ctx context.Context, req *bot.Request) (names []string) {
	for _, spec := range c.s.Catalogue() {
		if c.may(ctx, req, spec) {
			names = append(append(names, spec.Verb), spec.Aliases...)
		}
	}
	return names
}

func named(spec bot.Spec, verb string) bool {
	for _, name := range append([]string{spec.Verb}, spec.Aliases...) {
		if strings.EqualFold(name, verb) {
			return true
		}
	}
	return false
}

// page is everything about one command.
func page(spec bot.Spec) *bot.Post {
	post := &bot.Post{Title: bot.Escape(spec.Verb) + ": " + bot.Escape(spec.Summary)}
	if spec.Help != "" {
		post.Text = append(post.Text, bot.Text(spec.Help))
	}
	post.Code = "Usage:    " + spec.Usage() + "\n"
	for i, example := range spec.Examples() {
		label := "Examples: "
		if i > 0 {
			label = "          "
		}
		post.Code += label + example + "\n"
	}
	for _, p := range spec.Params {
		post.Fields = append(post.Fields, bot.Field{Name: strings.ToUpper(p.Name), Value: bot.Escape(p.Help)})
	}
	if spec.Pairs != "" {
		post.Fields = append(post.Fields, bot.Field{Name: "key=value", Value: bot.Escape(spec.Pairs)})
	}
	for _, f := range spec.Flags {
		post.Fields = append(post.Fields, bot.Field{Name: "--" + f.Name, Value: bot.Escape(f.Help)})
	}
	if len(spec.Aliases) > 0 {
		post.Fields = append(post.Fields, bot.Field{Name: "Also", Value: bot.Escape(strings.Join(spec.Aliases, ", "))})
	}
	post.Fields = append(post.Fields, bot.Field{Name: "Least role by default", Value: bot.Escape(string(spec.Role))})
	return post
}

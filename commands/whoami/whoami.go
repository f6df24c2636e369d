// Package whoami is the command whoami: who OpsBot takes the caller for.
package whoami

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Command is whoami.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{Verb: "whoami", Role: bot.RoleViewer, Summary: "who you are to OpsBot, and in which groups", Secondary: true}
}

// Run shows account and groups.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	var logins []bot.Login
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		logins, err = tx.Logins.Of(ctx, req.User.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	groups := strings.Join(req.User.Groups, ", ")
	if groups == "" {
		groups = "none"
	}
	post := &bot.Post{Title: "You are " + bot.Escape(req.User.Name), Fields: []bot.Field{
		{Name: "Account", Value: bot.Escape(req.User.Account.String())},
		{Name: "Groups", Value: bot.Escape(groups)},
	}}
	for _, l := range logins {
		if l.String() != req.User.Account.String() {
			post.Fields = append(post.Fields, bot.Field{Name: "Also", Value: bot.Escape(l.String() + " " + l.Name)})
		}
	}
	if req.User.Owner {
		post.Fields = append(post.Fields, bot.Field{Name: "Data folder", Value: "you own it, so you may do everything here"})
	}
	return &bot.Outcome{Reply: post, Private: true}, nil
}

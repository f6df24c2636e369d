// Package unlink is the command unlink: it takes an account out of a person's.
package unlink

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Command is unlink.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "unlink", Role: bot.RoleViewer, Secondary: true, Summary: "make an account a person of its own again",
		Help:   "Without an account the one you are using. `whoami` lists yours; those of others are for operators.",
		Params: []bot.Param{{Name: "account", Type: bot.ParamWord, Optional: true, Help: "the account, as whoami shows it", Example: "slack:T1/U1"}},
	}
}

// Run parts the account.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	wanted := req.Value("account")
	if wanted == "" {
		wanted = req.User.Account.String()
	}
	found, mine, err := c.find(ctx, req, wanted)
	if err != nil {
		return nil, err
	}
	if !mine {
		// To take away from others is an operator's: asked as the verb that is.
		d, err := c.s.Authorizer.Authorize(ctx, bot.Access{User: req.User, Verb: "leave", Room: req.Message.Room})
		if err != nil {
			return nil, err
		}
		if !d.Allowed {
			return nil, bot.Errorf(bot.CodeForbidden, "The account %s is not yours. %s", bot.Shorten(wanted, 80), d.Reason)
		}
	}
	reply := &bot.Post{Tone: bot.ToneGood, Text: []bot.Text{bot.Escape("The account " + found.String() + " is a person of its own now.")}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Logins.Part(ctx, found, req.Now)
		return err
	}}, nil
}

// find looks the account up among one's own, then among everybody's.
func (c *Command) find(ctx context.Context, req *bot.Request, wanted string) (found bot.Account, mine bool, err error) {
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		users, err := tx.Users.List(ctx)
		if err != nil {
			return err
		}
		for _, u := range users {
			logins, err := tx.Logins.Of(ctx, u.ID)
			if err != nil {
				return err
			}
			for _, l := range logins {
				if strings.EqualFold(l.String(), wanted) {
					found, mine = l.Account, u.ID == req.User.ID
					return nil
				}
			}
		}
		return bot.Errorf(bot.CodeNotFound, "There is no account %q. `whoami` lists yours.", bot.Shorten(wanted, 80))
	})
	return found, mine, err
}

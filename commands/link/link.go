// Package link is the command link: it makes one person of accounts in two chats.
package link

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"opsbot/bot"
)

// Command is link.
type Command struct{ s *bot.Services }

var _ bot.Planner = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Codes are kept like other secrets that stand for a person: hashed, for a while.
const (
	sessionKind = "link"
	codeLife    = 10 * time.Minute
	codeLength  = 10
)

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "link", Role: bot.RoleViewer, Secondary: true, Confirm: true, Summary: "be one person in several chats",
		Help: "Say `link` in one chat, then `link CODE` in the other. From then on both accounts are one person: " +
			"a plan asked for here can be confirmed there, and groups count in both.",
		Params: []bot.Param{{Name: "code", Type: bot.ParamWord, Optional: true, Help: "the code from the other chat", Example: "K7mP2xQ9aB"}},
	}
}

// content is what the person agrees to.
type content struct {
	From bot.Account `json:"from"`
	Into string      `json:"into"` // user id
}

// Plan shows who will be one person; without a code there is nothing to agree to.
func (c *Command) Plan(ctx context.Context, req *bot.Request) (*bot.Plan, error) {
	if req.Value("code") == "" || !alone(req) {
		return nil, nil
	}
	into, logins, err := c.owner(ctx, req)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(content{From: req.User.Account, Into: into.ID})
	if err != nil {
		return nil, fmt.Errorf("link: plan: %w", err)
	}
	names := make([]string, len(logins))
	for i, l := range logins {
		names[i] = name(l.Account)
	}
	return &bot.Plan{
		Title: "Become one person with " + bot.Escape(into.Name),
		Lines: []bot.Text{
			bot.Escape(fmt.Sprintf("Your account %s joins %s.", name(req.User.Account), strings.Join(names, ", "))),
			"Whoever uses one of these accounts then has the rights of all of them. Go on only if all of them are yours.",
		},
		Content: body,
	}, nil
}

// name is an account for people.
func name(a bot.Account) string {
	if a.Name == "" {
		return a.String()
	}
	return fmt.Sprintf("%s (%s)", a.Name, a.String())
}

func hash(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// owner finds who asked for the code, with their accounts.
func (c *Command) owner(ctx context.Context, req *bot.Request) (into bot.User, logins []bot.Login, err error) {
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Sessions.Get(ctx, sessionKind, hash(req.Value("code")), req.Now)
		if err != nil {
			return err
		}
		if into, err = tx.Users.ByID(ctx, s.UserID); err != nil {
			return err
		}
		logins, err = tx.Logins.Of(ctx, into.ID)
		return err
	})
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return into, nil, bot.Errorf(bot.CodeNotFound, "That code is not known, or is older than %s. Say `link` in the other chat for a new one.", bot.Span(codeLife))
	case err == nil && into.ID == req.User.ID:
		return into, nil, bot.Errorf(bot.CodeConflict, "You are that person already. Say `link CODE` in the other chat.")
	}
	return into, logins, err
}

// Run gives a code, or joins the accounts when one was confirmed.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	switch {
	case req.Value("code") == "":
		return c.give(req)
	case !alone(req):
		return c.burn(req), nil
	}
	into, _, err := c.owner(ctx, req)
	if err != nil {
		return nil, err
	}
	reply := &bot.Post{Tone: bot.ToneGood, Text: []bot.Text{bot.Escape(fmt.Sprintf("You are %s now, here and there. `unlink` takes it back.", into.Name))}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Sessions.Take(ctx, sessionKind, hash(req.Value("code")), req.Now)
		if err != nil {
			return err
		}
		return tx.Logins.Join(ctx, req.User.ID, s.UserID)
	}}, nil
}

// alone reports whether nobody else sees what the person says.
func alone(req *bot.Request) bool { return req.Message.Direct || req.Message.Loose }

// burn makes a code useless that others have seen: whoever says it becomes its owner.
func (c *Command) burn(req *bot.Request) *bot.Outcome {
	reply := &bot.Post{Tone: bot.ToneBad, Text: []bot.Text{
		"Everybody here saw that code, so it is worth nothing any more. Ask for a new one, and say it to me in a direct message.",
	}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		return tx.Sessions.Revoke(ctx, sessionKind, hash(req.Value("code")))
	}}
}

// give makes a code that nobody else is shown.
func (c *Command) give(req *bot.Request) (*bot.Outcome, error) {
	if !req.Message.Direct && !c.private(req.Message.Room.Instance) {
		return nil, bot.Errorf(bot.CodeUnsupported, "Everybody here would see the code. Say `link` to me in a direct message.")
	}
	code := bot.NewToken()[:codeLength]
	reply := &bot.Post{Text: []bot.Text{
		bot.Text(fmt.Sprintf("Say `link %s` to me in the other chat within %s. Whoever says it becomes you: tell it to nobody.", code, bot.Span(codeLife))),
	}}
	session := bot.Session{Hash: hash(code), Kind: sessionKind, UserID: req.User.ID, Name: "link", CreatedAt: req.Now, ExpiresAt: req.Now.Add(codeLife)}
	return &bot.Outcome{Reply: reply, Private: true, Commit: func(ctx context.Context, tx *bot.Tx) error { return tx.Sessions.Put(ctx, session) }}, nil
}

// private reports whether the chat can show something to one person alone.
func (c *Command) private(instance string) bool {
	_, can := c.s.Integrations.Get(instance).(bot.Ephemeral)
	return can
}

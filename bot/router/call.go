package router

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

// call is one message on its way to a command.
type call struct {
	m      bot.Message
	thread string
	user   bot.User
	line   string // what was typed, without mention and prefix
	action *bot.Action

	cmd     bot.Command
	spec    bot.Spec
	args    bot.Args
	project *bot.Project
	plan    *bot.Plan // confirmed
	audit   bot.AuditRow
}

// result is what is to be written when a call is done.
type result struct {
	reply   *bot.Post
	private bool
	commit  func(ctx context.Context, tx *bot.Tx) error
	audited bool // the call is a command, or should have been one
}

func (c *call) cause() bot.Cause { return bot.Cause{Cause: c.m.ID, Root: c.m.Root} }

// key is the key of the post that answers the message.
func (c *call) key() string {
	sum := sha256.Sum256([]byte(c.m.Room.String() + "\n" + c.m.ID))
	return "re:" + hex.EncodeToString(sum[:12])
}

// say is a result that answers with lines.
func (c *call) say(tone bot.Tone, lines ...bot.Text) *result {
	return &result{reply: &bot.Post{Tone: tone, Text: lines}, audited: true}
}

// problem is the answer to an error.
func (c *call) problem(err error) *result {
	c.audit.Decision = orElse(c.audit.Decision, "invalid")
	if bot.CodeOf(err) == bot.CodeForbidden {
		c.audit.Decision = "refused"
	}
	c.audit.Outcome = "failed: " + bot.MessageOf(err)
	res := c.say(bot.ToneBad, bot.Escape(bot.MessageOf(err)))
	res.private = bot.CodeOf(err) == bot.CodeForbidden
	return res
}

// invalid is the answer to a line that can't be read, with the command's form.
func (c *call) invalid(text string) *result {
	c.audit.Decision, c.audit.Outcome = "invalid", "failed: "+text
	res := c.say(bot.ToneBad, bot.Escape(text))
	if c.spec.Verb != "" {
		res.reply.Text = append(res.reply.Text, bot.Text("Usage: `"+c.spec.Usage()+"`"),
			bot.Text("For example: `"+c.spec.Examples()[0]+"`"))
	}
	return res
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// stranger answers somebody who is not let in, if what they said was for the bot.
func (r *Router) stranger(ctx context.Context, c *call, err error) (*result, error) {
	if bot.CodeOf(err) != bot.CodeForbidden {
		return nil, err
	}
	if wants, lookErr := r.Wants(ctx, c.m); lookErr == nil && !wants {
		return nil, nil //nolint:nilerr // people talk to each other, these as well
	}
	c.line = c.m.Text
	return c.problem(err), nil
}

// missed answers what was said so long ago that nobody may want it any more.
func (c *call) missed(now time.Time) *result {
	c.audit.Outcome = "missed: said " + bot.Span(now.Sub(c.m.SentAt)) + " before it was read"
	return c.say(bot.ToneWarn, bot.Escape(fmt.Sprintf("I was away when you wrote this, %s ago, so I have not run it. Say it again if you still want it.",
		bot.Span(now.Sub(c.m.SentAt)))))
}

// handle decides whether the message is for the bot and runs it. A nil result
// means it is not.
func (r *Router) handle(ctx context.Context, c *call) (*result, error) {
	if err := r.identify(ctx, c); err != nil {
		return r.stranger(ctx, c, err)
	}
	switch {
	case c.m.Action != "":
		return r.pressed(ctx, c)
	case c.m.Reaction != "":
		return r.reacted(ctx, c)
	}
	var how address
	c.line, how = r.addressed(ctx, c.m)
	if how == notForUs {
		return nil, nil
	}
	if c.m.Missed {
		return c.missed(r.opt.Clock.Now()), nil
	}
	if how == byThread {
		return r.overheard(ctx, c)
	}
	words, err := lex(c.line)
	if err != nil {
		return c.invalid(err.Error()), nil
	}
	if len(words) == 0 {
		words, c.line = []token{{text: "help", end: 4}}, "help"
	}
	c.cmd = r.verbs[strings.ToLower(words[0].text)]
	if c.cmd == nil {
		return r.unknownVerb(ctx, c, words[0].text), nil
	}
	c.spec = c.cmd.Spec()
	c.audit.Verb = c.spec.Verb
	args, missing, err := parse(c.spec, c.line, words[1:])
	if err != nil {
		return c.invalid(err.Error()), nil
	}
	c.args = args
	if missing, err = r.fromPlace(ctx, c, missing); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		if res, err := r.offerForms(ctx, c); res != nil || err != nil {
			return r.answer(c, res, err)
		}
		return c.invalid(fmt.Sprintf("%s is missing.", strings.ToUpper(missing[0].Name))), nil
	}
	return r.run(ctx, c)
}

// identify finds out who speaks.
func (r *Router) identify(ctx context.Context, c *call) (err error) {
	if c.user, err = r.opt.People.Identify(ctx, c.m.Author); err != nil {
		return err
	}
	c.user.Owner = c.m.Owner && c.m.Author.ID == OwnerAccount
	return nil
}

// OwnerAccount is the account id of the data folder's owner in the console chat.
const OwnerAccount = "owner"

// pressed runs the stored action behind a button.
func (r *Router) pressed(ctx context.Context, c *call) (*result, error) {
	a, err := r.stored(ctx, c.m.Action)
	c.line = "(button)"
	if bot.CodeOf(err) == bot.CodeNotFound {
		return c.problem(bot.Errorf(bot.CodeNotFound, "That button is not known any more. Type the command instead.")), nil
	}
	if err != nil {
		return nil, err
	}
	c.audit.Verb = a.Verb
	switch {
	case a.Room != c.m.Room: // its id was taken elsewhere: there is no such button in this room
		return c.problem(bot.Errorf(bot.CodeForbidden, "That button belongs to a message in another room. Press it there, or type `%s` here.", a.Verb)), nil
	case r.opt.Clock.Now().After(a.ExpiresAt):
		return c.problem(bot.Errorf(bot.CodeConflict, "That button has expired. Type `%s` instead.", a.Verb)), nil
	case a.UserID != "" && a.UserID != c.user.ID:
		return c.problem(bot.Errorf(bot.CodeForbidden, "That button is for somebody else.")), nil
	case a.Once && !a.UsedAt.IsZero():
		return c.problem(bot.Errorf(bot.CodeConflict, "That button was pressed already, at %s UTC.", a.UsedAt.Format("15:04:05"))), nil
	}
	c.cmd = r.verbs[strings.ToLower(a.Verb)]
	if c.cmd == nil {
		return nil, bot.Errorf(bot.CodeInternal, "There is no command %q behind that button.", a.Verb)
	}
	if err := c.take(a); err != nil {
		return nil, err
	}
	if a.Form {
		if res, err := r.fill(ctx, c); res != nil || err != nil {
			return res, err
		}
	}
	c.line = c.spec.Format(c.args)
	return r.run(ctx, c)
}

func (r *Router) stored(ctx context.Context, id string) (a bot.Action, err error) {
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		a, err = tx.Actions.Get(ctx, id)
		return err
	})
	return a, err
}

// take makes the call that of a stored action.
func (c *call) take(a bot.Action) error {
	c.action, c.spec = &a, c.cmd.Spec()
	c.args = bot.Args{Values: map[string]string{}, Flags: map[string]string{}}
	if len(a.Args) > 0 {
		if err := json.Unmarshal(a.Args, &c.args); err != nil {
			return bot.Errorf(bot.CodeInternal, "The stored action of that button can't be read.").Because(err)
		}
	}
	return nil
}

// unknownVerb answers a verb that is not there with the nearest one that the
// person may use.
func (r *Router) unknownVerb(ctx context.Context, c *call, word string) *result {
	var may []string
	for _, name := range r.names {
		d, err := r.opt.Authorizer.Authorize(ctx, bot.Access{User: c.user, Verb: name, Room: c.m.Room})
		if err == nil && d.Allowed {
			may = append(may, name)
			may = append(may, r.verbs[strings.ToLower(name)].Spec().Aliases...)
		}
	}
	text := fmt.Sprintf("I don't know the command %q.", bot.Shorten(word, 40))
	if near := bot.Nearest(word, may); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	res := c.invalid(text)
	res.reply.Text = append(res.reply.Text, "`help` lists what you can do here.")
	return res
}

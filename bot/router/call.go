package router

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	line   string            // what was typed, without mention and prefix
	form   map[string]string // what a form submitted, unsealed: never stored
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

// missed answers what was said so long ago that nobody may want it any more.
func (c *call) missed(now time.Time) *result {
	ago := bot.Span(now.Sub(c.m.SentAt))
	c.audit.Decision, c.audit.Outcome = "invalid", "missed: said "+ago+" before it was read"
	return c.say(bot.ToneWarn, bot.Escape(fmt.Sprintf("I was away when you wrote this, %s ago, so I have not run it. Say it again if you still want it.", ago)))
}

// handle decides whether the message is for the bot and runs it. A nil result
// means it is not. Who speaks is asked only when it is: people talk to each other, and
// that is nobody's business.
func (r *Router) handle(ctx context.Context, c *call) (*result, error) {
	how := byName // as a press or a reaction is
	if c.m.Action == "" && c.m.Reaction == "" {
		if c.line, how = r.addressed(ctx, c.m); how == notForUs {
			return nil, nil
		}
	}
	if err := r.identify(ctx, c); err != nil {
		return r.stranger(ctx, c, how, err)
	}
	switch {
	case c.m.Action != "":
		return r.pressed(ctx, c)
	case c.m.Reaction != "":
		return r.reacted(ctx, c)
	case c.m.Redacted && r.meantDiscreet(c.line):
		return r.told(ctx, c)
	case how == byThread:
		return r.overheard(ctx, c)
	case c.m.Missed:
		return c.missed(r.opt.Clock.Now()), nil
	}
	return r.told(ctx, c)
}

// meantDiscreet reports, of what was said in a thread and is kept in part, that it can
// only have been a command: its second word was known, too.
func (r *Router) meantDiscreet(line string) bool {
	words := strings.Fields(line)
	return len(words) > 1 && r.discreet(words[0]) != nil
}

// told runs what was said to the bot.
func (r *Router) told(ctx context.Context, c *call) (*result, error) {
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
	if c.m.Redacted {
		return c.withheld(), nil
	}
	args, missing, err := parse(c.spec, c.line, words[1:])
	if err != nil {
		return c.invalid(err.Error()), nil
	}
	c.args = args
	if missing, err = r.fromPlace(ctx, c, missing); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		text := strings.ToUpper(missing[0].Name) + " is missing."
		if res, err := r.offerForms(ctx, c, text+" Fill in the form, or type all of it."); res != nil || err != nil {
			return r.answer(c, res, err)
		}
		return c.invalid(text), nil
	}
	if res, err := r.asks(ctx, c); res != nil || err != nil {
		return r.answer(c, res, err)
	}
	return r.run(ctx, c)
}

// stranger answers somebody who is not let in, or of whom nobody can tell who it is, if
// that can only have been a command.
func (r *Router) stranger(ctx context.Context, c *call, how address, problem error) (*result, error) {
	refused := bot.CodeOf(problem) == bot.CodeForbidden
	switch {
	case c.m.Action != "":
		c.line = "(button)"
	case c.m.Reaction != "":
		id, err := r.planShown(ctx, c.m)
		if err != nil || id == "" || refused || !agrees(c.m.Reaction) {
			return nil, err // applause
		}
	case how == byThread:
		if meant, err := r.overhears(ctx, c); err != nil || !meant {
			return nil, err
		}
		c.audit.Verb = c.spec.Verb
	}
	if !refused {
		return nil, problem
	}
	return c.problem(problem), nil
}

// identify finds out who speaks. Whoever holds the data folder is not locked out of it
// by what a chat says of another account of theirs.
func (r *Router) identify(ctx context.Context, c *call) (err error) {
	owner := c.m.Owner && c.m.Author.ID == OwnerAccount
	c.user, err = r.opt.People.Identify(ctx, c.m.Author)
	if owner && bot.CodeOf(err) == bot.CodeForbidden {
		known := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
			who := c.m.Author
			who.Name = ""
			c.user, err = tx.Users.Known(ctx, who)
			return err
		})
		if known != nil {
			return known
		}
		c.user.Account, err = c.m.Author, nil
	}
	if err != nil {
		return err
	}
	c.user.Owner = owner
	return nil
}

// OwnerAccount is the account id of the data folder's owner in the console chat.
const OwnerAccount = "owner"

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

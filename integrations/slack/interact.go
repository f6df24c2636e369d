package slack

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// patience is how long somebody who pressed or typed something is kept waiting; Slack
// gives up after three seconds.
const patience = 2500 * time.Millisecond

// reply is what a command is answered with at once, for its author alone.
type reply struct {
	Type   string        `json:"response_type"`
	Text   string        `json:"text"`
	Blocks []slack.Block `json:"blocks,omitempty"`
}

func (c *Chat) reply(text bot.Text) *reply {
	m := block.Post(bot.Post{Text: []bot.Text{text}}, block.Options{})
	return &reply{Type: slack.ResponseTypeEphemeral, Text: m.Text, Blocks: m.Blocks}
}

// sentence is what an error says to a person; ok is false for errors that have
// nothing to say to them.
func sentence(err error) (text string, ok bool) {
	var e *bot.Error
	return bot.MessageOf(err), errors.As(err, &e) && e.Code != bot.CodeInternal
}

// command deals with a slash command and gives what to answer at once.
func (c *Chat) command(ctx context.Context, cmd wire.Command) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(wire.Text(cmd.Text, names{c, id.UserID}))
	m := bot.Message{
		ID: "command:" + cmd.TriggerID, Room: c.ref(id, cmd.ChannelID), Author: c.account(id, cmd.UserID, cmd.TeamID),
		Text: orElse(text, "help"), SentAt: c.env.Clock.Now(), Addressed: true, Loose: true,
	}
	if cmd.Command != c.cfg.Command {
		return c.reply(bot.Escape("OpsBot answers to " + c.cfg.Command + ".")), nil
	}
	if m.Direct, err = c.heard(ctx, cmd); err != nil {
		if text, ok := sentence(err); ok {
			return c.reply(bot.Escape(text)), nil
		}
		return nil, err
	}
	form, err := c.env.Desk.Form(ctx, m)
	if text, ok := sentence(err); err != nil && ok {
		return c.reply(bot.Escape(text)), nil
	}
	switch {
	case err != nil:
		return nil, err
	case form != nil:
		return nil, c.openForm(ctx, cmd.TriggerID, *form, m)
	}
	if _, err := c.env.Inbound.Receive(ctx, m); err != nil {
		return nil, err
	}
	return c.reply("Working on " + quoted(m.Text)), nil
}

// quoted shows what was typed.
func quoted(s string) bot.Text {
	if s = bot.Shorten(bot.OneLine(s), 200); !strings.Contains(s, "`") {
		return bot.Text("`" + s + "`")
	}
	return bot.Escape(s)
}

// heard reports whether a command was given in the bot's own conversation; where the
// bot is not, it can't answer, which is an error.
func (c *Chat) heard(ctx context.Context, cmd wire.Command) (direct bool, err error) {
	away := bot.Errorf(bot.CodeForbidden, "OpsBot is not in this channel, so it could not answer here. Invite it first: /invite @%s", c.env.BotName)
	if isDirect(cmd.ChannelID) {
		dm, err := c.conversation(ctx, cmd.UserID)
		if err == nil && dm != cmd.ChannelID {
			return false, bot.Errorf(bot.CodeForbidden, "OpsBot is not in this conversation, so it could not answer here. Use its own, or a channel.")
		}
		return true, err
	}
	r, err := c.look(ctx, cmd.ChannelID)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return false, away
	case err != nil:
		return false, err
	case !r.member:
		return false, away
	}
	return false, nil
}

// interaction deals with a press or a form that is sent, and gives what to answer at
// once.
func (c *Chat) interaction(ctx context.Context, i wire.Interaction) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !wire.IsUser(i.User.ID) {
		return nil, nil
	}
	switch i.Type {
	case "block_actions":
		return nil, c.pressed(ctx, i)
	case "view_submission":
		return c.submitted(ctx, i)
	}
	return nil, nil
}

var actionForm = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// pressed deals with a press of a button or a choice in a menu.
func (c *Chat) pressed(ctx context.Context, i wire.Interaction) error {
	if i.View.Type == "modal" {
		return nil // a choice in a form counts when the form is sent
	}
	for _, a := range i.Actions {
		if strings.HasPrefix(a.ActionID, block.LinkPrefix) || !actionForm.MatchString(a.Chosen()) {
			continue
		}
		m, err := c.press(ctx, i, a)
		if err != nil {
			return err
		}
		if err := c.act(ctx, i, m); err != nil {
			return err
		}
	}
	return nil
}

// press is a press as a message.
func (c *Chat) press(ctx context.Context, i wire.Interaction, a wire.Action) (bot.Message, error) {
	id, err := c.who(ctx)
	if err != nil {
		return bot.Message{}, err
	}
	channel, root := i.Where(), i.Root()
	if i.View.Type == "home" {
		if channel, err = c.conversation(ctx, i.User.ID); err != nil {
			return bot.Message{}, err
		}
		root = ""
	}
	if !wire.IsChannel(channel) {
		return bot.Message{}, bot.Errorf(bot.CodeInvalid, "a press without a conversation")
	}
	m := bot.Message{
		ID: strings.Join([]string{"press", channel, i.User.ID, a.Chosen(), a.ActionTS}, ":"), Room: c.ref(id, channel), Action: a.Chosen(),
		Author: c.account(id, i.User.ID, i.User.TeamID), SentAt: wire.Time(a.ActionTS), Direct: isDirect(channel), Loose: root == "",
	}
	if root != "" {
		m.Thread = wire.MessageID(channel, root)
	}
	if m.SentAt.IsZero() {
		m.SentAt = c.env.Clock.Now()
	}
	return m, nil
}

// act opens the form that a press asks for, or takes it as a message.
func (c *Chat) act(ctx context.Context, i wire.Interaction, m bot.Message) error {
	form, err := c.env.Desk.Form(ctx, m)
	if text, ok := sentence(err); err != nil && ok {
		return c.tell(ctx, m, bot.Escape(text))
	}
	switch {
	case err != nil:
		return err
	case form != nil:
		if err := c.openForm(ctx, i.TriggerID, *form, m); err != nil {
			c.env.Log.Warn("a form was not opened in slack", "error", err)
			return c.tell(ctx, m, "Slack did not open the form. Press the button once more.")
		}
		return nil
	}
	_, err = c.env.Inbound.Receive(ctx, m)
	return err
}

// tell says something to the author of m alone, where they are.
func (c *Chat) tell(ctx context.Context, m bot.Message, text bot.Text) error {
	p := bot.Post{Key: "tell:" + m.ID, Room: m.Room, Thread: m.Thread, To: &m.Author, Text: []bot.Text{text}, Tone: bot.ToneBad}
	return c.SendEphemeral(ctx, p)
}

// openForm shows a form to whoever holds the trigger.
func (c *Chat) openForm(ctx context.Context, trigger string, f bot.Form, m bot.Message) error {
	view, err := block.Form(f, c.seal(formState{Form: f.ID, Channel: m.Room.ID, Thread: m.Thread, User: m.Author.ID}))
	if err != nil {
		return err
	}
	_, err = web.Do(ctx, c.web, web.Call{Method: "views.open"}, func(api *slack.Client) (*slack.ViewResponse, error) {
		return api.OpenViewContext(ctx, trigger, view)
	})
	return err
}

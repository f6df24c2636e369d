package slack

import (
	"context"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// event deals with what Slack tells; nil means that it is done with, or stored, and
// may be acknowledged. again is set for what Slack has sent before.
func (c *Chat) event(ctx context.Context, o wire.Outer, again bool) error {
	switch {
	case o.Type == "app_rate_limited":
		c.env.Log.Error("slack holds back events: there are more than 30,000 an hour", "since", time.Unix(o.Minute, 0).UTC())
		return nil
	case o.Type != "event_callback":
		return nil
	}
	switch o.Event.Type {
	case "message", "app_mention":
		return c.said(ctx, o.Event, again)
	case "reaction_added":
		return c.reacted(ctx, o.Event)
	case "app_home_opened":
		if o.Event.Tab == "home" || o.Event.Tab == "" {
			c.showHome(ctx, o.Event.User.ID)
		}
		return nil
	}
	return c.changed(ctx, o.Event)
}

// deliver hands a message over if it is for the bot: what people say to each other is
// not stored.
func (c *Chat) deliver(ctx context.Context, m bot.Message) error {
	if wanted, err := c.env.Inbound.Wants(ctx, m); err == nil && !wanted {
		return nil
	}
	_, err := c.env.Inbound.Receive(ctx, m)
	return err
}

// said deals with a message. A mention comes as two events; both say the same and
// have the same id.
func (c *Chat) said(ctx context.Context, e wire.Event, again bool) error {
	if !e.Spoken() {
		return nil
	}
	id, err := c.who(ctx)
	if err != nil {
		return err
	}
	m, ok := c.message(id, e)
	if !ok {
		return nil
	}
	if wanted, err := c.env.Inbound.Wants(ctx, m); err == nil && !wanted {
		return nil
	}
	if c.arrivals.late(c.env.Clock.Now(), m.SentAt, again) && (m.Thread != "" || m.Direct) {
		if err := c.catchUp(ctx, id, m); err != nil {
			return err
		}
	}
	_, err = c.env.Inbound.Receive(ctx, m)
	return err
}

// message is what somebody said as a message; ok is false when nobody did.
func (c *Chat) message(id web.Identity, e wire.Event) (m bot.Message, ok bool) {
	if !e.Spoken() || !wire.IsUser(e.User.ID) || !wire.IsChannel(e.Channel.ID) || e.User.ID == id.UserID {
		return m, false
	}
	team := orElse(e.UserTeam, e.Team)
	m = bot.Message{
		ID: wire.MessageID(e.Channel.ID, e.TS), Room: c.ref(id, e.Channel.ID), Author: c.account(id, e.User.ID, team),
		Text: wire.Text(e.Text, names{c, id.UserID}), SentAt: wire.Time(e.TS), Direct: isDirect(e.Channel.ID),
		Addressed: e.Type == "app_mention" || mentions(e.Text, id),
	}
	if wire.IsStamp(e.ThreadTS) && e.ThreadTS != e.TS {
		m.Thread = wire.MessageID(e.Channel.ID, e.ThreadTS)
	}
	if team != "" {
		c.teams.Put(e.User.ID, team)
	}
	return m, true
}

// isDirect: ids of conversations with the bot alone begin with D; those of several
// people don't.
func isDirect(channel string) bool { return strings.HasPrefix(channel, "D") }

func mentions(text string, id web.Identity) bool {
	return strings.Contains(text, "<@"+id.UserID+">") || strings.Contains(text, "<@"+id.UserID+"|")
}

// reacted deals with a reaction to a message.
func (c *Chat) reacted(ctx context.Context, e wire.Event) error {
	if e.Item.Type != "message" || !wire.IsChannel(e.Item.Channel) || !wire.IsStamp(e.Item.TS) || !wire.IsUser(e.User.ID) {
		return nil
	}
	id, err := c.who(ctx)
	if err != nil || e.User.ID == id.UserID {
		return err
	}
	on := wire.MessageID(e.Item.Channel, e.Item.TS)
	emoji := wire.Emoji(e.Reaction)
	m := bot.Message{
		ID: strings.Join([]string{"reaction", on, e.User.ID, emoji, e.EventTS}, ":"), Room: c.ref(id, e.Item.Channel), SentAt: wire.Time(e.EventTS),
		Author: c.account(id, e.User.ID, ""), Reaction: emoji, On: on, Direct: isDirect(e.Item.Channel), Thread: on,
	}
	if wanted, err := c.env.Inbound.Wants(ctx, m); err == nil && !wanted {
		return nil
	}
	// Slack tells neither the person's team nor the message's thread.
	team, err := c.team(ctx, e.User.ID)
	if err != nil {
		return err
	}
	m.Author = c.account(id, e.User.ID, team)
	if m.Thread, err = c.threadOf(ctx, m.Room, on); err != nil {
		return err
	}
	_, err = c.env.Inbound.Receive(ctx, m)
	return err
}

// threadOf gives the thread that one of the bot's own posts is in, or starts.
func (c *Chat) threadOf(ctx context.Context, ref bot.RoomRef, on string) (string, error) {
	var row bot.PostRow
	err := c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		row, err = tx.Threads.Post(ctx, ref, on)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		err = nil
	}
	return orElse(row.Thread, on), err
}

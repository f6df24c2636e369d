package slack

import (
	"context"
	"encoding/json"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/wire"
)

// changed deals with events about channels, people and the app itself.
func (c *Chat) changed(ctx context.Context, e wire.Event) error {
	switch e.Type {
	case "member_joined_channel", "member_left_channel", "channel_left", "group_left":
		return c.moved(ctx, e)
	case "channel_rename", "group_rename", "channel_archive", "group_archive", "channel_unarchive", "group_unarchive":
		return c.known(ctx, e.Channel.ID, room{})
	case "channel_deleted", "group_deleted":
		return c.known(ctx, e.Channel.ID, room{archived: true})
	case "channel_id_changed":
		return c.renumbered(ctx, e.OldChannel, e.NewChannel)
	case "user_change", "team_join":
		var u slack.User
		if err := json.Unmarshal(e.User.Whole, &u); err != nil { // a shape that nobody knows: look it up when it is asked for
			c.people.Drop(e.User.ID)
			return nil //nolint:nilerr // said above
		}
		return c.learnUser(ctx, u)
	case "subteam_created", "subteam_updated", "subteam_members_changed", "subteam_self_added", "subteam_self_removed":
		c.dropGroups()
	case "tokens_revoked", "app_uninstalled":
		c.lost(ctx, e)
	}
	return nil
}

// moved deals with somebody coming or going; only the bot's own moves matter.
func (c *Chat) moved(ctx context.Context, e wire.Event) error {
	id, err := c.who(ctx)
	if err != nil {
		return err
	}
	self := e.Type == "channel_left" || e.Type == "group_left" || e.User.ID == id.UserID
	if !self || !wire.IsChannel(e.Channel.ID) {
		return nil
	}
	return c.resync(ctx, e.Channel.ID, room{})
}

// known looks a room up again that the bot knows of; of all others nothing is kept.
func (c *Chat) known(ctx context.Context, channel string, gone room) error {
	id, err := c.who(ctx)
	if err != nil || !wire.IsChannel(channel) {
		return err
	}
	c.rooms.Drop(channel)
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Rooms.Get(ctx, c.ref(id, channel))
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return c.resync(ctx, channel, gone)
}

// renumbered moves what is kept of a channel to its new id: a channel that becomes
// shared, or private, may get one.
func (c *Chat) renumbered(ctx context.Context, from, to string) error {
	id, err := c.who(ctx)
	if err != nil || !wire.IsChannel(from) || !wire.IsChannel(to) || from == to {
		return err
	}
	c.rooms.Drop(from)
	c.rooms.Drop(to)
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		old, err := tx.Rooms.Get(ctx, c.ref(id, from))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		err = bot.ChangeRoom(ctx, tx, c.ref(id, to), func(k *bot.Room) {
			k.Name, k.State, k.Style, k.ProjectID = old.Name, old.State, old.Style, old.ProjectID
		})
		if err != nil {
			return err
		}
		return bot.ChangeRoom(ctx, tx, old.Ref, func(k *bot.Room) { k.State, k.ProjectID = "left", "" })
	})
}

// lost is told when the app was removed or its tokens were taken away.
func (c *Chat) lost(ctx context.Context, e wire.Event) {
	why := "the app was removed from the workspace"
	if e.Type == "tokens_revoked" {
		if len(e.Tokens.Bot) == 0 {
			return // people's own tokens, which are not used
		}
		why = "the bot token was revoked"
	}
	c.mu.Lock()
	c.revoked = why
	c.mu.Unlock()
	c.env.Log.Error("slack says that OpsBot's app can't be used any more; install it again", "why", why)
	_, _ = c.web.Auth(ctx) // what it says is noted there
}

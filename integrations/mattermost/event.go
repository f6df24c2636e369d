package mattermost

import (
	"context"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/integrations/mattermost/socket"
)

// handle does what an event asks for. After an error the event comes again.
func (c *Chat) handle(ctx context.Context, f socket.Frame) error {
	switch model.WebsocketEventType(f.Event) {
	case model.WebsocketEventPosted:
		return c.onPosted(ctx, f)
	case model.WebsocketEventReactionAdded:
		var r model.Reaction
		if err := f.Inner("reaction", &r); err != nil {
			return c.skip(f, err)
		}
		return c.reacted(ctx, r, f.Broadcast.ChannelID)
	case model.WebsocketEventPostDeleted:
		var p model.Post
		if err := f.Inner("post", &p); err != nil {
			return c.skip(f, err)
		}
		c.sent.removed(p.Id)
	case model.WebsocketEventRoleUpdated, model.WebsocketEventConfigChanged:
		return c.identify(ctx)
	default:
		if done, err := c.onRoom(ctx, f); done {
			return err
		}
		return c.onPerson(ctx, f)
	}
	return nil
}

// skip leaves out an event that can't be read: it would be the same the next time.
func (c *Chat) skip(f socket.Frame, err error) error {
	c.env.Log.Warn("mattermost: an event can't be read and is left out", "event", f.Event, "seq", f.Seq, "error", err)
	return nil
}

func (c *Chat) onPosted(ctx context.Context, f socket.Frame) error {
	s := said{post: &model.Post{}, direct: f.Text("channel_type") == string(model.ChannelTypeDirect)}
	if err := f.Inner("post", s.post); err != nil {
		return c.skip(f, err)
	}
	if err := f.Inner("mentions", &s.mentions); err != nil {
		return c.skip(f, err)
	}
	if s.post.Id == "" || s.post.ChannelId == "" {
		return nil
	}
	if err := c.posted(ctx, s); err != nil {
		return err
	}
	c.cursor.reach(s.post.CreateAt)
	return nil
}

// onRoom keeps where the bot is.
func (c *Chat) onRoom(ctx context.Context, f socket.Frame) (done bool, err error) {
	channel, me := f.Text("channel_id"), c.me.get().id
	if channel == "" {
		channel = f.Broadcast.ChannelID
	}
	switch model.WebsocketEventType(f.Event) {
	case model.WebsocketEventUserAdded:
		if f.Text("user_id") == me {
			return true, c.entered(ctx, channel)
		}
	case model.WebsocketEventUserRemoved:
		if f.Broadcast.UserID == me && f.Text("user_id") == "" || f.Text("user_id") == me {
			return true, c.left(ctx, channel, "left")
		}
	case model.WebsocketEventChannelCreated, model.WebsocketEventChannelRestored, model.WebsocketEventDirectAdded, model.WebsocketEventGroupAdded,
		model.WebsocketEventChannelConverted:
		return true, c.entered(ctx, channel)
	case model.WebsocketEventChannelUpdated:
		var ch model.Channel
		if err := f.Inner("channel", &ch); err != nil || ch.Id == "" {
			return true, c.skip(f, err)
		}
		return true, c.entered(ctx, ch.Id)
	case model.WebsocketEventChannelDeleted:
		return true, c.left(ctx, channel, "archived")
	case model.WebsocketEventAddedToTeam, model.WebsocketEventLeaveTeam, model.WebsocketEventDeleteTeam, model.WebsocketEventRestoreTeam:
		c.people.changed(f.Text("user_id"))
		if user := f.Text("user_id"); user == me || user == "" {
			_, err := c.syncRooms(ctx)
			return true, err
		}
		return true, nil
	}
	return false, nil
}

// onPerson forgets what an event says has changed.
func (c *Chat) onPerson(ctx context.Context, f socket.Frame) error {
	switch model.WebsocketEventType(f.Event) {
	case model.WebsocketEventUserUpdated:
		var u model.User
		if err := f.Inner("user", &u); err != nil || u.Id == "" {
			c.people.forget(true) // somebody has changed
			return nil
		}
		c.people.changed(u.Id)
		if u.Id == c.me.get().id {
			return c.identify(ctx)
		}
	case model.WebsocketEventUserRoleUpdated, model.WebsocketEventUserAdded, model.WebsocketEventUserRemoved:
		user := f.Text("user_id")
		c.people.changed(user)
		if user == c.me.get().id {
			return c.identify(ctx)
		}
	case model.WebsocketEventMemberroleUpdated, model.WebsocketEventChannelMemberUpdated, model.WebsocketEventUserActivationStatusChange,
		model.WebsocketEventGuestsDeactivated:
		c.people.forget(true)
	}
	return nil
}

package slack

import (
	"context"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// room is what Slack says of a conversation.
type room struct {
	name     string
	member   bool // the bot is in it
	archived bool
}

func (r room) state() string {
	switch {
	case r.archived:
		return "archived"
	case !r.member:
		return "left"
	}
	return ""
}

// Bounds of listing channels.
const (
	listPage  = 999
	listPages = 20
)

func channelKinds() []string { return []string{"public_channel", "private_channel"} }

// look gives a conversation; CodeNotFound when the bot can't see it.
func (c *Chat) look(ctx context.Context, channel string) (room, error) {
	if r, ok := c.rooms.Get(channel); ok {
		return r, nil
	}
	keep := c.rooms.Begin()
	ch, err := web.Do(ctx, c.web, web.Call{Method: "conversations.info", Safe: true}, func(api *slack.Client) (*slack.Channel, error) {
		return api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	})
	if web.CodeOf(err) == "channel_not_found" {
		return room{}, c.unseen(channel).Because(err)
	}
	if err != nil {
		return room{}, err
	}
	r := roomOf(*ch)
	keep(channel, r)
	return r, nil
}

func roomOf(ch slack.Channel) room {
	return room{name: ch.Name, member: ch.IsMember || ch.IsIM, archived: ch.IsArchived}
}

func (c *Chat) unseen(name string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "OpsBot sees no channel %s in Slack. If it is private, invite OpsBot there: /invite @%s", bot.Shorten(name, 80), c.env.BotName)
}

// FindRoom implements bot.RoomKeeper.
func (c *Chat) FindRoom(ctx context.Context, name string) (bot.Room, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	id, err := c.who(ctx)
	if err != nil {
		return bot.Room{}, err
	}
	if wire.IsChannel(name) {
		r, err := c.look(ctx, name)
		if err == nil {
			return bot.Room{Ref: c.ref(id, name), Name: r.name, State: r.state()}, nil
		}
		if bot.CodeOf(err) != bot.CodeNotFound {
			return bot.Room{}, err
		}
	}
	channel, err := c.named(ctx, strings.ToLower(name))
	if err != nil {
		return bot.Room{}, err
	}
	r, err := c.look(ctx, channel)
	return bot.Room{Ref: c.ref(id, channel), Name: r.name, State: r.state()}, err
}

// named finds a channel by its name.
func (c *Chat) named(ctx context.Context, name string) (string, error) {
	if found, ok := c.names.Get(name); ok {
		return found, nil
	}
	if _, ok := c.names.Get(wholeList); ok {
		return "", c.unseen("#" + name)
	}
	found, seen := "", 0
	keep, keepRoom := c.names.Begin(), c.rooms.Begin()
	err := c.list(ctx, "conversations.list", func(channels []slack.Channel, last bool) bool {
		for _, ch := range channels {
			keep(strings.ToLower(ch.Name), ch.ID)
			keepRoom(ch.ID, roomOf(ch))
			if strings.EqualFold(ch.Name, name) || strings.EqualFold(ch.NameNormalized, name) {
				found = ch.ID
			}
		}
		if seen += len(channels); last && seen < keptRooms {
			keep(wholeList, "") // for a moment nobody need ask again
		}
		return found != ""
	})
	if err == nil && found == "" {
		return "", c.unseen("#" + name)
	}
	return found, err
}

// wholeList is kept among the names while all of them are known; no channel is called
// so.
const wholeList = "*"

// list shows each the pages of a listing until it says that it has seen enough.
func (c *Chat) list(ctx context.Context, method string, each func(channels []slack.Channel, last bool) (enough bool)) error {
	type part struct {
		channels []slack.Channel
		next     string
	}
	cursor := ""
	for range listPages {
		got, err := web.Do(ctx, c.web, web.Call{Method: method, Safe: true}, func(api *slack.Client) (part, error) {
			if method == "users.conversations" {
				channels, next, err := api.GetConversationsForUserContext(ctx, &slack.GetConversationsForUserParameters{Types: channelKinds(), Limit: listPage, Cursor: cursor})
				return part{channels, next}, err
			}
			channels, next, err := api.GetConversationsContext(ctx, &slack.GetConversationsParameters{Types: channelKinds(), Limit: listPage, Cursor: cursor, ExcludeArchived: true})
			return part{channels, next}, err
		})
		if err != nil {
			return err
		}
		cursor = got.next
		if each(got.channels, cursor == "") || cursor == "" {
			return nil
		}
	}
	return nil
}

// JoinRoom implements bot.RoomKeeper. The bot can enter public channels by itself.
func (c *Chat) JoinRoom(ctx context.Context, ref bot.RoomRef) error {
	channel, err := c.channel(ctx, ref)
	if err != nil {
		return err
	}
	_, err = web.Do(ctx, c.web, web.Call{Method: "conversations.join", Safe: true}, func(api *slack.Client) (*slack.Channel, error) {
		ch, _, _, err := api.JoinConversationContext(ctx, channel)
		return ch, err
	})
	switch web.CodeOf(err) {
	case "method_not_supported_for_channel_type", "channel_not_found", "is_private", "no_permission":
		c.rooms.Drop(channel)
		if r, infoErr := c.look(ctx, channel); infoErr == nil && r.member {
			return nil
		}
		return bot.Errorf(bot.CodeForbidden, "Only a person who is in that channel can let OpsBot in: /invite @%s", c.env.BotName).Because(err)
	}
	if err != nil {
		return err
	}
	return c.resync(ctx, channel, room{})
}

// LeaveRoom implements bot.RoomKeeper.
func (c *Chat) LeaveRoom(ctx context.Context, ref bot.RoomRef) error {
	channel, err := c.channel(ctx, ref)
	if err != nil {
		return err
	}
	_, err = web.Do(ctx, c.web, web.Call{Method: "conversations.leave", Safe: true}, func(api *slack.Client) (bool, error) {
		return api.LeaveConversationContext(ctx, channel)
	})
	switch web.CodeOf(err) {
	case "channel_not_found", "not_in_channel":
		err = nil
	case "cant_leave_general":
		return bot.Errorf(bot.CodeForbidden, "Nobody can leave the workspace's general channel; remove OpsBot's app instead.").Because(err)
	}
	if err != nil {
		return err
	}
	return c.resync(ctx, channel, room{})
}

// resync asks Slack how a channel is now and keeps that; gone is what it is when the
// bot does not see it any more. Events overtake each other on their way: what they say
// is only that there is something new, and whoever asks later writes later.
func (c *Chat) resync(ctx context.Context, channel string, gone room) error {
	id, err := c.who(ctx)
	if err != nil {
		return err
	}
	c.moving.Lock()
	defer c.moving.Unlock()
	c.rooms.Drop(channel)
	r, err := c.look(ctx, channel)
	if bot.CodeOf(err) == bot.CodeNotFound {
		r, err = gone, nil
		c.rooms.Learn(channel, r)
	}
	if err != nil {
		return err
	}
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return bot.ChangeRoom(ctx, tx, c.ref(id, channel), func(kept *bot.Room) {
			kept.Name, kept.State = orElse(r.name, kept.Name), r.state()
		})
	})
}

// settleRooms compares the rooms in the store with those that the bot is in.
func (c *Chat) settleRooms(ctx context.Context) error {
	id, err := c.who(ctx)
	if err != nil {
		return err
	}
	c.moving.Lock()
	defer c.moving.Unlock()
	in := map[bot.RoomRef]room{}
	keep := c.rooms.Begin()
	err = c.list(ctx, "users.conversations", func(channels []slack.Channel, _ bool) bool {
		for _, ch := range channels {
			r := roomOf(ch)
			r.member = true
			in[c.ref(id, ch.ID)] = r
			keep(ch.ID, r)
		}
		return false
	})
	if err != nil {
		return err
	}
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		kept, err := tx.Rooms.List(ctx, c.env.Name)
		if err != nil {
			return err
		}
		for ref, r := range in {
			if newer, ok := c.rooms.Get(ref.ID); ok { // an event came meanwhile
				r = newer
			}
			if err := bot.ChangeRoom(ctx, tx, ref, func(k *bot.Room) { k.Name, k.State = orElse(r.name, k.Name), r.state() }); err != nil {
				return err
			}
		}
		for _, k := range kept {
			newer, _ := c.rooms.Get(k.Ref.ID)
			if _, ok := in[k.Ref]; ok || newer.member || k.State != "" || k.Ref.Workspace != id.TeamID || strings.HasPrefix(k.Ref.ID, "D") {
				continue
			}
			if err := bot.ChangeRoom(ctx, tx, k.Ref, func(k *bot.Room) { k.State = "left" }); err != nil {
				return err
			}
		}
		return nil
	})
}

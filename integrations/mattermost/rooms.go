package mattermost

import (
	"context"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
)

// room is a channel that the bot is in.
type room struct {
	id, name, team string
	kind           model.ChannelType
	lastPost       int64 // milliseconds
}

type team struct{ id, name string }

// rooms are where the bot is, as the server's list and events say.
type rooms struct {
	mu    sync.Mutex
	in    map[string]room
	teams []team
	at    time.Time // of teams
}

func newRooms() *rooms { return &rooms{in: map[string]room{}} }

// name is a channel's for people: "~ops", or its id.
func (r *rooms) name(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, ok := r.in[id]; ok {
		return got.called()
	}
	return id
}

// called is the room's name for people.
func (r room) called() string {
	switch {
	case r.kind == model.ChannelTypeDirect || r.kind == model.ChannelTypeGroup:
		return "a conversation"
	case r.name == "":
		return r.id
	}
	return "~" + r.name
}

func (r *rooms) put(got room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in[got.id] = got
}

func (r *rooms) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.in, id)
}

// look gives a channel, asking the server if it is not one of ours.
func (r *rooms) look(ctx context.Context, c *Chat, id string) (room, error) {
	r.mu.Lock()
	got, ok := r.in[id]
	r.mu.Unlock()
	if ok {
		return got, nil
	}
	ch, err := c.api.Channel(ctx, id)
	if err != nil {
		return room{id: id}, err
	}
	return roomOf(ch), nil
}

// contains reports whether the bot is in a channel. What the list does not hold is
// asked for: a direct conversation may be new.
func (r *rooms) contains(ctx context.Context, c *Chat, id string) (bool, error) {
	r.mu.Lock()
	_, ok := r.in[id]
	r.mu.Unlock()
	if ok && c.people.told.Load() {
		return true, nil
	}
	me, err := c.known(ctx)
	if err != nil {
		return false, err
	}
	_, err = c.api.ChannelMember(ctx, id, me)
	switch bot.CodeOf(err) {
	case "":
		return true, nil
	case bot.CodeNotFound, bot.CodeForbidden:
		return false, nil
	}
	return false, err
}

// teamsOf are the teams that the bot is in, asked for every five minutes.
func (r *rooms) teamsOf(ctx context.Context, c *Chat) ([]team, error) {
	now := c.env.Clock.Now()
	r.mu.Lock()
	list, at := r.teams, r.at
	r.mu.Unlock()
	if !at.IsZero() && now.Sub(at) < factsLife {
		return list, nil
	}
	all, err := c.api.Teams(ctx)
	if err != nil {
		return nil, err
	}
	list = nil
	for _, t := range all {
		list = append(list, team{t.Id, t.Name})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.teams, r.at = list, now
	return list, nil
}

func (r *rooms) teamsChanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = time.Time{}
}

// syncRooms takes over the server's list of the channels that the bot is in, and keeps
// what changed while nobody listened.
func (c *Chat) syncRooms(ctx context.Context) ([]room, error) {
	channels, err := c.api.Channels(ctx)
	if err != nil {
		return nil, err
	}
	var list []room
	in := map[string]room{}
	for _, ch := range channels {
		if ch.DeleteAt != 0 {
			continue
		}
		got := roomOf(ch)
		in[ch.Id] = got
		list = append(list, got)
	}
	c.rooms.mu.Lock()
	c.rooms.in, c.rooms.at = in, time.Time{}
	c.rooms.mu.Unlock()
	return list, c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, ch := range channels {
			if err := c.keep(ctx, tx, ch); err != nil {
				return err
			}
		}
		stored, err := tx.Rooms.List(ctx, c.env.Name)
		if err != nil {
			return err
		}
		for _, r := range stored {
			if _, still := in[r.Ref.ID]; still || r.State != "" {
				continue
			}
			if err := bot.ChangeRoom(ctx, tx, r.Ref, func(r *bot.Room) { r.State = "left" }); err != nil {
				return err
			}
		}
		return nil
	})
}

func roomOf(ch *model.Channel) room {
	return room{id: ch.Id, name: ch.Name, team: ch.TeamId, kind: ch.Type, lastPost: ch.LastPostAt}
}

// keep stores how a channel is called and how it stands. Conversations with people
// have no name and are no rooms.
func (c *Chat) keep(ctx context.Context, tx *bot.Tx, ch *model.Channel) error {
	if ch.Type != model.ChannelTypeOpen && ch.Type != model.ChannelTypePrivate {
		return nil
	}
	return bot.ChangeRoom(ctx, tx, c.ref(ch.Id), func(r *bot.Room) {
		r.Name, r.State = ch.Name, ""
		if ch.DeleteAt != 0 {
			r.State = "archived"
		}
	})
}

// entered learns of a channel that the bot is in now, or that has changed.
func (c *Chat) entered(ctx context.Context, id string) error {
	ch, err := c.api.Channel(ctx, id)
	if bot.CodeOf(err) == bot.CodeNotFound || bot.CodeOf(err) == bot.CodeForbidden {
		return nil // it is gone already; another event tells of that
	}
	if err != nil {
		return err
	}
	c.rooms.put(roomOf(ch))
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return c.keep(ctx, tx, ch) })
}

// left keeps that the bot is in a channel no more, or that there is nothing to be in.
func (c *Chat) left(ctx context.Context, id, state string) error {
	c.rooms.drop(id)
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Rooms.Get(ctx, c.ref(id))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		return bot.ChangeRoom(ctx, tx, c.ref(id), func(r *bot.Room) { r.State = state })
	})
}

package mattermost

import (
	"context"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/api"
)

// FindRoom implements bot.RoomKeeper: by id, by name, or as TEAM/NAME.
func (c *Chat) FindRoom(ctx context.Context, name string) (bot.Room, error) {
	name = strings.TrimLeft(strings.TrimSpace(name), "#~")
	if model.IsValidId(name) {
		ch, err := c.api.Channel(ctx, name)
		switch bot.CodeOf(err) {
		case "":
			return c.found(ch), nil
		case bot.CodeForbidden:
			return bot.Room{}, c.closed(name).Because(err)
		case bot.CodeNotFound: // it may be a name all the same
		default:
			return bot.Room{}, err
		}
	}
	teams, err := c.rooms.teamsOf(ctx, c)
	if err != nil {
		return bot.Room{}, err
	}
	wanted, short, ok := strings.Cut(strings.ToLower(name), "/")
	if !ok {
		wanted, short = "", strings.ToLower(name)
	}
	var found []bot.Room
	var in []string
	for _, t := range teams {
		if wanted != "" && wanted != t.name || !model.IsValidChannelIdentifier(short) {
			continue
		}
		ch, err := c.api.ChannelByName(ctx, t.id, short)
		switch bot.CodeOf(err) {
		case "":
			found, in = append(found, c.found(ch)), append(in, t.name+"/"+short)
		case bot.CodeNotFound, bot.CodeForbidden:
		default:
			return bot.Room{}, err
		}
	}
	switch len(found) {
	case 0:
		return bot.Room{}, c.unknown(name, teams)
	case 1:
		return found[0], nil
	}
	return bot.Room{}, bot.Errorf(bot.CodeConflict, "Several teams have a channel %s. Say which one: %s.", short, strings.Join(in, ", "))
}

func (c *Chat) found(ch *model.Channel) bot.Room {
	r := bot.Room{Ref: c.ref(ch.Id), Name: ch.Name}
	if ch.DeleteAt != 0 {
		r.State = "archived"
	}
	return r
}

// closed is a private channel: only who is in it can let somebody in.
func (c *Chat) closed(name string) *bot.Error {
	return bot.Errorf(bot.CodeForbidden, "The channel %s is private and OpsBot is not in it: somebody in it must type `/invite @%s` there.",
		bot.Shorten(name, 60), c.me.get().username)
}

// unknown: the server hides private channels, it answers as if there were none.
func (c *Chat) unknown(name string, teams []team) error {
	if len(teams) == 0 {
		return bot.Errorf(bot.CodeNotFound, "OpsBot is in no team of Mattermost yet: a team's administrator must add @%s to one.", c.me.get().username)
	}
	var names []string
	for _, t := range teams {
		names = append(names, t.name)
	}
	return bot.Errorf(bot.CodeNotFound, "There is no channel %s that OpsBot can see in %s. If it is private, somebody in it must type `/invite @%s` there.",
		bot.Shorten(name, 60), strings.Join(names, ", "), c.me.get().username)
}

// JoinRoom implements bot.RoomKeeper.
func (c *Chat) JoinRoom(ctx context.Context, ref bot.RoomRef) error {
	me, err := c.known(ctx)
	if err != nil {
		return err
	}
	err = c.api.Join(ctx, ref.ID, me)
	switch bot.CodeOf(err) {
	case "":
		return c.entered(ctx, ref.ID)
	case bot.CodeForbidden:
		return c.closed(c.rooms.name(ref.ID)).Because(err)
	case bot.CodeNotFound:
		return bot.Errorf(bot.CodeNotFound, "There is no such channel in Mattermost.").Because(err)
	}
	return err
}

// LeaveRoom implements bot.RoomKeeper.
func (c *Chat) LeaveRoom(ctx context.Context, ref bot.RoomRef) error {
	me, err := c.known(ctx)
	if err != nil {
		return err
	}
	in, err := c.rooms.contains(ctx, c, ref.ID)
	if err != nil {
		return err
	}
	if !in {
		return c.left(ctx, ref.ID, "left")
	}
	err = c.api.Leave(ctx, ref.ID, me)
	switch {
	case err == nil || bot.CodeOf(err) == bot.CodeNotFound:
		return c.left(ctx, ref.ID, "left")
	case api.IDOf(err) == "api.channel.remove.default.app_error":
		return bot.Errorf(bot.CodeConflict, "%s is the team's own channel: nobody can leave it without leaving the team.", c.rooms.name(ref.ID)).Because(err)
	}
	return err
}

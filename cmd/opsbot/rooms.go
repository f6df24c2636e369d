package main

import (
	"context"
	"strings"
	"time"

	"opsbot/bot"
)

// findTime is how long a chat may take to find a room while OpsBot starts.
const findTime = 10 * time.Second

// prepareRooms finds the rooms that the configuration names, and keeps how they look.
// The name of a room in a chat is turned into its id here: nothing else goes by names.
func (a *app) prepareRooms(ctx context.Context) error {
	if name := a.cfg.Defaults.Room; name != "" {
		ref, err := a.findRoom(ctx, name)
		if err != nil {
			// Cards then go where a project is asked for.
			a.log.Warn("the default room is not found", "room", name, "error", err)
			ref = bot.RoomRef{}
		}
		a.services.Defaults.Room = ref
	}
	for _, r := range a.cfg.Rooms {
		ref, err := a.findRoom(ctx, r.Room)
		if err != nil {
			a.log.Warn("a room of the configuration is not found", "room", r.Room, "error", err)
			continue
		}
		style := r.Style
		if style == "cards" {
			style = ""
		}
		err = a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			return bot.ChangeRoom(ctx, tx, ref, func(room *bot.Room) {
				room.Style = style
				if room.Name == "" {
					room.Name = ref.ID
				}
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findRoom gives the room that INTEGRATION:ROOM names: by its chat or, when that is
// not there at the moment, by what is kept of it.
func (a *app) findRoom(ctx context.Context, text string) (bot.RoomRef, error) {
	ref, err := roomRef(text)
	if err != nil {
		return ref, err
	}
	keeper, ok := a.instances.Get(ref.Instance).(bot.RoomKeeper)
	if !ok {
		return ref, nil
	}
	bounded, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	room, err := keeper.FindRoom(bounded, ref.ID)
	if err == nil {
		return room.Ref, a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			return bot.ChangeRoom(ctx, tx, room.Ref, func(r *bot.Room) { r.Name = room.Name })
		})
	}
	var kept []bot.Room
	readErr := a.store.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		kept, err = tx.Rooms.List(ctx, ref.Instance)
		return err
	})
	if readErr != nil {
		return ref, readErr
	}
	for _, r := range kept {
		if r.Ref.ID == ref.ID || strings.EqualFold(r.Name, ref.ID) {
			return r.Ref, nil
		}
	}
	return ref, err
}

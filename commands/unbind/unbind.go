// Package unbind is the command unbind: a room that is about no project any more.
package unbind

import (
	"context"

	"opsbot/bot"
)

// Command is unbind.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{Verb: "unbind", Role: bot.RoleDeveloper, Secondary: true, Summary: "end what `bind` began in this room"}
}

// Run frees the room in which it is said.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	var bound bool
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, req.Message.Room)
		bound = room.ProjectID != ""
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !bound {
		return nil, bot.Errorf(bot.CodeConflict, "This room is bound to no project.")
	}
	reply := &bot.Post{Text: []bot.Text{"This room is about no project any more."}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		return bot.ChangeRoom(ctx, tx, req.Message.Room, func(r *bot.Room) { r.ProjectID = "" })
	}}, nil
}

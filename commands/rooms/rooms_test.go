package rooms

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Want(r.Said(c), "I am in no room yet")
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		for _, room := range []bot.Room{
			{Ref: bot.RoomRef{Instance: "chat", ID: "r1"}, Name: "deploy*ments", ProjectID: r.Project.ID, Style: "lines"},
			{Ref: bot.RoomRef{Instance: "chat", Workspace: "w", ID: "r2"}, Name: "old", State: "archived", ProjectID: "gone"},
		} {
			if err := tx.Rooms.Put(ctx, room); err != nil {
				return err
			}
		}
		return nil
	})
	r.Want(r.Said(c), "deploy*ments | chat:r1 | hello | lines | in", "old | chat:w/r2 |  | cards | archived")
}

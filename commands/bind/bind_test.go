package bind

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	ref := bot.RoomRef{Instance: "console", ID: "general"}
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: ref, Name: "General", Style: "lines"})
	})
	r.Want(r.Said(New(r.Services), "name=hello"), "This room is about hello now")
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, ref)
		if room.ProjectID != r.Project.ID || room.Name != "General" || room.Style != "lines" {
			t.Errorf("kept as %+v", room)
		}
		return err
	})
}

package unbind

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
	r.Refused(c, bot.CodeConflict, "bound to no project")
	ref := bot.RoomRef{Instance: "console", ID: "general"}
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: ref, Name: "General", ProjectID: r.Project.ID})
	})
	r.Want(r.Said(c), "no project any more")
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, ref)
		if room.ProjectID != "" || room.Name != "General" {
			t.Errorf("kept as %+v", room)
		}
		return err
	})
	r.Refused(c, bot.CodeConflict, "bound to no project")
}

package delivery

import (
	"context"
	"testing"

	"opsbot/bot"
)

// bound binds a second room to the project, and one in another chat.
func (r *rig) bound() []bot.RoomRef {
	r.t.Helper()
	rooms := []bot.RoomRef{r.project.Room, {Instance: "console", ID: "ops"}, {Instance: "slack", Workspace: "T1", ID: "C1"}}
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		for _, ref := range rooms[1:] {
			if err := tx.Rooms.Put(ctx, bot.Room{Ref: ref, ProjectID: r.project.ID}); err != nil {
				return err
			}
		}
		return tx.Rooms.Put(ctx, bot.Room{Ref: bot.RoomRef{Instance: "console", ID: "left"}, ProjectID: r.project.ID, State: "left"})
	})
	return rooms
}

// postIn reads a post of a room, a zero one for none.
func (r *rig) postIn(room bot.RoomRef, key string) (row bot.PostRow) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		row, err = tx.Posts.Get(ctx, room, key)
		return ignore(err, bot.CodeNotFound)
	})
	return row
}

// TestBoundRoomsAreTold: their cards are renewed as the own room's is, and what is said
// below it is said below each; how it ended stands where it was asked for.
func TestBoundRoomsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rooms := r.bound()
	left := bot.RoomRef{Instance: "console", ID: "left"}
	r.start(nil)
	lie := r.built(3, "main", func(b *bot.Build) { b.Result = bot.ResultFailure })
	r.ended(lie.ID)
	r.built(4, "main")
	r.settled()
	op := r.ended(r.filed(r.request("restart", "staging", "")).ID)
	var card string
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		changes, err := tx.Changes.ByCommit(ctx, r.project.ID, id(4))
		card = "change:" + changes[0].ID
		return err
	})
	own := r.postIn(rooms[0], card)
	for _, room := range rooms {
		if got := r.postIn(room, card); got.CardID != own.CardID || got.Wanted != own.Wanted || got.Wanted < 2 {
			t.Errorf("%s: the card %+v, in the own room %+v", room, got, own)
		}
		note := r.postIn(room, "op:"+lie.ID+":note").Content
		if note == nil || note.Under == "" || note.Text[0] != r.postIn(rooms[0], "op:"+lie.ID+":note").Content.Text[0] {
			t.Errorf("%s: the note %+v", room, note)
		}
		if end := r.postIn(room, "op:"+op.ID+":done"); (end.Content != nil) != (room == rooms[0]) {
			t.Errorf("%s: the end %+v", room, end)
		}
	}
	for _, key := range []string{card, "op:" + lie.ID + ":note"} {
		if got := r.postIn(left, key); got.Key != "" {
			t.Errorf("where the bot is not: %+v", got)
		}
	}
}

// TestBoundRoomOfAProjectWithout one of its own hears all the same.
func TestBoundRoomOfAProjectWithoutOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rooms := r.bound()
	r.project.Room = bot.RoomRef{}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, r.project) })
	r.start(nil)
	lie := r.built(4, "main", func(b *bot.Build) { b.Result = bot.ResultFailure })
	r.ended(lie.ID)
	for i, want := range []bool{false, true, true} {
		if got := r.postIn(rooms[i], "op:"+lie.ID+":note"); (got.Content != nil) != want {
			t.Errorf("%s: %+v", rooms[i], got)
		}
	}
}

// TestEndOfWhatStandsByItself is told below the operation's card.
func TestEndOfWhatStandsByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.version(2, "main")
	r.start(nil)
	for name, x := range map[string]struct {
		change        func(m *bot.Message)
		thread, under string
	}{
		"said":                      {func(*bot.Message) {}, "m1", ""},
		"said in a thread":          {func(m *bot.Message) { m.Thread = "t1" }, "t1", ""},
		"a slash command":           {func(m *bot.Message) { m.Loose = true }, "", "op:"},
		"a slash command in thread": {func(m *bot.Message) { m.Loose, m.Thread = true, "t1" }, "t1", ""},
	} {
		req := r.request("deploy", "staging", "")
		x.change(&req.Message)
		op := r.ended(r.filed(req).ID)
		if x.under != "" {
			x.under += op.ID
		}
		if end := r.postIn(r.project.Room, "op:"+op.ID+":done").Content; end == nil || end.Thread != x.thread || end.Under != x.under {
			t.Errorf("%s: %+v", name, end)
		}
	}
}

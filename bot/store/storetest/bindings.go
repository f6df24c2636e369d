package storetest

import (
	"context"
	"fmt"
	"testing"

	"opsbot/bot"
)

func bindingRules() []rule {
	return []rule{
		{"rooms/a put room is what was put", roomWhole},
		{"rooms/bound to a project while the bot is there", roomsBound},
		{"rooms/a change leaves the rest alone", roomChanged},
		{"rooms/changes at once are all kept", roomChangedAtOnce},
		{"rooms/those that hear of a project", roomsOf},
	}
}

func (e *env) putRoom(r bot.Room) bot.Room {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Rooms.Put(ctx, r) })
	return r
}

func (e *env) change(ref bot.RoomRef, change func(r *bot.Room)) {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return bot.ChangeRoom(ctx, tx, ref, change) })
}

func roomWhole(t *testing.T, e *env) {
	want := e.putRoom(bot.Room{Ref: room("r"), Name: "ops", Style: "lines", ProjectID: "p", State: "archived"})
	same(t, get(e, getRoom("r")), want)
	want.Seq = e.appended(bot.RoomEntry{Room: room("r"), ID: "1"}) // an entry changes nothing else
	same(t, get(e, getRoom("r")), want)
	want.Name, want.Style, want.ProjectID, want.State = "", "", "", ""
	e.putRoom(bot.Room{Ref: room("r")})
	same(t, get(e, getRoom("r")), want)
}

func roomsBound(t *testing.T, e *env) {
	b := e.putRoom(bot.Room{Ref: room("b"), Name: "b", ProjectID: "p"})
	a := e.putRoom(bot.Room{Ref: room("a"), Name: "a", ProjectID: "p", Style: "lines"})
	chat := e.putRoom(bot.Room{Ref: bot.RoomRef{Instance: "slack", Workspace: "T1", ID: "C1"}, ProjectID: "p"})
	e.putRoom(bot.Room{Ref: room("left"), ProjectID: "p", State: "left"})
	e.putRoom(bot.Room{Ref: room("archived"), ProjectID: "p", State: "archived"})
	e.putRoom(bot.Room{Ref: room("other"), ProjectID: "q"})
	e.putRoom(bot.Room{Ref: room("unbound")})
	of := func(id string) []bot.Room {
		return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Room, error) { return tx.Bindings.Of(ctx, id) })
	}
	same(t, of("p"), []bot.Room{a, b, chat})
	same(t, of("none"), nil)
	same(t, of(""), nil) // what is bound to nothing is not bound to no project
	e.change(room("left"), func(r *bot.Room) { r.State = "" })
	if got := of("p"); len(got) != 4 || got[2].Ref != room("left") {
		t.Errorf("after coming back: %s", show(got))
	}
	e.change(room("a"), func(r *bot.Room) { r.ProjectID = "" })
	if got := of("p"); len(got) != 3 || got[0].Ref != room("b") {
		t.Errorf("after the unbinding: %s", show(got))
	}
}

func roomChanged(t *testing.T, e *env) {
	e.change(room("r"), func(r *bot.Room) {
		if r.Ref != room("r") || r.Name != "" {
			t.Errorf("a new room is given as %+v", r)
		}
		r.Name = "ops"
	})
	same(t, get(e, getRoom("r")), bot.Room{Ref: room("r"), Name: "ops"})
	seq := e.appended(bot.RoomEntry{Room: room("r"), ID: "1"})
	e.change(room("r"), func(r *bot.Room) { r.ProjectID, r.Style = "p", "lines" })
	e.change(room("r"), func(r *bot.Room) { r.State = "left" })
	e.change(room("r"), func(r *bot.Room) { r.Name = "operations" })
	want := bot.Room{Ref: room("r"), Name: "operations", Style: "lines", ProjectID: "p", State: "left", Seq: seq}
	same(t, get(e, getRoom("r")), want)
	// To change nothing writes nothing: it may be said in a Read.
	err := e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return bot.ChangeRoom(ctx, tx, room("r"), func(r *bot.Room) { r.Name = "operations" })
	})
	if err != nil {
		t.Errorf("no change: %v", err)
	}
	e.change(room("new"), func(*bot.Room) {}) // is known from then on
	same(t, get(e, getRoom("new")), bot.Room{Ref: room("new")})
}

// roomChangedAtOnce: a rename that comes while somebody binds the room takes nothing
// back.
func roomChangedAtOnce(t *testing.T, e *env) {
	changes := []func(r *bot.Room){
		func(r *bot.Room) { r.Name = "ops" }, func(r *bot.Room) { r.ProjectID = "p" },
		func(r *bot.Room) { r.State = "left" }, func(r *bot.Room) { r.Style = "lines" },
	}
	results := make(chan error, len(changes))
	for _, change := range changes {
		go func() {
			results <- e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				return bot.ChangeRoom(ctx, tx, room("r"), change)
			})
		}()
	}
	for range changes {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	same(t, get(e, getRoom("r")), bot.Room{Ref: room("r"), Name: "ops", ProjectID: "p", State: "left", Style: "lines"})
}

func roomsOf(t *testing.T, e *env) {
	p := bot.Project{ID: "p", Room: room("own")}
	hear := func(p bot.Project) (out []string) {
		for _, r := range get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Room, error) { return bot.RoomsOf(ctx, tx, p) }) {
			out = append(out, fmt.Sprintf("%s %s %s", r.Ref.ID, r.Name, r.Style))
		}
		return out
	}
	same(t, hear(p), []string{"own  "}) // though nothing is known of it
	same(t, hear(bot.Project{ID: "p"}), nil)
	e.putRoom(bot.Room{Ref: room("own"), Name: "own", Style: "lines"})
	e.putRoom(bot.Room{Ref: room("bound"), Name: "bound", ProjectID: "p"})
	e.putRoom(bot.Room{Ref: room("gone"), Name: "gone", ProjectID: "p", State: "left"})
	e.putRoom(bot.Room{Ref: room("other"), Name: "other", ProjectID: "q"})
	same(t, hear(p), []string{"own own lines", "bound bound "})
	same(t, hear(bot.Project{ID: "p"}), []string{"bound bound "})
	e.change(room("own"), func(r *bot.Room) { r.ProjectID = "p" })
	same(t, hear(p), []string{"bound bound ", "own own lines"}) // once
	e.change(room("own"), func(r *bot.Room) { r.State = "archived" })
	same(t, hear(p), []string{"bound bound "})
	e.change(room("own"), func(r *bot.Room) { r.ProjectID = "q" }) // bound to another, it is still this one's own
	same(t, hear(p), []string{"bound bound "})
	e.change(room("own"), func(r *bot.Room) { r.State = "" })
	same(t, hear(p), []string{"own own lines", "bound bound "})
}

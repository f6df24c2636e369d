package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

func roomRules() []rule {
	return []rule{
		{"rooms/put leaves the sequence alone", roomPut},
		{"rooms/every append and edit has a number", roomNumbers},
		{"rooms/entries come back whole", entryWhole},
		{"rooms/numbers are unique under concurrency", roomConcurrent},
		{"rooms/foreign text is stored as it can be", foreignText},
	}
}

func getRoom(id string) func(ctx context.Context, tx *bot.Tx) (bot.Room, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Room, error) { return tx.Rooms.Get(ctx, room(id)) }
}

func (e *env) appended(entry bot.RoomEntry) int64 {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (int64, error) { return tx.Rooms.Append(ctx, entry) })
}

func (e *env) entries(ref bot.RoomRef, after int64, limit int) []bot.RoomEntry {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.RoomEntry, error) {
		return tx.Rooms.Entries(ctx, ref, after, limit)
	})
}

func roomPut(t *testing.T, e *env) {
	e.write(putRoom("a"))
	e.appended(bot.RoomEntry{Room: room("a"), ID: "1"})
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: room("a"), Name: "new", Style: "lines", Seq: 99})
	})
	want := bot.Room{Ref: room("a"), Name: "new", Style: "lines", Seq: 1}
	same(t, get(e, getRoom("a")), want)
	e.appended(bot.RoomEntry{Room: room("b"), ID: "1"}) // makes the room
	list := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Room, error) { return tx.Rooms.List(ctx, "console") })
	same(t, list, []bot.Room{want, {Ref: room("b"), Name: "b", Seq: 1}})
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := getRoom("c")(ctx, tx)
		return err
	})
}

func roomNumbers(t *testing.T, e *env) {
	sent := e.now()
	for i, id := range []string{"a", "b", "a"} {
		if seq := e.appended(bot.RoomEntry{Room: room("r"), ID: id, SentAt: e.now(), Text: fmt.Sprint(i)}); seq != int64(i+1) {
			t.Errorf("append %d got number %d", i, seq)
		}
		e.clock.Advance(time.Second)
	}
	got := e.entries(room("r"), 0, 10)
	if len(got) != 2 || got[0].ID != "b" || got[1].ID != "a" || got[1].Seq != 3 || got[1].Text != "2" {
		t.Fatalf("got %s", show(got))
	}
	if !got[1].SentAt.Equal(sent) {
		t.Errorf("the edit moved its message to %v", got[1].SentAt)
	}
	if rest := e.entries(room("r"), 2, 10); len(rest) != 1 || rest[0].Seq != 3 {
		t.Errorf("after 2: %s", show(rest))
	}
	if one := e.entries(room("r"), 0, 1); len(one) != 1 || one[0].Seq != 2 {
		t.Errorf("limit 1: %s", show(one))
	}
	if none := e.entries(room("r"), 3, 10); none != nil {
		t.Errorf("after the last: %s", show(none))
	}
	if other := e.appended(bot.RoomEntry{Room: room("other"), ID: "a"}); other != 1 {
		t.Errorf("another room begins with %d", other)
	}
}

func entryWhole(t *testing.T, e *env) {
	entry := bot.RoomEntry{
		Room: room("r"), ID: "m1", Thread: "m0", Author: account("1", "alice"), Bot: true, Text: "hi",
		Post:    &bot.Post{Key: "k", Room: room("r"), Title: "T", Text: []bot.Text{"a", "b"}, Steps: []bot.Tick{{Title: "x", State: "done"}}},
		PostKey: "k", To: "1", SentAt: e.now(), EditedAt: e.now().Add(time.Second), Root: "root",
	}
	entry.Seq = e.appended(entry)
	same(t, e.entries(room("r"), 0, 1), []bot.RoomEntry{entry})
}

func roomConcurrent(t *testing.T, e *env) {
	const writers, each = 6, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				err := e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
					_, err := tx.Rooms.Append(ctx, bot.RoomEntry{Room: room("r"), ID: fmt.Sprintf("%d-%d", w, i)})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var got []int64
	for _, entry := range e.entries(room("r"), 0, 0) {
		got = append(got, entry.Seq)
	}
	var want []int64
	for i := range int64(writers * each) {
		want = append(want, i+1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got numbers %v", got)
	}
}

// foreignText must never make a write fail for ever: a NUL or a broken sequence in
// a commit's title would block its event.
func foreignText(t *testing.T, e *env) {
	e.appended(bot.RoomEntry{Room: room("r"), ID: "1", Text: "a\x00b'; DROP TABLE rooms; -- \xff ? ?1 \\ \U0001F600", Root: "x\x00"})
	got := e.entries(room("r"), 0, 1)[0]
	if want := "ab'; DROP TABLE rooms; -- \ufffd ? ?1 \\ \U0001F600"; got.Text != want {
		t.Errorf("got %q, want %q", got.Text, want)
	}
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Inbox.Add(ctx, bot.InboxRow{
			Instance: "g\x00", Key: "k\xff", Error: "\x00",
			Delivery: &bot.Delivery{Path: "\x00", Body: []byte{0, 255, '\''}},
		})
		return err
	})
	rows := e.claimInbox("w", 1)
	if len(rows) != 1 || string(rows[0].Delivery.Body) != "\x00\xff'" || rows[0].Delivery.Path != "\x00" || rows[0].Key != "k\ufffd" {
		t.Errorf("got %s", show(rows))
	}
}

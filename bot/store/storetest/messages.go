package storetest

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func messageRules() []rule {
	return []rule{
		{"messages/known ones are left out", messageDedupes},
		{"messages/come back whole, with their root", messageWhole},
		{"messages/order within a thread", messageOrder},
		{"messages/a reply waits for its thread's root", messageReply},
		{"messages/leases", messageLeases},
		{"messages/run once", messageOnce},
		{"messages/given back for a while", messagePostponed},
		{"messages/the root of one that is known", messageRoot},
	}
}

func (e *env) say(r, id, thread string) string {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (string, error) {
		root, _, err := tx.Messages.Add(ctx, bot.Message{ID: id, Room: room(r), Thread: thread}, e.now())
		return root, err
	})
}

func (e *env) claimMessages(owner string, limit int) []bot.Message {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Message, error) {
		return tx.Messages.Claim(ctx, owner, e.now(), lease, limit)
	})
}

func doneMessage(id string) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Messages.Done(ctx, room("r"), id) }
}

func ids(list []bot.Message) (out []string) {
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out
}

func messageDedupes(t *testing.T, e *env) {
	root := e.say("r", "1", "")
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		again, added, err := tx.Messages.Add(ctx, bot.Message{ID: "1", Room: room("r"), Root: "another"}, e.now())
		if added || again != root {
			t.Errorf("again: %q %v, want the first root %q", again, added, root)
		}
		elsewhere := bot.RoomRef{Instance: "slack", ID: "r"}
		_, added, err2 := tx.Messages.Add(ctx, bot.Message{ID: "1", Room: elsewhere}, e.now())
		if !added || err2 != nil {
			t.Errorf("another chat's message 1: %v %v", added, err2)
		}
		return err
	})
	e.refused(bot.CodeInvalid, func(ctx context.Context, tx *bot.Tx) error {
		_, _, err := tx.Messages.Add(ctx, bot.Message{Room: room("r")}, e.now())
		return err
	})
}

func messageWhole(t *testing.T, e *env) {
	m := bot.Message{
		ID: "1", Room: room("r"), Thread: "t", Author: account("1", "alice"), Text: "deploy\nit", SentAt: e.now(),
		Direct: true, Addressed: true, Owner: true, Action: "a", Form: map[string]string{"k": "v"},
		Reaction: "+1", On: "m0", Loose: true, Missed: true, Root: "given",
	}
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		root, added, err := tx.Messages.Add(ctx, m, e.now())
		if root != "given" || !added {
			t.Errorf("got %q %v", root, added)
		}
		return err
	})
	same(t, e.claimMessages("a", 1), []bot.Message{m})
	e.clock.Advance(lease)
	root := e.say("s", "2", "")
	got := e.claimMessages("a", 9)
	if len(got) != 2 || got[1].Root != root || root == "" {
		t.Errorf("root %q, got %s", root, show(got))
	}
}

func messageOrder(t *testing.T, e *env) {
	for _, m := range [][3]string{{"r", "1", ""}, {"r", "2", ""}, {"r", "3", "x"}, {"r", "4", "x"}, {"s", "5", ""}} {
		e.say(m[0], m[1], m[2])
	}
	same(t, ids(e.claimMessages("a", 9)), []string{"1", "3", "5"})
	if got := e.claimMessages("b", 9); got != nil {
		t.Errorf("passed a leased one: %v", ids(got))
	}
	e.write(doneMessage("3"))
	same(t, ids(e.claimMessages("b", 9)), []string{"4"})
	e.write(doneMessage("1"))
	same(t, ids(e.claimMessages("a", 9)), []string{"2"})
}

func messageReply(t *testing.T, e *env) {
	e.say("r", "root", "")
	e.say("r", "reply", "root")
	same(t, ids(e.claimMessages("a", 9)), []string{"root"})
	e.write(doneMessage("root"))
	same(t, ids(e.claimMessages("a", 9)), []string{"reply"})
}

func messageLeases(t *testing.T, e *env) {
	e.say("r", "1", "")
	e.say("r", "2", "")
	e.say("s", "3", "")
	same(t, ids(e.claimMessages("a", 1)), []string{"1"})
	e.clock.Advance(lease - time.Microsecond)
	same(t, ids(e.claimMessages("b", 9)), []string{"3"})
	e.clock.Advance(time.Microsecond)
	same(t, ids(e.claimMessages("b", 9)), []string{"1"})
}

func messageOnce(_ *testing.T, e *env) {
	e.say("r", "1", "")
	e.write(doneMessage("1"))
	e.refused(bot.CodeStale, doneMessage("1"))
	e.refused(bot.CodeNotFound, doneMessage("2"))
}

func postpone(e *env, owner, id string, d time.Duration) {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Messages.Postpone(ctx, room("r"), id, owner, e.now().Add(d))
	})
}

// messagePostponed: it keeps its place, and what is behind it waits, too.
func messagePostponed(t *testing.T, e *env) {
	e.say("r", "1", "")
	e.say("r", "2", "")
	same(t, ids(e.claimMessages("a", 9)), []string{"1"})
	postpone(e, "b", "1", 0) // is not b's
	same(t, ids(e.claimMessages("b", 9)), nil)
	postpone(e, "a", "1", time.Second)
	same(t, ids(e.claimMessages("b", 9)), nil)
	e.clock.Advance(time.Second)
	same(t, ids(e.claimMessages("b", 9)), []string{"1"})
	postpone(e, "a", "1", 0) // who had it before has no say any more
	same(t, ids(e.claimMessages("a", 9)), nil)
	e.write(doneMessage("1"))
	postpone(e, "b", "1", 0) // what was run is not run again
	same(t, ids(e.claimMessages("b", 9)), []string{"2"})
	postpone(e, "b", "none", 0)
}

func messageRoot(t *testing.T, e *env) {
	root := e.say("r", "1", "")
	of := func(instance, id string) func(ctx context.Context, tx *bot.Tx) (string, error) {
		return func(ctx context.Context, tx *bot.Tx) (string, error) { return tx.Messages.Root(ctx, instance, id) }
	}
	if got := get(e, of("console", "1")); got != root || root == "" {
		t.Errorf("root %q, want %q", got, root)
	}
	e.write(doneMessage("1"))
	if got := get(e, of("console", "1")); got != root {
		t.Errorf("of one that was run: %q", got)
	}
	for _, miss := range [][2]string{{"console", "2"}, {"slack", "1"}} {
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return second(of(miss[0], miss[1])(ctx, tx)) })
	}
}

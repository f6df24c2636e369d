package storetest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
)

func inboxRules() []rule {
	return []rule{
		{"inbox/known deliveries are left out", inboxDedupes},
		{"inbox/rows come back whole", inboxWhole},
		{"inbox/leases", inboxLeases},
		{"inbox/oldest first, as many as asked", inboxOrder},
		{"inbox/ends once", inboxEnds},
		{"inbox/postponed until then", inboxPostponed},
		{"inbox/many callers share a commit", inboxAccept},
		{"inbox/one caller's failure is its own", inboxAcceptFailure},
	}
}

const lease = time.Minute

func (e *env) addInbox(rows ...bot.InboxRow) int {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (int, error) { return tx.Inbox.Add(ctx, rows...) })
}

func (e *env) claimInbox(owner string, limit int) []bot.InboxRow {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.InboxRow, error) {
		return tx.Inbox.Claim(ctx, owner, e.now(), lease, limit)
	})
}

func delivery(instance, key string) bot.InboxRow { return bot.InboxRow{Instance: instance, Key: key} }

func inboxDedupes(t *testing.T, e *env) {
	if n := e.addInbox(delivery("g", "1"), delivery("g", "2"), delivery("g", "1")); n != 2 {
		t.Errorf("%d were new, want 2", n)
	}
	if n := e.addInbox(delivery("g", "1"), delivery("other", "1")); n != 1 {
		t.Errorf("%d were new, want 1: the key is the instance's own", n)
	}
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (map[string]bool, error) {
		return tx.Inbox.Known(ctx, "g", []string{"1", "3", "2"})
	}), map[string]bool{"1": true, "2": true})
	known := get(e, func(ctx context.Context, tx *bot.Tx) (map[string]bool, error) { return tx.Inbox.Known(ctx, "g", nil) })
	if len(known) != 0 {
		t.Errorf("nothing asked, %v known", known)
	}
}

func inboxWhole(t *testing.T, e *env) {
	row := bot.InboxRow{
		ID: "id", Instance: "g", Key: "1", Scope: bot.Scope{ProjectID: "p"}, State: "new", Received: e.now(),
		Delivery: &bot.Delivery{
			Instance: "g", ID: "1", Path: "/x", Query: "a=b", Header: http.Header{"X-A": {"1", "2"}},
			Body: []byte("{}\x00\xff"), ReceivedAt: e.now(), Cause: bot.Cause{Root: "r"},
		},
		Event: &bot.Event{
			ID: "1", Source: "g", Type: bot.EventPushed, OccurredAt: e.now(), ReceivedAt: e.now(),
			Commits: []bot.Commit{{}}, Build: &bot.Build{Tests: &bot.TestTotals{Total: 3}},
		},
		Cause: bot.Cause{Cause: "c", Root: "r"},
	}
	e.addInbox(row, bot.InboxRow{ID: "bare", Instance: "g", Key: "2", Received: e.now()})
	row.Attempts = 1
	same(t, e.claimInbox("w", 2), []bot.InboxRow{
		row,
		{ID: "bare", Instance: "g", Key: "2", State: "new", Attempts: 1, Received: e.now(), Cause: bot.Cause{Root: "bare"}},
	})
}

func keys(rows []bot.InboxRow) (out []string) {
	for _, r := range rows {
		out = append(out, r.Key)
	}
	return out
}

func inboxLeases(t *testing.T, e *env) {
	e.addInbox(delivery("g", "1"))
	if got := e.claimInbox("a", 9); len(got) != 1 || got[0].Attempts != 1 {
		t.Fatalf("got %s", show(got))
	}
	e.clock.Advance(lease - time.Microsecond)
	if got := e.claimInbox("b", 9); got != nil {
		t.Errorf("claimed while leased: %s", show(got))
	}
	e.clock.Advance(time.Microsecond)
	if got := e.claimInbox("b", 9); len(got) != 1 || got[0].Attempts != 2 {
		t.Errorf("after the lease: %s", show(got))
	}
}

func inboxOrder(t *testing.T, e *env) {
	for i := range 5 {
		e.addInbox(delivery("g", fmt.Sprint(5-i)))
	}
	same(t, keys(e.claimInbox("a", 2)), []string{"5", "4"})
	same(t, keys(e.claimInbox("b", 9)), []string{"3", "2", "1"})
	if got := e.claimInbox("a", 0); got != nil {
		t.Errorf("none asked, got %v", keys(got))
	}
}

func doneInbox(id, state string) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Inbox.Done(ctx, id, state, "why") }
}

func inboxEnds(t *testing.T, e *env) {
	for i, state := range []string{"done", "ignored", "failed"} {
		id := fmt.Sprint("id", i)
		e.addInbox(bot.InboxRow{ID: id, Instance: "g", Key: id})
		e.claimInbox("a", 9)
		e.write(doneInbox(id, state))
		e.refused(bot.CodeStale, doneInbox(id, state))
		e.refused(bot.CodeStale, func(ctx context.Context, tx *bot.Tx) error {
			return tx.Inbox.Postpone(ctx, id, e.now(), "")
		})
	}
	e.refused(bot.CodeNotFound, doneInbox("none", "done"))
	e.refused(bot.CodeInvalid, doneInbox("id0", "new"))
	e.clock.Advance(2 * lease)
	if got := e.claimInbox("b", 9); got != nil {
		t.Errorf("claimed what has ended: %s", show(got))
	}
	if n := e.addInbox(delivery("g", "id0")); n != 0 {
		t.Error("a delivery that has ended was taken again")
	}
}

func inboxPostponed(t *testing.T, e *env) {
	e.addInbox(bot.InboxRow{ID: "id", Instance: "g", Key: "1"})
	e.claimInbox("a", 1)
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Inbox.Postpone(ctx, "id", e.now().Add(2*lease), "later")
	})
	e.clock.Advance(2*lease - time.Microsecond)
	if got := e.claimInbox("b", 9); got != nil {
		t.Errorf("claimed before its time: %s", show(got))
	}
	e.clock.Advance(time.Microsecond)
	if got := e.claimInbox("b", 9); len(got) != 1 || got[0].Error != "later" || got[0].Attempts != 2 {
		t.Errorf("at its time: %s", show(got))
	}
}

func inboxAccept(t *testing.T, e *env) {
	wake, stop := e.Listen(bot.QueueInbox)
	defer stop()
	const callers = 64
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			key := fmt.Sprint(i / 2) // everything comes twice
			added, err := e.Accept(t.Context(), delivery("g", key), delivery("h", key))
			fresh.Add(int64(added))
			if err != nil {
				t.Error(err)
			}
			// What was accepted is there for everybody at once.
			err = e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				known, err := tx.Inbox.Known(ctx, "g", []string{key})
				if err == nil && !known[key] {
					t.Errorf("%s was accepted and is not there", key)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	woken(t, wake)
	if got := e.claimInbox("a", 1000); len(got) != callers || fresh.Load() != callers {
		t.Errorf("%d rows, %d said to be new, want %d", len(got), fresh.Load(), callers)
	}
	if code := bot.CodeOf(second(e.Accept(t.Context(), delivery("g", "")))); code != bot.CodeInvalid {
		t.Errorf("a row without a key: %q", code)
	}
}

// inboxAcceptFailure sends one row whose ID is taken among good ones.
func inboxAcceptFailure(t *testing.T, e *env) {
	e.addInbox(bot.InboxRow{ID: "taken", Instance: "g", Key: "first"})
	var bad atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			row := delivery("g", fmt.Sprint(i))
			if i == 7 {
				row.ID = "taken"
			}
			if _, err := e.Accept(t.Context(), row); err != nil {
				bad.Add(1)
				if i != 7 {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(e.claimInbox("a", 100)); bad.Load() != 1 || got != 20 {
		t.Errorf("%d failed, %d stored; want 1 and 20", bad.Load(), got)
	}
}

package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"opsbot/bot"
)

func transactionRules() []rule {
	return []rule{
		{"transaction/rolls back what an error ends", rollsBack},
		{"transaction/marks the context", marksContext},
		{"transaction/refuses one inside another", refusesNested},
		{"transaction/read can't write", readCannotWrite},
		{"transaction/read is one snapshot", readIsSnapshot},
		{"transaction/read then write is as if alone", isSerial},
		{"transaction/a panic frees the writer", panicFrees},
		{"transaction/ends with its context", endsWithContext},
	}
}

func putRoom(name string) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: room(name), Name: name})
	}
}

func rollsBack(t *testing.T, e *env) {
	wake, stop := e.Listen(bot.QueueInbox)
	defer stop()
	broken := errors.New("broken")
	err := e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		if _, err := tx.Inbox.Add(ctx, bot.InboxRow{Instance: "g", Key: "1"}); err != nil {
			return err
		}
		return errors.Join(putRoom("a")(ctx, tx), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the function's own error", err)
	}
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Rooms.Get(ctx, room("a"))
		return err
	})
	select {
	case <-wake:
		t.Error("a transaction that was rolled back woke somebody")
	default:
	}
}

func marksContext(t *testing.T, e *env) {
	inside := func(ctx context.Context, _ *bot.Tx) error {
		if !bot.InTransaction(ctx) {
			t.Error("the context is not marked")
		}
		return nil
	}
	e.write(inside)
	if err := e.Read(t.Context(), inside); err != nil {
		t.Fatal(err)
	}
}

func refusesNested(t *testing.T, e *env) {
	err := e.Write(t.Context(), func(ctx context.Context, _ *bot.Tx) error {
		nothing := func(context.Context, *bot.Tx) error { return nil }
		if e.Write(ctx, nothing) == nil || e.Read(ctx, nothing) == nil || second(e.Accept(ctx)) == nil {
			t.Error("a transaction inside a transaction was not refused")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readCannotWrite(t *testing.T, e *env) {
	err := e.Read(t.Context(), putRoom("a"))
	if err == nil {
		t.Fatal("a write inside Read went through")
	}
	if code := bot.CodeOf(err); code != bot.CodeInternal {
		t.Errorf("got code %q: it is a programming error, not a full disk", code)
	}
	e.write(putRoom("a")) // the handle still works
}

func readIsSnapshot(t *testing.T, e *env) {
	count := func(ctx context.Context, tx *bot.Tx) int {
		list, err := tx.Rooms.List(ctx, "console")
		if err != nil {
			t.Error(err)
		}
		return len(list)
	}
	e.write(putRoom("a"))
	err := e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		before := count(ctx, tx)
		if err := e.Write(t.Context(), putRoom("b")); err != nil { //nolint:contextcheck // beside this one, not in it
			return err
		}
		if after := count(ctx, tx); before != 1 || after != 1 {
			t.Errorf("saw %d rooms, then %d; want 1 and 1", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		if n := count(ctx, tx); n != 2 {
			t.Errorf("a new Read saw %d rooms, want 2", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isSerial lets many read, decide and write at once: exactly one may find the name
// free, which no unique index guards here.
func isSerial(t *testing.T, e *env) {
	wins, wg := make(chan int, 8), sync.WaitGroup{}
	for i := range cap(wins) {
		wg.Go(func() {
			won := false
			err := e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				won = false
				open, err := tx.Operations.Find(ctx, bot.OperationFilter{Environment: "production", Open: true})
				if err != nil || len(open) > 0 {
					return err
				}
				won = true
				return tx.Operations.Insert(ctx, &bot.Operation{
					ID: bot.NewID(e.now()), Kind: "deploy",
					Environment: "production", State: bot.OperationRunning, CreatedAt: e.now(),
				})
			})
			if err != nil {
				t.Errorf("write %d: %v", i, err)
			}
			if won {
				wins <- i
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Errorf("%d of %d got the environment, want 1", len(wins), cap(wins))
	}
}

func panicFrees(t *testing.T, e *env) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = e.Write(t.Context(), func(context.Context, *bot.Tx) error {
			var none *bot.Plan
			_ = none.ID // a slip in a command must not block everybody else
			return nil
		})
	}()
	e.write(putRoom("a"))
}

func endsWithContext(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := putRoom("a")(ctx, tx); err != nil {
			return err
		}
		cancel()
		return putRoom("b")(ctx, tx)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	rooms := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Room, error) { return tx.Rooms.List(ctx, "console") })
	if len(rooms) != 0 {
		t.Errorf("%d rooms were written by a transaction that ended", len(rooms))
	}
}

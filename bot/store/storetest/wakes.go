package storetest

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func wakeRules() []rule {
	return []rule{
		{"wakes/at the commit, merged", wakesMerged},
		{"wakes/rows wake their queue", rowsWake},
		{"wakes/a message claimed where it is added", claimedAtOnce},
		{"wakes/nobody after the end of listening", listenEnds},
		{"wakes/a near timer fires at its time", timerFires},
		{"wakes/a timer in the past is now", pastIsNow},
	}
}

// woken waits for a wake-up that must come; the deadline is the only way to fail.
func woken(t *testing.T, wake <-chan struct{}) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was woken")
	}
}

func quiet(t *testing.T, wake <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-wake:
		t.Errorf("woken %s", why)
	default:
	}
}

func wakesMerged(t *testing.T, e *env) {
	first, stop := e.Listen(bot.QueueBuilds)
	defer stop()
	second, stop := e.Listen(bot.QueueBuilds)
	defer stop()
	other, stop := e.Listen(bot.QueueInbox)
	defer stop()
	for range 3 { // nobody receives: the sender must not block
		e.write(func(ctx context.Context, tx *bot.Tx) error {
			defer quiet(t, first, "before the commit of the first")
			return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
		})
		woken(t, first)
	}
	woken(t, second)
	quiet(t, second, "more than once for what was not received")
	quiet(t, other, "on another queue")
}

func rowsWake(t *testing.T, e *env) {
	for queue, fn := range map[bot.Queue]func(ctx context.Context, tx *bot.Tx) error{
		bot.QueueInbox: func(ctx context.Context, tx *bot.Tx) error {
			_, err := tx.Inbox.Add(ctx, bot.InboxRow{Instance: "g", Key: "1"})
			return err
		},
		bot.QueueMessages: func(ctx context.Context, tx *bot.Tx) error {
			_, _, err := tx.Messages.Add(ctx, bot.Message{ID: "1", Room: room("r")}, e.now())
			return err
		},
		bot.QueuePosts: func(ctx context.Context, tx *bot.Tx) error {
			return tx.Posts.Put(ctx, bot.Post{Key: "k", Room: room("r")})
		},
		bot.QueueRooms: func(ctx context.Context, tx *bot.Tx) error {
			_, err := tx.Rooms.Append(ctx, bot.RoomEntry{Room: room("r"), ID: "1"})
			return err
		},
		bot.QueueOperations: func(ctx context.Context, tx *bot.Tx) error {
			return tx.Operations.Insert(ctx, operation(e, "running"))
		},
	} {
		wake, stop := e.Listen(queue)
		e.write(fn)
		woken(t, wake)
		stop()
	}
}

func listenEnds(t *testing.T, e *env) {
	wake, stop := e.Listen(bot.QueueBuilds)
	stop()
	stop() // twice does no harm
	e.write(wakeAt(e.now()))
	quiet(t, wake, "after the end")
}

func wakeAt(at time.Time) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Wakes.Wake(ctx, bot.QueueBuilds, at) }
}

// running runs the store until the test ends.
func running(t *testing.T, e *env) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	<-e.Running()
}

func timerFires(t *testing.T, e *env) {
	running(t, e)
	wake, stop := e.Listen(bot.QueueBuilds)
	defer stop()
	for _, d := range []time.Duration{3 * time.Second, time.Hour} { // kept in memory; a job, too
		e.write(wakeAt(e.now().Add(d)))
		e.clock.Advance(d - time.Microsecond)
		quiet(t, wake, "before the time")
		e.clock.Advance(time.Microsecond)
		woken(t, wake)
	}
}

func pastIsNow(t *testing.T, e *env) {
	wake, stop := e.Listen(bot.QueueBuilds)
	defer stop()
	e.write(wakeAt(e.now().Add(-time.Hour)))
	woken(t, wake)
}

func claimedAtOnce(t *testing.T, e *env) {
	wake, stop := e.Listen(bot.QueueMessages)
	defer stop()
	add := func(id, thread string) {
		e.write(func(ctx context.Context, tx *bot.Tx) error {
			if _, _, err := tx.Messages.Add(ctx, bot.Message{ID: id, Room: room("dev"), Thread: thread}, e.now()); err != nil {
				return err
			}
			_, err := tx.Messages.Claim(ctx, "w", e.now(), lease, 1)
			return err
		})
	}
	add("first", "t")
	quiet(t, wake, "for a message that is claimed already")
	add("second", "t")
	woken(t, wake) // it could not be claimed, the first is before it
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Messages.Done(ctx, room("dev"), "first") })
	woken(t, wake)
	if got := ids(e.claimMessages("w", 9)); len(got) != 1 || got[0] != "second" {
		t.Errorf("claimed %v", got)
	}
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Messages.Done(ctx, room("dev"), "second") })
	quiet(t, wake, "though no message waits")
}

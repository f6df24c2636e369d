package store_test

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// pastClock stands still long ago: a timer that is an hour off by it is overdue by
// the machine's clock, which River goes by, so only River can fire it.
type pastClock struct{}

func (pastClock) Now() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func (pastClock) After(time.Duration) <-chan time.Time { return nil }

func wakeBuilds(at time.Time) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Wakes.Wake(ctx, bot.QueueBuilds, at) }
}

// run runs the store until the test ends.
func run(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-s.Running():
	case <-time.After(20 * time.Second):
		t.Fatal("the store does not run")
	}
}

func expect(t *testing.T, wake <-chan struct{}) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was woken")
	}
}

// databases names the openers that every test of this package runs on.
func databases() map[string]storetest.Opener {
	return map[string]storetest.Opener{"sqlite": storetest.Open, "postgres": storetest.OpenPostgres}
}

func TestTimerSurvivesRestart(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opt store.Options
			first := open(t, func(o *store.Options) { o.Clock = pastClock{}; opt = *o })
			if err := first.Write(t.Context(), wakeBuilds(pastClock{}.Now().Add(time.Hour))); err != nil {
				t.Fatal(err)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := store.Open(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = again.Close() })
			wake, stop := again.Listen(bot.QueueBuilds)
			defer stop()
			run(t, again)
			expect(t, wake)
			if name == "postgres" {
				expect(t, wake) // hearing begins with waking everybody; now the timer, perhaps
			}
		})
	}
}

func TestTimerIsAJobOnlyWhenFar(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, func(o *store.Options) { o.Clock = storetest.NewClock() })
	now := storetest.NewClock().Now()
	for at, want := range map[time.Duration]int{0: 0, 5 * time.Second: 0} {
		if err := s.Write(t.Context(), wakeBuilds(now.Add(at))); err != nil {
			t.Fatal(err)
		}
		if n, err := s.RiverJobs(t.Context()); err != nil || n != want {
			t.Errorf("after a wake in %v: %d jobs (%v), want %d", at, n, err, want)
		}
	}
	err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		far := wakeBuilds(now.Add(time.Minute))
		if err := far(ctx, tx); err != nil {
			return err
		}
		return far(ctx, tx) // the same one again is one
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.RiverJobs(t.Context()); err != nil || n != 1 {
		t.Errorf("%d jobs (%v), want 1", n, err)
	}
}

func TestReplicasWakeEachOther(t *testing.T) {
	t.Parallel()
	url := storetest.NewDatabase(t)
	open := func() *store.Store {
		s, err := store.Open(t.Context(), store.Options{URL: url, DataDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	here, there := open(), open()
	run(t, there)
	wake, stop := there.Listen(bot.QueueInbox)
	defer stop()
	if _, err := here.Accept(t.Context(), bot.InboxRow{Instance: "g", Key: "1"}); err != nil {
		t.Fatal(err)
	}
	expect(t, wake)
	var rows []bot.InboxRow
	err := there.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		rows, err = tx.Inbox.Claim(ctx, "b", time.Now().Add(time.Minute), time.Minute, 9)
		return err
	})
	if err != nil || len(rows) != 1 {
		t.Errorf("the woken replica finds %d rows (%v)", len(rows), err)
	}
}

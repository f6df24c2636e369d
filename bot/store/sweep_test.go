package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// TestSweep: buttons that expired long ago are forgotten, however many they are; one
// that expired lately still says so, and one without an end stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			s := open(t, func(o *store.Options) { o.Clock = clock })
			fillActions(t, s, clock.Now())
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := []string{"endless", "lately", "open"}
			if got := actionIDs(t, s); !slices.Equal(got, want) {
				t.Errorf("%d actions are left, %.99v; want %v", len(got), got, want)
			}
		})
	}
}

// TestSweepRuns: the running store sweeps by itself.
func TestSweepRuns(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	s := storetest.Open(t, func(o *store.Options) { o.Clock = clock })
	run(t, s)
	fillActions(t, s, clock.Now())
	deadline := time.After(20 * time.Second)
	for len(actionIDs(t, s)) > 3 {
		clock.Advance(6 * time.Hour)
		select {
		case <-deadline:
			t.Fatal("what expired is still there")
		case <-time.After(5 * time.Millisecond): // the transactions' own time
		}
	}
}

func fillActions(t *testing.T, s *store.Store, now time.Time) {
	t.Helper()
	expires := map[string]time.Time{"endless": {}, "open": now.Add(99 * 24 * time.Hour), "lately": now.Add(-29 * 24 * time.Hour)}
	for i := range 1500 {
		expires[fmt.Sprintf("old%d", i)] = now.Add(-31 * 24 * time.Hour)
	}
	if err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		for id, at := range expires {
			if err := tx.Actions.Put(ctx, bot.Action{ID: id, Verb: "log", ExpiresAt: at}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func actionIDs(t *testing.T, s *store.Store) (out []string) {
	t.Helper()
	for _, row := range s.Texts(t, "SELECT id FROM actions ORDER BY id") {
		out = append(out, row[0])
	}
	return out
}

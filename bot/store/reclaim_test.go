package store_test

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// TestReclaim: what an earlier process of the same node had claimed is free at
// once, what another node holds is not.
func TestReclaim(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reclaims(t, open)
		})
	}
}

func reclaims(t *testing.T, open storetest.Opener) {
	t.Helper()
	for earlier, want := range map[string]int{"node1:a": 1, "node10:a": 0, "node2:a": 0, "node1:b": 0} {
		t.Run(earlier, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(o *store.Options) { o.Owner = "node1:b" })
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			m := bot.Message{ID: "1", Room: bot.RoomRef{Instance: "console", ID: "general"}, Text: "status", SentAt: now, Root: "r"}
			claim := func(owner string) (got []bot.Message) {
				err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
					got, err = tx.Messages.Claim(ctx, owner, now, time.Hour, 10)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			if err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				_, _, err := tx.Messages.Add(ctx, m, now)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got := claim(earlier); len(got) != 1 {
				t.Fatalf("claimed %d messages", len(got))
			}
			if err := s.Reclaim(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := claim("node1:b"); len(got) != want {
				t.Errorf("after %s: %d messages are free, want %d", earlier, len(got), want)
			}
		})
	}
}

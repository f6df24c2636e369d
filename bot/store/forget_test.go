package store_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"opsbot/bot"
)

// TestDoneForgetsForms: of a message that was run nothing is left of its form, and all
// of the rest. A text that looks like a form is a text.
func TestDoneForgetsForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	room := bot.RoomRef{Instance: "console", ID: "general"}
	form := bot.Message{ID: "1", Room: room, Action: "a", Form: map[string]string{"value": "submitted"}, SentAt: now, Loose: true}
	text := bot.Message{ID: "2", Room: room, Text: `say ,"form":{"value":"x"}`, SentAt: now}
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			for _, m := range []bot.Message{form, text} {
				err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
					if _, _, err := tx.Messages.Add(ctx, m, now); err != nil {
						return err
					}
					return tx.Messages.Done(ctx, room, m.ID)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			for i, row := range s.Texts(t, "SELECT body FROM messages ORDER BY seq") {
				want := []bot.Message{form, text}[i]
				want.Form = nil
				var got bot.Message
				if err := json.Unmarshal([]byte(row[0]), &got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("kept %s (%v), want %+v", row[0], err, want)
				}
			}
		})
	}
}

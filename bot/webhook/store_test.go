package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	"opsbot/bot/webhook"
)

// TestRealStore sends to a real store: what was acknowledged is in the inbox,
// once, and complete; and its workers were woken.
func TestRealStore(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	woken, stop := s.Listen(bot.QueueInbox)
	defer stop()
	r := setup(t, func(o *webhook.Options) { o.Accepter, o.Clock = s, bot.SystemClock{} })
	const senders, each = 16, 8
	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				id := fmt.Sprintf("d-%d", (i*each+j)/2)
				if w := r.send(request(id, `{"id":"`+id+`"}`)); w.Code == http.StatusAccepted {
					taken.Add(1)
				} else if w.Code != http.StatusOK { // it came before
					t.Errorf("%s: %d %s", id, w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-woken:
	default:
		t.Error("nobody was woken")
	}
	rows := claim(t, s)
	if len(rows) != senders*each/2 || taken.Load() != senders*each/2 {
		t.Errorf("%d rows, %d answers say that it was new", len(rows), taken.Load())
	}
	for _, row := range rows {
		if string(row.Delivery.Body) != `{"id":"`+row.Key+`"}` || row.Delivery.Header.Get("X-GitHub-Event") != "push" ||
			row.Scope.ProjectID != "p1" || row.Cause.Root != row.ID {
			t.Errorf("row = %+v, %+v", row, row.Delivery)
		}
	}
}

func claim(t *testing.T, s *store.Store) []bot.InboxRow {
	t.Helper()
	var rows []bot.InboxRow
	err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		now := bot.SystemClock{}.Now()
		rows, err = tx.Inbox.Claim(ctx, "test", now, 1, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

package slack

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"opsbot/integrations/slack/wire"
	fake "opsbot/test/fakes/slack"
)

// TestOrder: a message that comes late is not taken before those that were said before
// it in its thread, or alone with the bot.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprint("direct ", direct), func(t *testing.T) {
			t.Parallel()
			r := setup(t, fake.Via(fake.HTTP))
			srv := r.door()
			channel, thread := r.dev, ""
			if direct {
				channel = r.DM(r.alice)
			}
			r.Hold() // nothing comes by itself
			var said []string
			for i := range 4 {
				ts := r.Say(r.alice, channel, fmt.Sprint("@opsbot number ", i), thread)
				if !direct && i == 0 {
					thread = ts
				}
				said = append(said, ts)
			}
			for _, i := range []int{2, 3, 1, 0, 2} {
				m, _ := r.Message(channel, said[i])
				body := fmt.Sprintf(`{"type":"event_callback","event":{"type":"message","channel":%q,"user":%q,"team":%q,"ts":%q,"thread_ts":%q,"text":%q}}`,
					channel, r.alice, r.TeamID, said[i], thread, m.Raw)
				if status, _ := r.ask(srv.URL, "/slack/events", body, retried); status != 200 {
					t.Fatalf("status %d", status)
				}
			}
			for i, m := range r.received(4) {
				if m.ID != wire.MessageID(channel, said[i]) || m.Text != fmt.Sprint("@opsbot number ", i) || m.Author != r.account(r.alice) {
					t.Errorf("%d is %+v", i, m)
				}
			}
			if n := len(r.CallsOf("conversations.replies")) + len(r.CallsOf("conversations.history")); n != 1 {
				t.Errorf("looked %d times", n)
			}
		})
	}
}

// TestOrderWithoutHelp: that what was said before can't be looked up loses nothing.
func TestOrderWithoutHelp(t *testing.T) {
	t.Parallel()
	r := setup(t, fake.Via(fake.HTTP))
	srv := r.door()
	r.Hold()
	r.Fail(fake.Fault{Method: "conversations.history", Status: 500})
	dm := r.DM(r.alice)
	ts := r.Say(r.alice, dm, "help", "")
	body := fmt.Sprintf(`{"type":"event_callback","event":{"type":"message","channel":%q,"user":%q,"ts":%q,"text":"help"}}`, dm, r.alice, ts)
	if status, _ := r.ask(srv.URL, "/slack/events", body, retried); status != 200 {
		t.Fatalf("status %d", status)
	}
	r.received(1)
}

// retried marks a request as one that Slack has made before.
func retried(h http.Header) { h.Set("X-Slack-Retry-Num", "1") }

func TestLateness(t *testing.T) {
	t.Parallel()
	var l lateness
	now := time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC)
	skew := 20 * time.Second // our clock is ahead
	for i, c := range []struct {
		pass, took  time.Duration
		again, late bool
	}{
		{0, 200 * time.Millisecond, false, false},
		{time.Second, 100 * time.Millisecond, false, false},
		{time.Second, 2 * time.Second, false, true},        // it took longer than others
		{time.Second, 100 * time.Millisecond, false, true}, // others may be late, too
		{troubleTime, 100 * time.Millisecond, false, false},
		{time.Second, 100 * time.Millisecond, true, true},
		{2 * latePeriod, 3 * time.Second, false, true}, // the last period is remembered
		{2 * latePeriod, 3 * time.Second, false, false},
	} {
		now = now.Add(c.pass)
		if got := l.late(now, now.Add(-skew-c.took), c.again); got != c.late {
			t.Errorf("%d: late is %v", i, got)
		}
	}
}

package gitlab

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

func wantWait(t *testing.T, err error, least, most time.Duration) {
	t.Helper()
	retry, wait := bot.RetryOf(err)
	if bot.CodeOf(err) != bot.CodeUnavailable || retry != bot.RetryAfter || wait < least || wait > most {
		t.Errorf("%v: code %s, class %v, wait %s; want a wait of %s to %s", err, bot.CodeOf(err), retry, wait, least, most)
	}
}

// TestLimit: once GitLab wants us to wait, nothing is sent until then.
func TestLimit(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithLimit(12))
	w.clock.add(20 * time.Second)
	var err error
	for i := range 20 {
		if _, _, err = w.forge.FindRepository(t.Context(), spec(fmt.Sprintf("name-%d", i))); err != nil {
			break
		}
	}
	wantWait(t, err, time.Second, time.Minute)
	before := len(w.lab.Calls())
	_, _, err = w.forge.FindRepository(t.Context(), spec("another"))
	wantWait(t, err, time.Second, time.Minute)
	if now := len(w.lab.Calls()); now != before {
		t.Errorf("GitLab was asked %d times although it wanted us to wait", now-before)
	}
	w.clock.add(time.Minute)
	if _, _, err = w.forge.FindRepository(t.Context(), spec("another")); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestWaysToSayWait(t *testing.T) {
	t.Parallel()
	reset := fmt.Sprint(newClock().now.Add(90 * time.Second).Unix())
	for name, c := range map[string]struct {
		fault  fake.Fault
		wait   time.Duration // 0: some time
		closed bool          // for all other requests, too
	}{
		"Retry-After":     {fake.Fault{Status: 429, Header: map[string]string{"Retry-After": "30"}}, 30 * time.Second, true},
		"RateLimit-Reset": {fake.Fault{Status: 429, Header: map[string]string{"RateLimit-Reset": reset, "RateLimit-Remaining": "0"}}, 90 * time.Second, true},
		"no time":         {fake.Fault{Status: 429, Body: `{"message": {"error": "This endpoint has been requested too many times. Try again later."}}`}, 0, false},
		"maintenance":     {fake.Fault{Status: 503, Header: map[string]string{"Retry-After": "20"}}, 20 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			c.fault.Method, c.fault.Times = http.MethodGet, 1
			w.lab.Fail(c.fault)
			_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
			if c.wait > 0 {
				wantWait(t, err, c.wait, c.wait)
			} else if retry, _ := bot.RetryOf(err); retry != bot.RetryBackoff {
				t.Errorf("class %v: %v", retry, err)
			}
			_, _, err = w.forge.FindRepository(t.Context(), spec("shop"))
			if (err != nil) != c.closed {
				t.Errorf("the next request: %v", err)
			}
		})
	}
}

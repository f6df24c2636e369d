package github

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

func wantWait(t *testing.T, err error, least, most time.Duration) {
	t.Helper()
	retry, wait := bot.RetryOf(err)
	if bot.CodeOf(err) != bot.CodeUnavailable || retry != bot.RetryAfter || wait < least || wait > most {
		t.Errorf("%v: code %s, class %v, wait %s; want a wait of %s to %s", err, bot.CodeOf(err), retry, wait, least, most)
	}
}

// TestWritesAreCounted: the 81st change of a minute is not even sent.
func TestWritesAreCounted(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	status := bot.CommitStatus{Repository: repo, Commit: commit, Check: "x", State: bot.StatusSuccess}
	for {
		if minute, _ := w.forge.Writes(); minute == writesAMinute {
			break
		}
		if err := w.forge.WriteStatus(t.Context(), status); err != nil {
			t.Fatal(err)
		}
	}
	sent := w.hub.Writes(w.hub.Token)
	err := w.forge.WriteStatus(t.Context(), status)
	wantWait(t, err, time.Second, time.Minute+slack)
	if now := w.hub.Writes(w.hub.Token); now != sent || sent != writesAMinute {
		t.Errorf("%d writes reached GitHub, then %d", sent, now)
	}
	if _, err := w.forge.Branches(t.Context(), repo); err != nil {
		t.Errorf("reading has to wait, too: %v", err)
	}
	w.clock.add(time.Minute)
	// Those of a minute ago may have arrived later than they were counted.
	wantWait(t, w.forge.WriteStatus(t.Context(), status), time.Second, slack)
	w.clock.add(slack)
	if err := w.forge.WriteStatus(t.Context(), status); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestPrimaryLimit(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithLimits(12, 80, 500))
	var err error
	for i := range 20 {
		if _, _, err = w.forge.FindRepository(t.Context(), spec(fmt.Sprintf("name-%d", i))); err != nil {
			break
		}
	}
	wantWait(t, err, time.Minute, time.Hour)
	before := len(w.hub.Calls())
	_, _, err = w.forge.FindRepository(t.Context(), spec("another"))
	wantWait(t, err, time.Minute, time.Hour)
	if now := len(w.hub.Calls()); now != before {
		t.Errorf("GitHub was asked %d times although it wanted us to wait", now-before)
	}
	w.clock.add(time.Hour)
	if _, _, err = w.forge.FindRepository(t.Context(), spec("another")); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestSecondaryLimit(t *testing.T) {
	t.Parallel()
	const about = `{"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	for name, c := range map[string]struct {
		fault fake.Fault
		wait  time.Duration
	}{
		"with a time":      {fake.Fault{Status: 403, Body: about, Header: map[string]string{"Retry-After": "120"}}, 2 * time.Minute},
		"without":          {fake.Fault{Status: 403, Body: about}, time.Minute},
		"429 with a time":  {fake.Fault{Status: 429, Header: map[string]string{"Retry-After": "30"}}, 30 * time.Second},
		"429 of the quota": {fake.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(newClock().now.Add(time.Minute).Unix())}}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			c.fault.Method, c.fault.Times = http.MethodGet, 1
			w.hub.Fail(c.fault)
			_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
			wantWait(t, err, c.wait-2*time.Second, c.wait)
			_, _, err = w.forge.FindRepository(t.Context(), spec("shop"))
			wantWait(t, err, c.wait-2*time.Second, c.wait)
			w.clock.add(c.wait)
			if _, _, err = w.forge.FindRepository(t.Context(), spec("shop")); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestPollingCostsNothing: what has not changed is answered with 304.
func TestPollingCostsNothing(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	poll := func() map[string]string {
		b, err := w.forge.Branches(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	poll()
	w.hub.ForgetCalls()
	for range 3 {
		if b := poll(); b["main"] != first {
			t.Fatalf("%v", b)
		}
	}
	unchanged := 0
	for _, c := range w.hub.Calls() {
		if c.Status == http.StatusNotModified {
			unchanged++
		}
	}
	if unchanged != 6 {
		t.Errorf("%d of 6 answers were 304", unchanged)
	}
	second, err := w.hub.Commit("foo-org/shop", "main", "More")
	if err != nil {
		t.Fatal(err)
	}
	if b := poll(); b["main"] != second {
		t.Errorf("the change is not seen: %v", b)
	}
}

// TestAppTokenIsRenewed: before it runs out, and when it is revoked early.
func TestAppTokenIsRenewed(t *testing.T) {
	t.Parallel()
	const renew = "POST /app/installations/{installation_id}/access_tokens"
	w := asApp(t, nil)
	w.made("shop")
	if n := w.hub.Count(renew); n != 1 {
		t.Errorf("%d tokens for one project", n)
	}
	w.hub.RevokeInstallationTokens()
	if _, _, err := w.forge.FindRepository(t.Context(), spec("shop")); bot.CodeOf(err) != bot.CodeUnauthenticated {
		t.Errorf("with a revoked token: %v", err)
	}
	if found, _, err := w.forge.FindRepository(t.Context(), spec("shop")); err != nil || found != bot.PresenceOurs {
		t.Errorf("afterwards: %s, %v", found, err)
	}
	short := asApp(t, nil, fake.WithTokenLife(30*time.Second))
	short.made("shop")
	if n := short.hub.Count(renew); n < 3 {
		t.Errorf("a token that ends within a minute was used on: %d renewals", n)
	}
}

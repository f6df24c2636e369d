package localgit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

// clock stands still until it is moved.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []timer
}

type timer struct {
	at time.Time
	c  chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	t := timer{c.now.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	c.mu.Unlock()
	c.advance(0)
	return t.c
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.timers = slices.DeleteFunc(c.timers, func(t timer) bool {
		if t.at.After(c.now) {
			return false
		}
		t.c <- c.now
		return true
	})
}

// edge is the installation's webhook edge: it verifies, keeps each delivery once and
// tells whoever waits.
type edge struct {
	forge   *Forge
	mu      sync.Mutex
	refuse  int // answers 503 so many times
	seen    map[string]bool
	got     []bot.Delivery
	doubled int
	arrived chan struct{}
}

func (e *edge) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	d := bot.Delivery{
		Instance: "localgit", Path: strings.TrimPrefix(r.URL.Path, "/hooks/localgit"), Query: r.URL.RawQuery,
		Header: r.Header, Body: body, ReceivedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id, _, err := e.forge.Verify(d)
	d.ID = id
	switch {
	case r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/hooks/localgit"):
		rec.WriteHeader(http.StatusNotFound)
	case err != nil:
		rec.WriteHeader(http.StatusUnauthorized)
	case e.refuse > 0:
		e.refuse--
		rec.WriteHeader(http.StatusServiceUnavailable)
	case e.seen[id]:
		e.doubled++
	default:
		e.seen[id] = true
		e.got = append(e.got, d)
	}
	select {
	case e.arrived <- struct{}{}:
	default:
	}
	return rec.Result(), nil
}

// events parses what arrived.
func (e *edge) events(t *testing.T) (out []bot.Event) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.got {
		events, err := e.forge.Parse(t.Context(), d)
		if err != nil {
			t.Fatalf("parse %s: %v", d.Body, err)
		}
		out = append(out, events...)
	}
	return out
}

func (e *edge) bodies() (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.got {
		out = append(out, string(d.Body))
	}
	return out
}

package github

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// GitHub's bounds on requests that make content.
const (
	writesAMinute = 80
	writesAnHour  = 500
	// slack is added to GitHub's minute and hour: it counts a request when that arrives,
	// and one of before may have been on its way for longer.
	slack = 5 * time.Second
)

// gate keeps to GitHub's limits: it counts writes, and lets nothing out while
// GitHub wants us to wait. Whoever meets it closed gets an error that says for how
// long, so that no goroutine waits.
type gate struct {
	next    http.RoundTripper
	clock   bot.Clock
	service string

	mu     sync.Mutex
	until  time.Time   // nothing goes out before
	writes []time.Time // of the last hour
	left   int         // requests left, as GitHub said last; -1: never said
	reset  time.Time
}

func newGate(next http.RoundTripper, clock bot.Clock, service string) *gate {
	return &gate{next: next, clock: clock, service: service, left: -1}
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.pass(req.Method != http.MethodGet); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // RoundTrip must, whatever happens
		}
		return nil, err
	}
	resp, err := g.next.RoundTrip(req)
	if err == nil {
		g.learn(resp)
	}
	return resp, err
}

func (g *gate) pass(write bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	if wait := g.until.Sub(now); wait > 0 {
		return bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", g.service, bot.Span(wait)).Wait(wait)
	}
	if !write {
		return nil
	}
	minute, hour := g.forget(now)
	var wait time.Duration
	if minute >= writesAMinute {
		wait = g.writes[len(g.writes)-writesAMinute].Add(time.Minute + slack).Sub(now)
	}
	if hour >= writesAnHour {
		wait = max(wait, g.writes[len(g.writes)-writesAnHour].Add(time.Hour+slack).Sub(now))
	}
	if wait > 0 {
		return bot.Errorf(bot.CodeUnavailable, "%s takes no more than %d changes a minute and %d an hour; the next one can be made in %s.",
			g.service, writesAMinute, writesAnHour, bot.Span(wait)).Wait(wait)
	}
	g.writes = append(g.writes, now)
	return nil
}

// forget drops what is older than an hour and counts the rest, with some slack.
func (g *gate) forget(now time.Time) (minute, hour int) {
	for len(g.writes) > 0 && !g.writes[0].After(now.Add(-time.Hour-slack)) {
		g.writes = g.writes[1:]
	}
	for _, at := range g.writes {
		if at.After(now.Add(-time.Minute - slack)) {
			minute++
		}
	}
	return minute, len(g.writes)
}

func (g *gate) count() (minute, hour int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.forget(g.clock.Now())
}

// learn reads what GitHub says about its limits.
func (g *gate) learn(resp *http.Response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	if wait, ok := rest.Pause(resp.StatusCode, resp.Header, now); ok && resp.StatusCode != http.StatusServiceUnavailable {
		g.until = now.Add(wait)
	}
	left, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining"))
	reset, bad := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err == nil && bad == nil {
		g.left, g.reset = left, time.Unix(reset, 0).UTC()
	}
}

// hold lets nothing out for a while: a secondary limit without Retry-After.
func (g *gate) hold(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.clock.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}

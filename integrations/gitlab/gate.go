package gitlab

import (
	"net/http"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// gate keeps to GitLab's limits: it lets nothing out while GitLab wants us to wait.
// Whoever meets it closed gets an error that says for how long, so that no goroutine
// waits.
type gate struct {
	next    http.RoundTripper
	clock   bot.Clock
	service string

	mu    sync.Mutex
	until time.Time // nothing goes out before
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.pass(); err != nil {
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

func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := g.until.Sub(g.clock.Now()); wait > 0 {
		return bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", g.service, bot.Span(wait)).Wait(wait)
	}
	return nil
}

// learn reads Retry-After or RateLimit-Reset of a refusal. A 503 is about one
// moment, and a 403 about one object: they close nothing.
func (g *gate) learn(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests {
		return
	}
	now := g.clock.Now()
	if wait, ok := rest.Pause(resp.StatusCode, resp.Header, now); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.until = now.Add(wait)
	}
}

package web

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"opsbot/bot"
)

// patience is how long a call waits for its turn; what takes longer goes back to the
// caller, who waits without holding anything.
const patience = 5 * time.Second

// gate keeps to Slack's limits: each method's calls a minute, and the pauses that
// Slack asks for. Safe for concurrent use.
type gate struct {
	clock bot.Clock

	mu     sync.Mutex
	limits map[string]*rate.Limiter
	until  map[string]time.Time // no call of the method before
}

func newGate(clock bot.Clock) *gate {
	return &gate{clock: clock, limits: map[string]*rate.Limiter{}, until: map[string]time.Time{}}
}

// Slack's tiers, in calls a minute. Posts have a limit of their own: one a second and
// channel, which the sender keeps to, and several hundred a minute in all.
const (
	tier1     = 1
	tier2     = 20
	tier3     = 50
	tier4     = 100
	postLimit = 300
)

func tier(method string) int {
	switch method {
	case "chat.postMessage":
		return postLimit
	case "conversations.list", "usergroups.list":
		return tier2
	case "chat.update", "conversations.history", "conversations.replies", "conversations.info", "conversations.join",
		"conversations.leave", "conversations.open", "users.conversations", "users.lookupByEmail":
		return tier3
	}
	return tier4
}

// limiter never lets more than a method's tier through in any minute: a fifth of it
// at once, the rest spread out.
func (g *gate) limiter(method string) *rate.Limiter {
	l := g.limits[method]
	if l == nil {
		n := tier(method) * 19 / 20 // clocks differ, and calls take their time
		burst := max(n/5, 1)
		l = rate.NewLimiter(rate.Limit(float64(n-burst)/60), burst)
		g.limits[method] = l
	}
	return l
}

// wait blocks until a call of the method may be made. A wait that is too long is an
// error with a retry after it.
func (g *gate) wait(ctx context.Context, method string) error {
	for {
		now := g.clock.Now()
		g.mu.Lock()
		paused := g.until[method].Sub(now)
		if paused > 0 {
			g.mu.Unlock()
			if err := g.sleep(ctx, paused); err != nil {
				return err
			}
			continue // another answer may have prolonged it
		}
		r := g.limiter(method).ReserveN(now, 1)
		g.mu.Unlock()
		d := r.DelayFrom(now)
		if d <= 0 {
			return nil
		}
		if err := g.sleep(ctx, d); err != nil {
			r.CancelAt(g.clock.Now())
			return err
		}
		return nil
	}
}

func (g *gate) sleep(ctx context.Context, d time.Duration) error {
	busy := bot.Errorf(bot.CodeUnavailable, "Slack's limits ask OpsBot to wait %s.", bot.Span(d)).Wait(d)
	if d > patience {
		return busy
	}
	select {
	case <-g.clock.After(d):
		return nil
	case <-ctx.Done():
		return busy.Because(ctx.Err())
	}
}

// pause lets no call of the method through for a while.
func (g *gate) pause(method string, d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if then := g.clock.Now().Add(d); then.After(g.until[method]) {
		g.until[method] = then
	}
}

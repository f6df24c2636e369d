package web

import (
	"context"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

// clock is moved by hand; waits tells of every wait that begins.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	until map[chan time.Time]time.Time
	waits chan time.Duration
}

func newClock() *clock {
	return &clock{now: time.Unix(1e9, 0).UTC(), until: map[chan time.Time]time.Time{}, waits: make(chan time.Duration, 1000)}
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.until[ch] = c.now.Add(d)
	c.waits <- d
	return ch
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for ch, at := range c.until {
		if !at.After(c.now) {
			ch <- c.now
			delete(c.until, ch)
		}
	}
}

// TestTiers: in no minute more calls are let through than a method's tier, and not
// much fewer.
func TestTiers(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"conversations.list", "chat.update", "users.info", "chat.postMessage"} {
		c := newClock()
		g := newGate(c)
		var at []time.Time
		for c.Now().Before(time.Unix(1e9+300, 0)) {
			if g.limiter(method).AllowN(c.Now(), 1) {
				at = append(at, c.Now())
			}
			c.advance(50 * time.Millisecond)
		}
		most := 0
		for i, from := 0, 0; i < len(at); i++ {
			for at[i].Sub(at[from]) >= time.Minute {
				from++
			}
			most = max(most, i-from+1)
		}
		if most > tier(method) || most < tier(method)*8/10 {
			t.Errorf("%s: %d calls within a minute, its tier is %d", method, most, tier(method))
		}
	}
}

// TestWait: a short wait is waited for, a long one is the caller's.
func TestWait(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := newGate(c)
	for g.limiter("conversations.list").AllowN(c.Now(), 1) {
		c.advance(0)
	}
	done := make(chan error, 1)
	go func() { done <- g.wait(t.Context(), "conversations.list") }()
	c.advance(<-c.waits)
	if err := <-done; err != nil {
		t.Errorf("after its turn came: %v", err)
	}
	g.pause("conversations.list", time.Minute)
	err := g.wait(t.Context(), "conversations.list")
	if class, after := bot.RetryOf(err); class != bot.RetryAfter || after != time.Minute {
		t.Errorf("a long wait is %v", err)
	}
	g.pause("conversations.list", time.Second) // a shorter one changes nothing
	if _, after := bot.RetryOf(g.wait(t.Context(), "conversations.list")); after != time.Minute {
		t.Errorf("the pause is %s", after)
	}
	if err := g.wait(t.Context(), "users.info"); err != nil {
		t.Errorf("another method waits, too: %v", err)
	}
}

// TestWaitEnds: whoever goes away waits no longer, and takes no turn.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := newGate(c)
	g.pause("users.info", time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.wait(ctx, "users.info") }()
	<-c.waits
	cancel()
	if class, _ := bot.RetryOf(<-done); class != bot.RetryAfter {
		t.Error("an ended wait does not say when to come back")
	}
}

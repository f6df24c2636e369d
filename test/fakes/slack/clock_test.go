package slack_test

import (
	"sync"
	"testing"
	"time"
)

// stub is a clock that is moved by hand.
type stub struct {
	mu      sync.Mutex
	now     time.Time
	waiting []alarm
	asked   chan time.Duration // of each After
}

type alarm struct {
	at time.Time
	c  chan time.Time
}

func newStub() *stub {
	return &stub{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), asked: make(chan time.Duration, 100)}
}

func (c *stub) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stub) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := alarm{at: c.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		a.c <- c.now
	} else {
		c.waiting = append(c.waiting, a)
	}
	c.asked <- d
	return a.c
}

// wait waits until somebody waits for d.
func (c *stub) wait(t *testing.T, d time.Duration) {
	t.Helper()
	for {
		select {
		case asked := <-c.asked:
			if asked == d {
				return
			}
		case <-within(t).Done():
			t.Fatalf("nobody waits for %s", d)
		}
	}
}

func (c *stub) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	var later []alarm
	for _, a := range c.waiting {
		if a.at.After(c.now) {
			later = append(later, a)
			continue
		}
		a.c <- c.now
	}
	c.waiting = later
}

package storetest

import (
	"sync"
	"time"

	"opsbot/bot"
)

// Clock is a bot.Clock that stands still until Advance. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[chan time.Time]time.Time
}

var _ bot.Clock = (*Clock)(nil)

// NewClock starts at a fixed moment, in the far future: River goes by the machine's
// clock, and must not fire a test's timers.
func NewClock() *Clock {
	return &Clock{now: time.Date(2126, 3, 1, 12, 0, 0, 123456000, time.UTC), timers: map[chan time.Time]time.Time{}}
}

// Now implements bot.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After implements bot.Clock.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	timer := make(chan time.Time, 1)
	c.timers[timer] = c.now.Add(d)
	c.fire()
	return timer
}

// Advance moves the time on and fires what is due.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.fire()
}

func (c *Clock) fire() {
	for timer, at := range c.timers {
		if !at.After(c.now) {
			timer <- c.now
			delete(c.timers, timer)
		}
	}
}

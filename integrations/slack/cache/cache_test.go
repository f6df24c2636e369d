package cache_test

import (
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/slack/cache"
)

// clock is moved by hand.
type clock struct {
	bot.SystemClock
	now time.Time
}

func (c *clock) Now() time.Time { return c.now }

func TestBounds(t *testing.T) {
	t.Parallel()
	c := cache.New[string, int](&clock{}, 2, 0)
	c.Put("a", 1)
	c.Put("b", 2)
	c.Get("a")
	c.Put("c", 3)
	if _, ok := c.Get("b"); ok || c.Len() != 2 {
		t.Errorf("the least used stays; %d are there", c.Len())
	}
	if v, ok := c.Get("a"); !ok || v != 1 {
		t.Error("one in use is gone")
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := &clock{now: time.Unix(1e9, 0)}
	c := cache.New[string, int](now, 10, time.Minute)
	c.Put("a", 1)
	now.now = now.now.Add(time.Minute - 1)
	if _, ok := c.Get("a"); !ok {
		t.Error("gone too early")
	}
	now.now = now.now.Add(1)
	if _, ok := c.Get("a"); ok {
		t.Error("kept too long")
	}
}

// TestLookUp: what was looked up before something changed is not kept.
func TestLookUp(t *testing.T) {
	t.Parallel()
	c := cache.New[string, int](&clock{}, 10, 0)
	keep := c.Begin()
	c.Learn("a", 2)
	keep("a", 1)
	if v, _ := c.Get("a"); v != 2 {
		t.Errorf("an old answer took the place of news: %d", v)
	}
	keep = c.Begin()
	c.Drop("a")
	keep("a", 1)
	if _, ok := c.Get("a"); ok {
		t.Error("an answer from before the drop is kept")
	}
	c.Begin()("a", 3)
	if v, ok := c.Get("a"); !ok || v != 3 {
		t.Error("an answer is not kept")
	}
}

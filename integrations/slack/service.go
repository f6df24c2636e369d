package slack

import (
	"context"
	"sync"
	"time"

	"opsbot/bot"
)

// prepareTime bounds what Slack is asked while OpsBot starts.
const prepareTime = 5 * time.Second

// Prepare finds out who the bot is and which rooms it is in. A Slack that does not
// answer is no reason not to start: Run asks again.
func (c *Chat) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	if err := c.settleRooms(ctx); err != nil {
		c.env.Log.Warn("slack is not reached while starting; it is tried again", "error", err)
	}
	return nil
}

const (
	settleEvery = 10 * time.Minute // what an event said that did not come
	firstLook   = 15 * time.Second
)

// Run implements bot.Service: it keeps Socket Mode's connections open, and looks
// after the token and the rooms.
func (c *Chat) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if c.doors.pool != nil {
		all.Go(func() { _ = c.doors.pool.Run(ctx) }) // ends with ctx, nil then
	}
	all.Go(func() { c.lookAfter(ctx) })
	all.Wait()
	c.web.Close()
	return nil
}

// lookAfter compares the rooms again and again, and asks whether a token that was
// refused works again.
func (c *Chat) lookAfter(ctx context.Context) {
	wait := firstLook
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.env.Clock.After(wait):
		}
		wait = c.lookOnce(ctx)
	}
}

// lookOnce gives how long to wait until the next look.
func (c *Chat) lookOnce(ctx context.Context) time.Duration {
	bounded, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if why, in := c.web.Refused(); why != nil {
		if in > 0 {
			return min(in, settleEvery)
		}
		auth, err := c.web.Auth(bounded)
		if err != nil {
			return firstLook
		}
		c.mu.Lock()
		c.identity = &auth.Identity // the app may have been installed anew
		c.mu.Unlock()
	}
	if err := c.settleRooms(bounded); err != nil {
		if class, after := bot.RetryOf(err); class == bot.RetryAfter {
			return min(max(after, time.Second), settleEvery)
		}
		return firstLook
	}
	c.mu.Lock()
	c.revoked = ""
	c.mu.Unlock()
	return settleEvery
}

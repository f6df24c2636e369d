package slack

import (
	"context"

	"opsbot/bot"
)

// flight is a post that is on its way.
type flight struct {
	done chan struct{}
	id   string
	err  error
}

// once runs do for a key, one at a time: whoever comes meanwhile shares what comes of
// it if that is good. do is given where the post was before, "" if that is not known.
func (c *Chat) once(ctx context.Context, key string, do func(known string) (string, error)) (string, error) {
	for {
		c.mu.Lock()
		other := c.flights[key]
		if other == nil {
			break
		}
		c.mu.Unlock()
		select {
		case <-other.done:
			if other.err == nil {
				return other.id, nil
			}
		case <-ctx.Done():
			return "", bot.Errorf(bot.CodeUnavailable, "The call of Slack was interrupted.").Backoff().Because(ctx.Err())
		}
	}
	mine := &flight{done: make(chan struct{}), err: errCut}
	c.flights[key] = mine
	c.mu.Unlock()
	defer func() { // also after a panic: whoever waits must not wait for ever
		c.mu.Lock()
		delete(c.flights, key)
		c.mu.Unlock()
		close(mine.done)
	}()
	known, _ := c.sent.Get(key)
	mine.id, mine.err = do(known)
	return mine.id, mine.err
}

// errCut is what a flight ends with that did not end by itself.
var errCut = bot.Errorf(bot.CodeInternal, "the call of Slack did not end").Backoff()

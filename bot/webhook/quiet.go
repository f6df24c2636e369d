package webhook

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"opsbot/bot"
)

// quiet bounds how often the same thing is logged: a stranger with a loop must
// not fill the operator's log. Keys are configured names, so they are few.
type quiet struct {
	clock bot.Clock
	mu    sync.Mutex
	seen  map[string]*quietKey
}

type quietKey struct {
	limit  *rate.Limiter
	missed int
}

func newQuiet(clock bot.Clock) *quiet { return &quiet{clock: clock, seen: map[string]*quietKey{}} }

// say calls log unless key was logged too often lately: three times at once,
// then once in ten seconds. missed is how many were left out before this one.
func (q *quiet) say(key string, log func(missed int)) {
	q.mu.Lock()
	k := q.seen[key]
	if k == nil {
		k = &quietKey{limit: rate.NewLimiter(rate.Every(10*time.Second), 3)}
		q.seen[key] = k
	}
	if !k.limit.AllowN(q.clock.Now(), 1) {
		k.missed++
		q.mu.Unlock()
		return
	}
	missed := k.missed
	k.missed = 0
	q.mu.Unlock()
	log(missed)
}

package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"opsbot/bot"
)

// What a server without a limit of its own is spared.
const (
	perSecond = 50
	burst     = 50
)

// pace keeps calls within what the server lets through: it counts all that come
// from our address, pings and others' calls too, and says in each answer what is
// left.
type pace struct {
	clock bot.Clock
	limit *rate.Limiter

	mu     sync.Mutex
	known  bool          // the server has a limit
	credit int           // calls that it will take at once
	gap    time.Duration // until it takes one more
	next   time.Time     // not before then
	flying int
}

func newPace(clock bot.Clock) *pace {
	return &pace{clock: clock, limit: rate.NewLimiter(perSecond, burst)}
}

// patience is how long a call waits for its turn; what takes longer goes back to the
// caller, who waits without holding anything.
const patience = 5 * time.Second

// enter waits for the turn of a call.
func (p *pace) enter(ctx context.Context, service string) error {
	wait, giveBack := p.reserve(p.clock.Now())
	if wait > patience {
		giveBack()
		return bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", service, bot.Span(wait)).Wait(wait)
	}
	if wait <= 0 {
		return nil
	}
	select {
	case <-p.clock.After(wait):
		return nil
	case <-ctx.Done():
		giveBack()
		return bot.Errorf(bot.CodeUnavailable, "The call of %s was interrupted.", service).Because(context.Cause(ctx)).Backoff()
	}
}

// reserve takes the next turn, which giveBack returns unused.
func (p *pace) reserve(now time.Time) (wait time.Duration, giveBack func()) {
	turn := p.limit.ReserveN(now, 1)
	wait = turn.DelayFrom(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying++
	if p.next.Before(now) {
		p.next = now
	}
	wait = max(wait, p.next.Sub(now))
	var credit int
	var gap time.Duration
	if p.known {
		credit = 1
		if p.credit--; p.credit < 0 {
			gap = p.gap
			p.next = p.next.Add(gap)
			wait = max(wait, p.next.Sub(now))
		}
	}
	return wait, func() {
		turn.CancelAt(p.clock.Now())
		p.mu.Lock()
		defer p.mu.Unlock()
		p.flying--
		p.credit += credit
		p.next = p.next.Add(-gap)
	}
}

// leave counts an answer; status 0 is none.
func (p *pace) leave(status int, header http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	now := p.clock.Now()
	if status == http.StatusTooManyRequests {
		if wait := seconds(header, "Retry-After"); now.Add(wait).After(p.next) {
			p.next = now.Add(max(wait, time.Second))
		}
	}
	of, err := strconv.Atoi(header.Get("X-Ratelimit-Limit"))
	if err != nil || of <= 0 {
		p.known = p.known && status == 0
		return
	}
	left, _ := strconv.Atoi(header.Get("X-Ratelimit-Remaining"))
	p.known = true
	// Those under way have not been counted yet; one is kept for the socket.
	p.credit = left - p.flying - 1
	// Reset is when all of the limit is free again, counted from now.
	p.gap = min(max(seconds(header, "X-Ratelimit-Reset")/time.Duration(of), 20*time.Millisecond), 10*time.Second)
}

// longest bounds what a header can ask for.
const longest = 10 * time.Minute

func seconds(header http.Header, name string) time.Duration {
	n, err := strconv.ParseFloat(header.Get(name), 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return 0
	}
	return time.Duration(min(n, longest.Seconds()) * float64(time.Second))
}

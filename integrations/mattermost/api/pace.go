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

// enter waits for the turn of a call, but not longer than ctx lives.
func (p *pace) enter(ctx context.Context, service string) error {
	now := p.clock.Now()
	wait := p.reserve(now)
	if deadline, ok := ctx.Deadline(); ok && now.Add(wait).After(deadline) {
		p.leave(0, nil)
		return bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", service, bot.Span(wait)).Wait(wait)
	}
	if wait <= 0 {
		return nil
	}
	select {
	case <-p.clock.After(wait):
		return nil
	case <-ctx.Done():
		p.leave(0, nil)
		return bot.Errorf(bot.CodeUnavailable, "The call of %s was interrupted.", service).Because(context.Cause(ctx)).Backoff()
	}
}

func (p *pace) reserve(now time.Time) time.Duration {
	wait := p.limit.ReserveN(now, 1).DelayFrom(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying++
	if p.next.Before(now) {
		p.next = now
	}
	wait = max(wait, p.next.Sub(now))
	if p.known {
		if p.credit--; p.credit < 0 {
			p.next = p.next.Add(p.gap)
			wait = max(wait, p.next.Sub(now))
		}
	}
	return wait
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

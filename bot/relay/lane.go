package relay

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"opsbot/bot"
)

// lane is what the pump knows of a room. Its fields are guarded by Pump.mu.
type lane struct {
	limit  *rate.Limiter // safe by itself
	queue  []item
	busy   bool          // a worker empties the queue
	news   chan struct{} // the queue grew
	paused time.Time     // nothing is sent before; zero: not paused
}

// item is a leased post.
type item struct {
	row     bot.PostRow
	claimed time.Time
}

// until is when no call may begin any more: the lease would not last.
func (it item) until() time.Time { return it.claimed.Add(postLease - callTimeout) }

// enqueue gives a room's posts to its worker, starting one if none is at work;
// false when Run has ended.
func (p *Pump) enqueue(rows []bot.PostRow, claimed time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begin == nil {
		return false
	}
	l := p.rooms[rows[0].Room]
	if l == nil {
		l = &lane{limit: p.limiter(rows[0].Room), news: make(chan struct{}, 1)}
		p.rooms[rows[0].Room] = l
	}
	for _, row := range rows {
		l.queue = append(l.queue, item{row, claimed})
	}
	poke(l.news)
	if !l.busy {
		l.busy = true
		p.begin(func(ctx context.Context) {
			p.drain(ctx, l)
			poke(p.again) // what came behind a leased post can be claimed now
		})
	}
	return true
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *Pump) limiter(room bot.RoomRef) *rate.Limiter {
	chat, err := bot.Find[bot.Chat](p.o.Integrations, room.Instance, "chat")
	if err != nil {
		return rate.NewLimiter(rate.Inf, 1)
	}
	limits := chat.Limits()
	if limits.PerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	return rate.NewLimiter(rate.Limit(limits.PerSecond), max(limits.Burst, 1))
}

// drain delivers a room's posts in order until its queue is empty. When the room
// must wait all of them are given back, so that none overtakes another.
func (p *Pump) drain(ctx context.Context, l *lane) {
	p.settle(ctx, l)
	for {
		it, paused, ok := p.next(l)
		if !ok {
			return
		}
		now := p.o.Clock.Now()
		if ctx.Err() != nil || paused.After(now) || now.After(it.until()) {
			p.release(ctx, it.row, paused)
			continue
		}
		p.deliver(ctx, l, it)
	}
}

// next takes the first post off the queue; with none left the worker is done.
func (p *Pump) next(l *lane) (item, time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.queue) == 0 {
		l.busy = false
		return item{}, time.Time{}, false
	}
	it := l.queue[0]
	l.queue = l.queue[1:]
	return it, l.paused, true
}

// settle waits a moment while nothing but cards with more to come is due.
func (p *Pump) settle(ctx context.Context, l *lane) {
	var done <-chan time.Time
	for {
		wait := p.settling(l)
		if wait <= 0 {
			return // somebody waits for an answer
		}
		if done == nil {
			done = p.o.Clock.After(wait)
		}
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-l.news:
		}
	}
}

// settling is how long the queue as it is may wait.
func (p *Pump) settling(l *lane) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	least := time.Duration(0)
	for i, it := range l.queue {
		s, ok := p.cards[it.row.CardKind].(Settler)
		if !ok || it.row.Content != nil {
			return 0
		}
		if d := s.Settle(); i == 0 || d < least {
			least = d
		}
	}
	return least
}

func (p *Pump) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-p.o.Clock.After(d):
		return true
	}
}

package store

import (
	"context"
	"sync"
	"time"

	"opsbot/bot"
)

// nearby is how far ahead a wake-up is kept in memory alone: workers poll as
// often, so losing one in a crash costs no more than that poll.
const nearby = 5 * time.Second

// wake is one wake-up: at is 0 for now.
type wake struct {
	queue bot.Queue
	at    micros
}

type wakes struct{ *work }

var _ bot.Wakes = wakes{}

// Wake implements bot.Wakes.
func (r wakes) Wake(_ context.Context, q bot.Queue, at time.Time) error {
	r.wake(q, at)
	return nil
}

// wake notes a wake-up for the commit. The same one twice is one.
func (w *work) wake(q bot.Queue, at time.Time) {
	if w.wakes == nil {
		return // a Read wakes nobody
	}
	if !at.After(w.s.clock.Now()) {
		at = time.Time{}
	}
	w.wakes[wake{q, us(at)}] = true
}

// unwake takes back what was to wake q at the commit.
func (w *work) unwake(q bot.Queue) { delete(w.wakes, wake{q, 0}) }

// announce makes the wake-ups part of the transaction: far ones become River
// jobs, and on PostgreSQL the other replicas are notified at the commit.
func (w *work) announce(ctx context.Context) error {
	far := us(w.s.clock.Now().Add(nearby))
	for k := range w.wakes {
		switch {
		case k.at == 0 && w.s.pg != nil:
			if _, err := w.raw(ctx, "notify", "SELECT pg_notify(?, ?)", channel, w.s.owner+" "+string(k.queue)); err != nil {
				return err
			}
		case k.at > far:
			if err := w.s.jobs.insert(ctx, w.db.Tx, k); err != nil {
				return w.fail("set a timer", nil, err)
			}
		}
	}
	return nil
}

// committed wakes this process's listeners and sets its alarms.
func (s *Store) committed(wakes map[wake]bool) {
	for k := range wakes {
		if k.at == 0 {
			s.hub.notify(k.queue)
		} else {
			s.hub.alarm(k)
		}
	}
}

// Listen implements bot.Waker.
func (s *Store) Listen(q bot.Queue) (<-chan struct{}, func()) { return s.hub.listen(q) }

// hub hands wake-ups to the listeners of this process.
type hub struct {
	mu        sync.Mutex
	listeners map[bot.Queue]map[chan struct{}]bool
	alarms    map[wake]bool
	set       chan struct{} // tells Run that an alarm was set
}

func newHub() *hub {
	return &hub{listeners: map[bot.Queue]map[chan struct{}]bool{}, alarms: map[wake]bool{}, set: make(chan struct{}, 1)}
}

func (h *hub) listen(q bot.Queue) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[q] == nil {
		h.listeners[q] = map[chan struct{}]bool{}
	}
	h.listeners[q][c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners[q], c)
	}
}

func (h *hub) notify(q bot.Queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners[q] {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// notifyAll wakes everybody: something may have been missed.
func (h *hub) notifyAll() {
	h.mu.Lock()
	queues := make([]bot.Queue, 0, len(h.listeners))
	for q := range h.listeners {
		queues = append(queues, q)
	}
	h.mu.Unlock()
	for _, q := range queues {
		h.notify(q)
	}
}

// alarm remembers a timer of this process: River looks for due jobs every five
// seconds only, so its timers alone would be late by that much.
func (h *hub) alarm(k wake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alarms[k] = true
	select {
	case h.set <- struct{}{}:
	default:
	}
}

// ring notifies what is due and returns the time of the next alarm, zero if none.
func (h *hub) ring(now time.Time) time.Time {
	h.mu.Lock()
	due := map[bot.Queue]bool{}
	var next micros
	for k := range h.alarms {
		switch {
		case k.at <= us(now):
			due[k.queue] = true
			delete(h.alarms, k)
		case next == 0 || k.at < next:
			next = k.at
		}
	}
	h.mu.Unlock()
	for q := range due {
		h.notify(q)
	}
	return next.time()
}

// runAlarms rings until ctx ends.
func (h *hub) runAlarms(ctx context.Context, clock bot.Clock) {
	for {
		now := clock.Now()
		var due <-chan time.Time
		if next := h.ring(now); !next.IsZero() {
			due = clock.After(next.Sub(now))
			if clock.Now().Sub(now) > time.Millisecond {
				continue // the clock has moved meanwhile, the timer would be late
			}
		}
		select {
		case <-due:
		case <-h.set:
		case <-ctx.Done():
			return
		}
	}
}

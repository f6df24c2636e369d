// Package operation is the engine of durable operations: steps with check, apply
// and undo, a journal written around every effect, resume after a crash, undo of
// exactly what was made, and waiting without a goroutine.
//
// Truth is the operations and steps tables. Whoever holds an operation's lease
// works on it; every journal write is a compare-and-set on the lease's epoch, so a
// worker that lost its lease can't write any more.
package operation

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

// Boundary names a moment in a step's life at which a crash is interesting.
type Boundary string

// The boundaries of a step, in order.
const (
	BoundaryIntent    Boundary = "intent"    // intent is on disk, the effect not made
	BoundaryApplied   Boundary = "applied"   // the effect is made, the result not on disk
	BoundaryJournaled Boundary = "journaled" // the result is on disk
)

// Options configure an Engine. Work, Waker, Clock, Log and Owner must be set.
type Options struct {
	Work  bot.UnitOfWork
	Waker bot.Waker
	Clock bot.Clock
	Log   *slog.Logger
	// Owner is "node:incarnation"; leases of the same node's earlier incarnations are
	// dead and taken over at once.
	Owner string
	// Lease is how long a claim holds without renewal; 0 = 15 s.
	Lease time.Duration
	// Poll is how often it looks for work without being woken; 0 = 5 s.
	Poll time.Duration
	// Parallel bounds how many operations run at once; 0 = 16.
	Parallel int
	// AtBoundary, if set, is called at every boundary; tests stop the world there.
	AtBoundary func(operationKind, step string, b Boundary)
}

// Engine runs operations. Safe for concurrent use.
type Engine struct {
	opt   Options
	kinds map[string]bot.OperationKind
	slots chan struct{}
	freed chan struct{} // a slot came free, or something is due sooner

	mu    sync.Mutex
	times []time.Time // when operations parked here are due, in no order
}

var (
	_ bot.Starter = (*Engine)(nil)
	_ bot.Service = (*Engine)(nil)
)

// New makes an engine for the given kinds; two kinds of one name are an error.
func New(opt Options, kinds ...bot.OperationKind) (*Engine, error) {
	if opt.Lease == 0 {
		opt.Lease = 15 * time.Second
	}
	if opt.Poll == 0 {
		opt.Poll = 5 * time.Second
	}
	if opt.Parallel == 0 {
		opt.Parallel = 16
	}
	e := &Engine{
		opt: opt, kinds: map[string]bot.OperationKind{}, slots: make(chan struct{}, opt.Parallel),
		freed: make(chan struct{}, 1),
	}
	return e, e.Register(kinds...)
}

// Register adds kinds; before Run is called only.
func (e *Engine) Register(kinds ...bot.OperationKind) error {
	for _, k := range kinds {
		if _, twice := e.kinds[k.Kind()]; twice {
			return bot.Errorf(bot.CodeInternal, "operation kind %q is registered twice", k.Kind())
		}
		e.kinds[k.Kind()] = k
	}
	return nil
}

// Run works until ctx ends, then waits for the steps that are under way.
func (e *Engine) Run(ctx context.Context) error {
	wake, stop := e.opt.Waker.Listen(bot.QueueOperations)
	defer stop()
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		again, err := e.claim(ctx, &busy)
		if err != nil && ctx.Err() == nil {
			e.opt.Log.Error("operations: claim", "error", err)
		}
		if again {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-e.freed:
		case <-e.opt.Clock.After(e.untilNext()):
		}
	}
}

// claim takes what is due and starts a goroutine for each; again is true when
// there may be more.
func (e *Engine) claim(ctx context.Context, busy *sync.WaitGroup) (again bool, err error) {
	free := cap(e.slots) - len(e.slots)
	if free == 0 || ctx.Err() != nil {
		return false, nil
	}
	node, _, _ := strings.Cut(e.opt.Owner, ":")
	var got []*bot.Operation
	err = e.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var err error
		got, err = tx.Operations.Claim(ctx, e.opt.Owner, node+":", e.opt.Clock.Now(), e.opt.Lease, free)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, op := range got {
		e.slots <- struct{}{}
		busy.Go(func() {
			e.work(ctx, op)
			<-e.slots
			e.nudge()
		})
	}
	return len(got) == free, nil
}

// work drives one claimed operation until it ends, waits, or the lease is lost.
func (e *Engine) work(ctx context.Context, op *bot.Operation) {
	log := e.opt.Log.With("operation", op.ID, "kind", op.Kind, "subject", op.Subject)
	kind, ok := e.kinds[op.Kind]
	if !ok {
		log.Error("operations: unknown kind; it waits for a program that knows it")
		e.park(ctx, op, e.opt.Clock.Now().Add(time.Minute), log)
		return
	}
	s, err := e.open(ctx, op, kind, log)
	if err != nil {
		if ctx.Err() == nil && bot.CodeOf(err) != bot.CodeStale {
			log.Error("operations: open", "error", err)
			e.park(ctx, op, e.opt.Clock.Now().Add(e.opt.Poll), log)
		}
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		s.renew(ctx, cancel)
	}()
	err = s.drive(ctx)
	cancel(nil)
	<-renewing
	if err != nil && bot.CodeOf(err) != bot.CodeStale && !errors.Is(err, context.Canceled) {
		log.Error("operations: drive", "error", err)
	}
}

// park frees an operation that can't be worked on now.
func (e *Engine) park(ctx context.Context, op *bot.Operation, until time.Time, log *slog.Logger) {
	op.WakeAt, op.LeaseOwner = until, ""
	if op.State == bot.OperationRunning {
		op.State = bot.OperationWaiting
	}
	err := e.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Operations.Save(ctx, op); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueueOperations, until)
	})
	if err != nil && ctx.Err() == nil && bot.CodeOf(err) != bot.CodeStale {
		log.Error("operations: park", "error", err)
	}
}

// nudge makes Run look again.
func (e *Engine) nudge() {
	select {
	case e.freed <- struct{}{}:
	default:
	}
}

// due remembers that an operation parked here wants to go on at t: stored timers
// are coarse (seconds), this process knows better as long as it lives.
func (e *Engine) due(t time.Time) {
	e.mu.Lock()
	e.times = append(e.times, t)
	e.mu.Unlock()
	e.nudge()
}

// untilNext is how long Run may sleep; what is due now is forgotten, as the
// claim that follows finds it.
func (e *Engine) untilNext() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, sleep := e.opt.Clock.Now(), e.opt.Poll
	e.times = slices.DeleteFunc(e.times, func(t time.Time) bool {
		sleep = min(sleep, max(t.Sub(now), 0))
		return !t.After(now)
	})
	return sleep
}

// at announces a boundary.
func (e *Engine) at(kind, step string, b Boundary) {
	if e.opt.AtBoundary != nil {
		e.opt.AtBoundary(kind, step, b)
	}
}

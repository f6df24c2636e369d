package operation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/operation"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// scaled is a clock on which time runs 200 times as fast: backoff and polls take
// milliseconds, and stay in proportion.
type scaled struct{ start time.Time }

const speed = 100

func (c scaled) Now() time.Time {
	return c.start.Add(time.Since(c.start) * speed).UTC().Truncate(time.Microsecond)
}
func (c scaled) After(d time.Duration) <-chan time.Time { return time.After(d / speed) }

// world is the outside: effects by name, each with the operation that made it.
type world struct {
	mu      sync.Mutex
	objects map[string]string
	calls   map[string]int // applies that had an effect, by step
	fail    map[string][]error
}

func newWorld() *world {
	return &world{objects: map[string]string{}, calls: map[string]int{}, fail: map[string][]error{}}
}

func (w *world) apply(step, op string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if list := w.fail[step]; len(list) > 0 {
		w.fail[step] = list[1:]
		if list[0] != nil {
			return list[0]
		}
	}
	w.objects[step] = op
	w.calls[step]++
	return nil
}

func (w *world) find(step, op string) bot.Presence {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.objects[step] {
	case "":
		return bot.PresenceAbsent
	case op:
		return bot.PresenceOurs
	}
	return bot.PresenceForeign
}

func (w *world) remove(step string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, step)
	return nil
}

func (w *world) count(step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[step]
}

func (w *world) has(step string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects[step] != ""
}

// kind is an operation kind made of steps given by the test.
type kind struct {
	name  string
	steps func(op *bot.Operation) []bot.Step
	ended chan bot.OperationState
}

func (k *kind) Kind() string                                { return k.name }
func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) { return k.steps(op), nil }
func (k *kind) Title(op *bot.Operation) bot.Text            { return bot.Escape("Testing " + op.Subject) }

func (k *kind) Finish(_ context.Context, _ *bot.Tx, op *bot.Operation, _ []bot.StepRow) error {
	select {
	case k.ended <- op.State:
	default:
	}
	return nil
}

// checked is a step with check, apply and undo in the world.
func (w *world) checked(name string, after ...string) bot.Step {
	return bot.Step{
		Name: name, Title: name, After: after,
		Check: func(_ context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
			return w.find(name, run.Operation.ID), bot.StepResult{Output: map[string]string{"id": name}}, nil
		},
		Apply: func(_ context.Context, run bot.StepRun) (bot.StepResult, error) {
			return bot.StepResult{Output: map[string]string{"id": name}}, w.apply(name, run.Operation.ID)
		},
		Undo: func(context.Context, bot.StepRun) error { return w.remove(name) },
	}
}

// process is one life of the program: killed, it writes nothing any more.
type process struct {
	bot.UnitOfWork
	dead   atomic.Bool
	cancel context.CancelFunc
	done   chan error
	engine *operation.Engine
}

var errDead = errors.New("the process is dead")

func (p *process) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	if p.dead.Load() {
		return errDead
	}
	return p.UnitOfWork.Write(ctx, fn)
}

// kill ends the process as kill -9 does: nothing is written after it.
func (p *process) kill() {
	p.dead.Store(true)
	p.cancel()
}

// setup is a store with a clock, for any number of processes.
type setup struct {
	t     *testing.T
	db    *store.Store
	clock scaled
	node  int
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	return &setup{t: t, db: storetest.Open(t), clock: scaled{time.Now()}}
}

// start begins a process; at is called at each boundary with its process.
func (s *setup) start(at func(p *process, point string), kinds ...bot.OperationKind) *process {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.node++
	p := &process{UnitOfWork: s.db, cancel: cancel, done: make(chan error, 1)}
	opt := operation.Options{
		Work: p, Waker: s.db, Clock: s.clock, Log: slog.New(slog.DiscardHandler), Owner: fmt.Sprintf("node:%d", s.node),
		// Long, so that a slow machine loses no lease: what is tested is taking over from
		// the node's own dead process.
		Lease: 2 * time.Hour,
	}
	if at != nil {
		opt.AtBoundary = func(_, step string, b operation.Boundary) { at(p, step+"/"+string(b)) }
	}
	e, err := operation.New(opt, kinds...)
	if err != nil {
		s.t.Fatal(err)
	}
	p.engine = e
	go func() { p.done <- e.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-p.done; err != nil {
			s.t.Error(err)
		}
	})
	return p
}

// file starts an operation.
func (s *setup) file(p *process, op *bot.Operation) *bot.Operation {
	s.t.Helper()
	if op.Subject == "" {
		op.Subject = "hello-world"
	}
	err := s.db.Write(s.t.Context(), func(ctx context.Context, tx *bot.Tx) error { return p.engine.Start(ctx, tx, op) })
	if err != nil {
		s.t.Fatal(err)
	}
	return op
}

// await waits for the operation to reach one of the states.
func (s *setup) await(op *bot.Operation, states ...bot.OperationState) (*bot.Operation, []bot.StepRow) {
	s.t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var got *bot.Operation
		var rows []bot.StepRow
		err := s.db.Read(s.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
			if got, err = tx.Operations.Get(ctx, op.ID); err != nil {
				return err
			}
			rows, err = tx.Steps.Of(ctx, op.ID)
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, st := range states {
			if got.State == st {
				return got, rows
			}
		}
		select {
		case <-deadline:
			s.t.Fatalf("the operation is %s, not one of %v: %+v", got.State, states, rows)
		case <-tick.C:
		}
	}
}

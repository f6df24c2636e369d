package operation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"opsbot/bot"
)

// session is the work on one leased operation.
type session struct {
	e     *Engine
	kind  bot.OperationKind
	steps []bot.Step
	log   *slog.Logger

	mu   sync.Mutex // guards op and rows: steps run side by side, the lease is renewed
	op   *bot.Operation
	rows map[string]*bot.StepRow
}

// open loads the journal of a claimed operation.
func (e *Engine) open(ctx context.Context, op *bot.Operation, kind bot.OperationKind, log *slog.Logger) (*session, error) {
	steps, err := kind.Steps(op)
	if err != nil {
		return nil, err
	}
	s := &session{e: e, kind: kind, steps: steps, log: log, op: op, rows: map[string]*bot.StepRow{}}
	err = e.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Steps.Of(ctx, op.ID)
		for i := range rows {
			s.rows[rows[i].Name] = &rows[i]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, st := range steps {
		if s.rows[st.Name] == nil {
			return nil, bot.Errorf(bot.CodeInternal, "operation %s has no journal of its step %q", op.ID, st.Name)
		}
	}
	return s, nil
}

// renew keeps the lease; losing it cancels the work.
func (s *session) renew(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.e.opt.Clock.After(s.e.opt.Lease / 3):
		}
		err := s.save(ctx, func() { s.op.LeaseUntil = s.e.opt.Clock.Now().Add(s.e.opt.Lease) }, nil)
		if bot.CodeOf(err) == bot.CodeStale {
			cancel(err)
			return
		}
	}
}

// current copies the operation's row.
func (s *session) current() bot.Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.op
}

// save changes the operation's row, and whatever else, in one transaction.
func (s *session) save(ctx context.Context, change func(), more func(ctx context.Context, tx *bot.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := *s.op
	change()
	err := s.e.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Operations.Save(ctx, s.op); err != nil {
			return err
		}
		if more == nil {
			return nil
		}
		return more(ctx, tx)
	})
	if err != nil {
		*s.op = before
	}
	return err
}

// drive runs what can run until nothing can.
func (s *session) drive(ctx context.Context) error {
	state := s.current().State
	if state == bot.OperationUndoing {
		return s.undoAll(ctx)
	}
	if parked, err := s.queueBehind(ctx); parked || err != nil {
		return err
	}
	if state == bot.OperationWaiting {
		if err := s.save(ctx, func() { s.op.State = bot.OperationRunning }, nil); err != nil {
			return err
		}
	}
	done := make(chan ended)
	running := map[string]bool{} // by step; until its end was heard of
	var failed error
	for {
		if failed == nil {
			for _, st := range s.ready(running) {
				running[st.Name] = true
				go func() { done <- ended{st.Name, s.runStep(ctx, st)} }()
			}
		}
		if len(running) == 0 {
			break
		}
		one := <-done
		delete(running, one.step)
		// A journal write failed: nothing more may be started under this lease, and
		// what is under way is waited for.
		failed = errors.Join(failed, one.err)
	}
	if failed != nil {
		return failed
	}
	return s.settle(ctx)
}

// ended says that a step's goroutine has ended.
type ended struct {
	step string
	err  error // of the journal
}

// ready lists the steps that can be worked on now and are not.
func (s *session) ready(running map[string]bool) []bot.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.e.opt.Clock.Now()
	var out []bot.Step
	for _, st := range s.steps {
		row := s.rows[st.Name]
		if running[st.Name] || !s.after(st) {
			continue
		}
		switch row.State {
		case bot.StepPending, bot.StepRunning:
			out = append(out, st)
		case bot.StepRetrying, bot.StepWaiting:
			if !row.NotBefore.After(now) {
				out = append(out, st)
			}
		}
	}
	return out
}

// after reports whether everything that st comes after is done or skipped.
func (s *session) after(st bot.Step) bool {
	for _, name := range st.After {
		row := s.rows[name]
		if row == nil || row.State != bot.StepDone && row.State != bot.StepSkipped {
			return false
		}
	}
	return true
}

// settle decides what an operation is in which no step can run now.
func (s *session) settle(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *bot.StepRow
	open, wake := false, time.Time{}
	s.mu.Lock()
	for _, st := range s.steps {
		row := s.rows[st.Name]
		switch row.State {
		case bot.StepFailed, bot.StepUnknown:
			if failed == nil {
				failed = row
			}
		case bot.StepRetrying, bot.StepWaiting:
			open = true
			if wake.IsZero() || row.NotBefore.Before(wake) {
				wake = row.NotBefore
			}
		}
	}
	s.mu.Unlock()
	switch {
	case open:
		return s.wait(ctx, wake)
	case failed != nil:
		return s.finish(ctx, bot.OperationFailed, failed.Error)
	}
	return s.finish(ctx, bot.OperationSucceeded, "")
}

// wait frees the lease until the given time; no goroutine is held meanwhile.
func (s *session) wait(ctx context.Context, until time.Time) error {
	defer s.e.due(until)
	return s.save(ctx, func() {
		s.op.State, s.op.WakeAt, s.op.LeaseOwner = bot.OperationWaiting, until, ""
	}, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Wakes.Wake(ctx, bot.QueueOperations, until)
	})
}

// finish ends the operation (for good, or until a person decides) and lets the
// next one of the same environment look again.
func (s *session) finish(ctx context.Context, state bot.OperationState, problem string) error {
	err := s.save(ctx, func() {
		s.op.State, s.op.Error, s.op.LeaseOwner = state, problem, ""
		s.op.FinishedAt = s.e.opt.Clock.Now()
	}, func(ctx context.Context, tx *bot.Tx) error {
		if err := s.kind.Finish(ctx, tx, s.op, s.journal()); err != nil {
			return err
		}
		if state == bot.OperationFailed {
			if err := s.e.offer(ctx, tx, s.op); err != nil {
				return err
			}
		}
		if err := s.e.touch(ctx, tx, s.op); err != nil {
			return err
		}
		return s.e.wakeNext(ctx, tx, s.op)
	})
	if err == nil {
		s.log.Info("operation ended", "state", state, "problem", problem)
	}
	return err
}

// journal copies the rows in order; the caller holds mu or nothing runs.
func (s *session) journal() []bot.StepRow {
	out := make([]bot.StepRow, len(s.steps))
	for i, st := range s.steps {
		out[i] = *s.rows[st.Name]
	}
	return out
}

// queueBehind parks the operation while an older one changes the same environment.
func (s *session) queueBehind(ctx context.Context) (bool, error) {
	op := s.current()
	if op.Environment == "" {
		return false, nil
	}
	var blocker *bot.Operation
	err := s.e.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		blocker, err = s.e.blocker(ctx, tx, &op)
		return err
	})
	if err != nil || blocker == nil {
		return false, err
	}
	first := s.rows[s.steps[0].Name]
	detail := string("Queued behind " + bot.Escape(Short(blocker.ID)) + " (" + s.e.title(blocker) + ")")
	until := s.e.opt.Clock.Now().Add(s.e.opt.Poll)
	defer s.e.due(until)
	return true, s.save(ctx, func() {
		s.op.State, s.op.WakeAt, s.op.LeaseOwner = bot.OperationWaiting, until, ""
	}, func(ctx context.Context, tx *bot.Tx) error {
		if first.Detail != detail {
			first.Detail = detail
			if err := tx.Steps.Save(ctx, s.op.Epoch, *first); err != nil {
				return err
			}
			if err := s.e.touch(ctx, tx, s.op); err != nil {
				return err
			}
		}
		return tx.Wakes.Wake(ctx, bot.QueueOperations, until)
	})
}

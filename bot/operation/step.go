package operation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"opsbot/bot"
)

// runStep takes one step as far as it goes now. Its error is a journal write that
// failed; a step's own failure is journalled, not returned.
func (s *session) runStep(ctx context.Context, st bot.Step) error {
	row := s.row(st.Name)
	if row.State == bot.StepWaiting {
		return s.await(ctx, st, row)
	}
	if st.Check != nil {
		settled, err := s.check(ctx, st, &row)
		if settled || err != nil {
			return err
		}
	} else if row.State == bot.StepRunning && !st.Idempotent {
		return s.leaveOpen(ctx, st, row)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	row.State, row.Error, row.NotBefore = bot.StepRunning, "", time.Time{}
	row.Attempt++
	if row.StartedAt.IsZero() {
		row.StartedAt = s.e.opt.Clock.Now()
	}
	if err := s.write(ctx, row, nil); err != nil {
		return err
	}
	s.e.at(s.kind.Kind(), st.Name, BoundaryIntent)
	res, err := s.call(ctx, st, row, st.Apply)
	s.e.at(s.kind.Kind(), st.Name, BoundaryApplied)
	if err != nil {
		return s.failed(ctx, st, row, res, err)
	}
	row.Made = true
	if err := s.applied(ctx, st, row, res); err != nil {
		return err
	}
	s.e.at(s.kind.Kind(), st.Name, BoundaryJournaled)
	return nil
}

// check asks whether the effect is there; settled means there is nothing to apply.
func (s *session) check(ctx context.Context, st bot.Step, row *bot.StepRow) (settled bool, err error) {
	var found bot.Presence
	res, err := s.call(ctx, st, *row, func(ctx context.Context, run bot.StepRun) (res bot.StepResult, err error) {
		found, res, err = st.Check(ctx, run)
		return res, err
	})
	if err != nil {
		row.Attempt++
		return true, s.failed(ctx, st, *row, res, err)
	}
	switch found {
	case bot.PresenceAbsent:
		return false, nil
	case bot.PresenceOurs:
		row.Made = true
		return true, s.applied(ctx, st, *row, res)
	case bot.PresenceForeign:
		return true, s.end(ctx, *row, bot.StepFailed, fmt.Sprintf("%s: there is one already that OpsBot did not make.", st.Title))
	}
	return true, s.leaveOpen(ctx, st, *row)
}

// leaveOpen hands a step whose outcome can't be told to a person.
func (s *session) leaveOpen(ctx context.Context, st bot.Step, row bot.StepRow) error {
	return s.end(ctx, row, bot.StepUnknown, fmt.Sprintf(
		"%s: OpsBot was interrupted and can't tell whether it happened. Look, then choose Retry or Skip.", st.Title))
}

// applied journals the result of an effect that is there.
func (s *session) applied(ctx context.Context, st bot.Step, row bot.StepRow, res bot.StepResult) error {
	row.State = bot.StepDone
	if st.Await != nil {
		row.State = bot.StepWaiting
		row.NotBefore = s.e.opt.Clock.Now()
	}
	return s.take(ctx, row, res)
}

// await looks whether what an applied step waits for has come.
func (s *session) await(ctx context.Context, st bot.Step, row bot.StepRow) error {
	res, err := s.call(ctx, st, row, st.Await)
	if err != nil {
		if class, after := bot.RetryOf(err); class != bot.RetryNever && ctx.Err() == nil {
			// Reading may be repeated for ever; the step's own deadline ends it.
			row.NotBefore = s.e.opt.Clock.Now().Add(max(after, s.e.opt.Poll))
			s.log.Warn("operation step: await", "step", st.Name, "error", err)
			return s.write(ctx, row, nil)
		}
		return s.failed(ctx, st, row, res, err)
	}
	row.State = bot.StepDone
	if res.Wait != nil {
		row.State = bot.StepWaiting
		row.NotBefore = s.e.opt.Clock.Now().Add(*res.Wait)
	}
	return s.take(ctx, row, res)
}

// take copies a result into the row and journals it.
func (s *session) take(ctx context.Context, row bot.StepRow, res bot.StepResult) error {
	merge(&row, res)
	row.Error = ""
	if row.State == bot.StepDone {
		row.FinishedAt = s.e.opt.Clock.Now()
	}
	var refused error
	err := s.write(ctx, row, func(ctx context.Context, tx *bot.Tx) error {
		refused = nil // the transaction may run twice
		if res.Commit == nil {
			return nil
		}
		err := res.Commit(ctx, tx)
		if code := bot.CodeOf(err); code == bot.CodeConflict || code == bot.CodeInvalid {
			refused = err
		}
		return err
	})
	if err == nil || refused == nil {
		return err
	}
	// What the step found can't be kept: as failed as if it could not be made. Left
	// "running" it would be tried for ever.
	s.log.Warn("operation step: commit", "step", row.Name, "error", err)
	row.Made = false
	return s.end(ctx, row, bot.StepFailed, bot.MessageOf(refused))
}

// merge copies what a result says into the row; what it leaves out stays.
func merge(row *bot.StepRow, res bot.StepResult) {
	if len(res.Output) > 0 {
		merged := maps.Clone(row.Output)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, res.Output)
		row.Output = merged
	}
	if res.Detail != "" {
		row.Detail = string(res.Detail)
	}
	if res.URL != "" {
		row.URL = res.URL
	}
}

// failed journals a step that did not work: again later, or for good.
func (s *session) failed(ctx context.Context, st bot.Step, row bot.StepRow, res bot.StepResult, err error) error {
	if ctx.Err() != nil {
		// The program ends or the lease is lost: the journal keeps "running", and the
		// next worker finds out by check or key.
		return context.Cause(ctx)
	}
	class, after := bot.RetryOf(err)
	limit := st.Attempts
	if limit == 0 {
		limit = 8
	}
	s.log.Warn("operation step failed", "step", st.Name, "attempt", row.Attempt, "retry", class, "error", err)
	if bot.CodeOf(err) == bot.CodeUnknown && st.Check == nil && !st.Idempotent {
		return s.leaveOpen(ctx, st, row)
	}
	merge(&row, res)
	if class == bot.RetryNever || row.Attempt >= limit && bot.CodeOf(err) != bot.CodeStorageFull {
		row.State, row.Error, row.FinishedAt = bot.StepFailed, bot.MessageOf(err), s.e.opt.Clock.Now()
		return s.write(ctx, row, res.Commit)
	}
	row.State, row.Error = bot.StepRetrying, bot.MessageOf(err)
	row.NotBefore = s.e.opt.Clock.Now().Add(max(after, pause(row.Attempt)))
	return s.write(ctx, row, nil)
}

// pause is the backoff before another attempt: 1 s, doubling, at most a minute.
func pause(attempt int) time.Duration {
	return min(time.Second<<min(max(attempt-1, 0), 6), time.Minute)
}

// end journals the end of a step with a sentence for the person.
func (s *session) end(ctx context.Context, row bot.StepRow, state bot.StepState, problem string) error {
	row.State, row.Error, row.FinishedAt = state, problem, s.e.opt.Clock.Now()
	return s.write(ctx, row, nil)
}

// write journals a row, with more in the same transaction, and renews the card.
func (s *session) write(ctx context.Context, row bot.StepRow, more func(context.Context, *bot.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.e.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Steps.Save(ctx, s.op.Epoch, row); err != nil {
			return err
		}
		if more != nil {
			if err := more(ctx, tx); err != nil {
				return err
			}
		}
		return s.e.touch(ctx, tx, s.op)
	})
	if err == nil {
		s.rows[row.Name] = &row
	}
	return err
}

// row copies a step's row.
func (s *session) row(name string) bot.StepRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.rows[name]
}

// call runs one of a step's functions within its time, a panic being an error.
func (s *session) call(ctx context.Context, st bot.Step, row bot.StepRow, fn func(context.Context, bot.StepRun) (bot.StepResult, error)) (res bot.StepResult, err error) {
	limit := st.Timeout
	if limit == 0 {
		limit = 2 * time.Minute
	}
	callCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("operation step panicked", "step", st.Name, "panic", r, "stack", string(debug.Stack()))
			err = bot.Errorf(bot.CodeInternal, "%s failed by a fault inside OpsBot; the operator finds it in the log.", st.Title)
		}
		if err != nil && errors.Is(callCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			err = bot.Errorf(bot.CodeUnknown, "%s took longer than %s.", st.Title, limit).Because(err).Backoff()
		}
	}()
	return fn(callCtx, s.run(st, row))
}

// run is what a step's function gets.
func (s *session) run(st bot.Step, row bot.StepRow) bot.StepRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := *s.op
	run := bot.StepRun{
		Operation: &op, Step: st.Name, Attempt: row.Attempt, Key: op.ID + "/" + st.Name,
		Outputs: map[string]map[string]string{},
	}
	for name, r := range s.rows {
		if len(r.Output) > 0 {
			run.Outputs[name] = maps.Clone(r.Output)
		}
	}
	return run
}

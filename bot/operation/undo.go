package operation

import (
	"context"
	"time"

	"opsbot/bot"
)

// undoAll removes what the operation made, last made first.
func (s *session) undoAll(ctx context.Context) error {
	for i := len(s.steps) - 1; i >= 0; i-- {
		st := s.steps[i]
		row := s.row(st.Name)
		if row.State == bot.StepUndone {
			continue
		}
		if row.NotBefore.After(s.e.opt.Clock.Now()) {
			return s.save(ctx, func() { s.op.WakeAt, s.op.LeaseOwner = row.NotBefore, "" },
				func(ctx context.Context, tx *bot.Tx) error {
					return tx.Wakes.Wake(ctx, bot.QueueOperations, row.NotBefore)
				})
		}
		problem, err := s.undoStep(ctx, st, row)
		if err != nil {
			return err
		}
		if problem != "" {
			return s.finish(ctx, bot.OperationFailed, problem)
		}
		if s.row(st.Name).State == bot.StepUndoing {
			i++ // to be retried: look at its NotBefore
		}
	}
	return s.finish(ctx, bot.OperationUndone, "")
}

// undoStep removes one step's effect if this operation made it. problem is set
// when it can't be removed, err when the journal can't be written.
func (s *session) undoStep(ctx context.Context, st bot.Step, row bot.StepRow) (problem string, err error) {
	row.Attempt++
	made, err := s.made(ctx, st, row)
	if err == nil && made && st.Undo != nil {
		row.State, row.Error = bot.StepUndoing, ""
		if err := s.write(ctx, row, nil); err != nil {
			return "", err
		}
		s.e.at(s.kind.Kind(), st.Name, "undo-"+BoundaryIntent)
		_, err = s.call(ctx, st, row, func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
			return bot.StepResult{}, st.Undo(ctx, run)
		})
		s.e.at(s.kind.Kind(), st.Name, "undo-"+BoundaryApplied)
	}
	if err == nil {
		row.NotBefore = time.Time{}
		return "", s.end(ctx, row, bot.StepUndone, "")
	}
	return s.undoFailed(ctx, st, row, err)
}

// undoFailed journals an undo that did not work: again later, or up to a person.
func (s *session) undoFailed(ctx context.Context, st bot.Step, row bot.StepRow, err error) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	s.log.Warn("operation undo failed", "step", st.Name, "error", err)
	class, after := bot.RetryOf(err)
	if class != bot.RetryNever && row.Attempt < 8 {
		row.State, row.Error = bot.StepUndoing, bot.MessageOf(err)
		row.NotBefore = s.e.opt.Clock.Now().Add(max(after, pause(row.Attempt)))
		return "", s.write(ctx, row, nil)
	}
	problem := "Undo of " + st.Title + ": " + bot.MessageOf(err)
	return problem, s.end(ctx, row, bot.StepFailed, problem)
}

// made reports whether this operation made the step's effect. What is not
// journalled as made may still be there, if a call was interrupted: check tells.
func (s *session) made(ctx context.Context, st bot.Step, row bot.StepRow) (bool, error) {
	if row.Made {
		return true, nil
	}
	if row.State == bot.StepPending || row.State == bot.StepSkipped || st.Check == nil {
		// Without a check an idempotent undo is the only way to be sure.
		return st.Check == nil && st.Idempotent && !row.StartedAt.IsZero(), nil
	}
	var found bot.Presence
	_, err := s.call(ctx, st, row, func(ctx context.Context, run bot.StepRun) (res bot.StepResult, err error) {
		found, res, err = st.Check(ctx, run)
		return res, err
	})
	if found == bot.PresenceForeign {
		return false, nil // why it can't be ours has been said when it was to be made
	}
	return found == bot.PresenceOurs, err
}

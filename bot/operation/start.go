package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
)

// Start files op: its row, its steps, its card; a worker is woken after the commit.
func (e *Engine) Start(ctx context.Context, tx *bot.Tx, op *bot.Operation) error {
	kind, ok := e.kinds[op.Kind]
	if !ok {
		return bot.Errorf(bot.CodeInternal, "operation kind %q is not registered", op.Kind)
	}
	now := e.opt.Clock.Now()
	if op.ID == "" {
		op.ID = bot.NewID(now)
	}
	if op.CreatedAt.IsZero() {
		op.CreatedAt = now
	}
	if op.State == "" {
		op.State = bot.OperationRunning
	}
	if op.Cause.Root == "" {
		op.Cause.Root = op.ID
	}
	steps, err := kind.Steps(op)
	if err != nil {
		return err
	}
	rows, err := rowsOf(op.ID, steps)
	if err != nil {
		return err
	}
	if err := tx.Operations.Insert(ctx, op); err != nil {
		return err
	}
	if err := tx.Steps.Insert(ctx, rows); err != nil {
		return err
	}
	if err := e.touch(ctx, tx, op); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueOperations, now)
}

// rowsOf makes the empty journal and refuses a graph that can never finish.
func rowsOf(id string, steps []bot.Step) ([]bot.StepRow, error) {
	seen := map[string]bool{}
	rows := make([]bot.StepRow, len(steps))
	for i, st := range steps {
		for _, name := range st.After {
			if !seen[name] {
				return nil, bot.Errorf(bot.CodeInternal, "step %q comes after %q, which is not before it", st.Name, name)
			}
		}
		if seen[st.Name] || st.Apply == nil {
			return nil, bot.Errorf(bot.CodeInternal, "step %q is there twice or does nothing", st.Name)
		}
		seen[st.Name] = true
		rows[i] = bot.StepRow{OperationID: id, Name: st.Name, Position: i, Title: st.Title, State: bot.StepPending}
	}
	return rows, nil
}

// Wake makes a waiting operation look again at once.
func (e *Engine) Wake(ctx context.Context, tx *bot.Tx, id string) error {
	op, err := tx.Operations.Get(ctx, id)
	if err != nil {
		return err
	}
	if op.State != bot.OperationWaiting {
		return nil
	}
	rows, err := tx.Steps.Of(ctx, op.ID)
	if err != nil {
		return err
	}
	now := e.opt.Clock.Now()
	for _, row := range rows {
		if row.State == bot.StepWaiting {
			row.NotBefore = now
			if err := tx.Steps.Save(ctx, op.Epoch, row); err != nil {
				return err
			}
		}
	}
	op.WakeAt = now
	if err := tx.Operations.Save(ctx, op); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueOperations, now)
}

// Retry gives the failed steps of a failed operation another chance; of an undo that
// has failed, the undo.
func (e *Engine) Retry(ctx context.Context, tx *bot.Tx, id string, cause bot.Cause) error {
	return e.resume(ctx, tx, id, cause, bot.OperationRunning, func(steps map[string]bot.Step, rows []bot.StepRow) (bot.OperationState, error) {
		if undoBegun(steps, rows) {
			return undone(steps, rows)
		}
		for i := range rows {
			if row := &rows[i]; failed(*row) {
				row.State, row.Attempt, row.Error = bot.StepPending, 0, ""
			}
		}
		return bot.OperationRunning, nil
	})
}

func failed(row bot.StepRow) bool { return row.State == bot.StepFailed || row.State == bot.StepUnknown }

// undoBegun reports whether an operation came to rest while it was being undone. Half
// removed it can't go on, only be removed.
func undoBegun(steps map[string]bot.Step, rows []bot.StepRow) bool {
	return slices.ContainsFunc(rows, func(row bot.StepRow) bool {
		// What was made and has failed since is what could not be removed, or what was
		// waited for in vain.
		return row.State == bot.StepUndone || row.State == bot.StepFailed && row.Made && steps[row.Name].Await == nil
	})
}

// Skip leaves out a failed step that allows it, and goes on; of an undo, any step.
func (e *Engine) Skip(ctx context.Context, tx *bot.Tx, id, step string, cause bot.Cause) error {
	return e.resume(ctx, tx, id, cause, bot.OperationRunning, func(steps map[string]bot.Step, rows []bot.StepRow) (bot.OperationState, error) {
		i := slices.IndexFunc(rows, func(row bot.StepRow) bool { return strings.EqualFold(row.Name, step) })
		if i < 0 {
			var names []string
			for _, row := range rows {
				names = append(names, row.Name)
			}
			return "", bot.Errorf(bot.CodeNotFound, "The operation has no step named %q%s", bot.Shorten(step, 40), bot.Instead(step, names))
		}
		switch row := &rows[i]; {
		case !failed(*row):
			return "", bot.Errorf(bot.CodeConflict, "The step %q has not failed; there is nothing to skip.", row.Name)
		case undoBegun(steps, rows):
			row.State = bot.StepUndone // its error stays: the card tells what is left
			return undone(steps, rows)
		case !steps[row.Name].Skippable && row.State != bot.StepUnknown:
			return "", bot.Errorf(bot.CodeConflict, "The step %q can't be left out: the rest needs it. Use retry or undo.", row.Name)
		default:
			row.State = bot.StepSkipped
			return bot.OperationRunning, nil
		}
	})
}

// Undo starts removing what a failed or finished operation made.
func (e *Engine) Undo(ctx context.Context, tx *bot.Tx, id string, cause bot.Cause) error {
	return e.resume(ctx, tx, id, cause, bot.OperationUndoing, undone)
}

func undone(_ map[string]bot.Step, rows []bot.StepRow) (bot.OperationState, error) {
	for i := range rows {
		rows[i].Attempt = 0
	}
	return bot.OperationUndoing, nil
}

// resume changes the rows of an operation at rest and sets it going, as change says.
func (e *Engine) resume(ctx context.Context, tx *bot.Tx, id string, cause bot.Cause, asked bot.OperationState,
	change func(map[string]bot.Step, []bot.StepRow) (bot.OperationState, error),
) error {
	op, err := tx.Operations.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := atRest(op, asked); err != nil {
		return err
	}
	kind, ok := e.kinds[op.Kind]
	if !ok {
		return bot.Errorf(bot.CodeUnsupported, "This OpsBot does not know the operation kind %q.", op.Kind)
	}
	if once, is := kind.(bot.OneShot); is {
		return bot.Errorf(bot.CodeConflict, "%s", once.Instead(op))
	}
	list, err := kind.Steps(op)
	if err != nil {
		return err
	}
	rows, err := tx.Steps.Of(ctx, op.ID)
	if err != nil {
		return err
	}
	state, err := change(byName(list), rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := tx.Steps.Save(ctx, op.Epoch, row); err != nil {
			return err
		}
	}
	op.State, op.Error, op.LeaseOwner = state, "", ""
	if cause.Root != "" {
		op.Cause = cause
	}
	if err := tx.Operations.Save(ctx, op); err != nil {
		return err
	}
	if err := e.touch(ctx, tx, op); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueOperations, e.opt.Clock.Now())
}

func byName(list []bot.Step) map[string]bot.Step {
	steps := map[string]bot.Step{}
	for _, st := range list {
		steps[st.Name] = st
	}
	return steps
}

// atRest refuses to touch an operation that works or has nothing left to do.
func atRest(op *bot.Operation, to bot.OperationState) error {
	switch {
	case op.State == bot.OperationFailed:
		return nil
	case op.State == bot.OperationSucceeded && to == bot.OperationUndoing:
		return nil
	case op.State == bot.OperationSucceeded:
		return bot.Errorf(bot.CodeConflict, "The operation %s has succeeded; there is nothing to repeat.", Short(op.ID))
	case op.State == bot.OperationUndone:
		return bot.Errorf(bot.CodeConflict, "The operation %s is undone already.", Short(op.ID))
	}
	return bot.Errorf(bot.CodeConflict, "The operation %s is still %s; wait until it has ended.", Short(op.ID), op.State)
}

// blocker returns an older operation that is changing the same environment.
func (e *Engine) blocker(ctx context.Context, tx *bot.Tx, op *bot.Operation) (*bot.Operation, error) {
	all, err := tx.Operations.Find(ctx, bot.OperationFilter{ProjectID: op.ProjectID, Environment: op.Environment, Open: true, Limit: 200})
	if err != nil {
		return nil, err
	}
	var oldest *bot.Operation
	for _, o := range all {
		active := o.State != bot.OperationFailed && !o.Final()
		if active && older(o, op) && (oldest == nil || older(o, oldest)) {
			oldest = o
		}
	}
	return oldest, nil
}

func older(a, b *bot.Operation) bool {
	if a.CreatedAt.Equal(b.CreatedAt) {
		return a.ID < b.ID
	}
	return a.CreatedAt.Before(b.CreatedAt)
}

// wakeNext makes those that queue behind op look again.
func (e *Engine) wakeNext(ctx context.Context, tx *bot.Tx, op *bot.Operation) error {
	if op.Environment == "" {
		return nil
	}
	all, err := tx.Operations.Find(ctx, bot.OperationFilter{ProjectID: op.ProjectID, Environment: op.Environment, Open: true, Limit: 200})
	if err != nil {
		return fmt.Errorf("operation %s: wake the next: %w", op.ID, err)
	}
	for _, o := range all {
		if o.ID != op.ID && o.State == bot.OperationWaiting && o.LeaseOwner == "" {
			o.WakeAt = e.opt.Clock.Now()
			if err := tx.Operations.Save(ctx, o); err != nil && bot.CodeOf(err) != bot.CodeStale {
				return err
			}
		}
	}
	return tx.Wakes.Wake(ctx, bot.QueueOperations, e.opt.Clock.Now())
}

package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type stepRow struct {
	bun.BaseModel `bun:"table:steps"`
	OperationID   string                 `bun:"operation_id,pk"`
	Name          string                 `bun:"name,pk"`
	Position      int                    `bun:"position"`
	Title         string                 `bun:"title"`
	State         string                 `bun:"state"`
	Attempt       int                    `bun:"attempt"`
	Output        doc[map[string]string] `bun:"output"`
	Detail        string                 `bun:"detail"`
	URL           string                 `bun:"url"`
	Error         string                 `bun:"error"`
	Made          bool                   `bun:"made"`
	NotBefore     micros                 `bun:"not_before"`
	StartedAt     micros                 `bun:"started_at"`
	FinishedAt    micros                 `bun:"finished_at"`
}

func stepRowOf(s bot.StepRow) stepRow {
	return stepRow{
		OperationID: s.OperationID, Name: s.Name, Position: s.Position, Title: s.Title, State: string(s.State),
		Attempt: s.Attempt, Output: docOf(s.Output), Detail: s.Detail, URL: s.URL, Error: s.Error, Made: s.Made,
		NotBefore: us(s.NotBefore), StartedAt: us(s.StartedAt), FinishedAt: us(s.FinishedAt),
	}
}

func (r stepRow) noun() bot.StepRow {
	return bot.StepRow{
		OperationID: r.OperationID, Name: r.Name, Position: r.Position, Title: r.Title,
		State: bot.StepState(r.State), Attempt: r.Attempt, Output: r.Output.V, Detail: r.Detail, URL: r.URL, Error: r.Error,
		Made: r.Made, NotBefore: r.NotBefore.time(), StartedAt: r.StartedAt.time(), FinishedAt: r.FinishedAt.time(),
	}
}

type steps struct{ *work }

var _ bot.Steps = steps{}

// Insert implements bot.Steps; CodeConflict when the operation has such a step.
func (r steps) Insert(ctx context.Context, rows []bot.StepRow) error {
	for _, s := range rows {
		row := stepRowOf(s)
		if err := insert(ctx, r.work, &row, taken("a step", s.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Save implements bot.Steps; CodeNotFound when the operation has no such step.
func (r steps) Save(ctx context.Context, epoch int64, s bot.StepRow) error {
	// The operation's row is locked until the commit: its epoch can't grow between
	// this look and the write.
	n, err := r.raw(ctx, "hold an operation", "UPDATE operations SET epoch = epoch WHERE id = ? AND epoch = ?", s.OperationID, epoch)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.stale(ctx, s.OperationID, epoch)
	}
	row := stepRowOf(s)
	res, err := r.db.NewUpdate().Model(&row).WherePK().Exec(ctx)
	if err != nil {
		return r.fail("write", row, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return bot.Errorf(bot.CodeNotFound, "The operation %s has no step %q.", s.OperationID, s.Name).Because(err)
	}
	return nil
}

// Of implements bot.Steps.
func (r steps) Of(ctx context.Context, operationID string) ([]bot.StepRow, error) {
	return list(ctx, r.work, stepRow.noun, where("operation_id = ?", operationID), order("position, name"))
}

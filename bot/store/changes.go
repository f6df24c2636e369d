package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type changeRow struct {
	bun.BaseModel `bun:"table:changes"`
	Seq           int64  `bun:"seq,pk,autoincrement"`
	ID            string `bun:"id"`
	ProjectID     string `bun:"project_id"`
	Branch        string `bun:"branch"`
	CommitSHA     string `bun:"commit_sha"`
	Title         string `bun:"title"`
	Author        string `bun:"author"`
	CreatedAt     micros `bun:"created_at"`
	cause
}

func (r changeRow) noun() bot.Change {
	return bot.Change{
		ID: r.ID, ProjectID: r.ProjectID, Branch: r.Branch, Commit: r.CommitSHA, Title: r.Title,
		Author: r.Author, CreatedAt: r.CreatedAt.time(), Cause: r.cause.noun(),
	}
}

type changes struct{ *work }

var _ bot.Changes = changes{}

func noChange(id string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "There is no change %q.", id)
}

// Ensure implements bot.Changes; a new one gets an ID and CreatedAt if it has none.
func (r changes) Ensure(ctx context.Context, c bot.Change) (bot.Change, error) {
	if c.CreatedAt.IsZero() {
		c.CreatedAt = r.s.clock.Now()
	}
	if c.ID == "" {
		c.ID = bot.NewID(c.CreatedAt)
	}
	row := changeRow{
		ID: c.ID, ProjectID: c.ProjectID, Branch: c.Branch, CommitSHA: c.Commit, Title: c.Title,
		Author: c.Author, CreatedAt: us(c.CreatedAt), cause: causeOf(c.Cause),
	}
	err := insert(ctx, r.work, &row, taken("a change", c.Commit))
	if err != nil && bot.CodeOf(err) != bot.CodeConflict {
		return bot.Change{}, err
	}
	got, err := first[changeRow](ctx, r.work, noChange(c.Commit),
		where("project_id = ? AND commit_sha = ? AND branch = ?", c.ProjectID, c.Commit, c.Branch))
	return got.noun(), err
}

// ByID implements bot.Changes.
func (r changes) ByID(ctx context.Context, id string) (bot.Change, error) {
	row, err := first[changeRow](ctx, r.work, noChange(id), where("id = ?", id))
	return row.noun(), err
}

// ByCommit implements bot.Changes.
func (r changes) ByCommit(ctx context.Context, projectID, commit string) ([]bot.Change, error) {
	return list(ctx, r.work, changeRow.noun, where("project_id = ? AND commit_sha = ?", projectID, commit), order("seq DESC"))
}

// Recent implements bot.Changes.
func (r changes) Recent(ctx context.Context, projectID string, n int) ([]bot.Change, error) {
	return list(ctx, r.work, changeRow.noun, where("project_id = ?", projectID), order("seq DESC"), limit(orDefault(n)))
}

// Update implements bot.Changes.
func (r changes) Update(ctx context.Context, c bot.Change) error {
	n, err := r.raw(ctx, "update a change", "UPDATE changes SET title = ?, author = ? WHERE id = ?", c.Title, c.Author, c.ID)
	if err == nil && n == 0 {
		return noChange(c.ID)
	}
	return err
}

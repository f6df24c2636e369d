package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type buildRow struct {
	bun.BaseModel `bun:"table:builds"`
	Seq           int64                  `bun:"seq,pk,autoincrement"`
	ID            string                 `bun:"id"`
	ProjectID     string                 `bun:"project_id"`
	Instance      string                 `bun:"instance"`
	Job           string                 `bun:"job"`
	Branch        string                 `bun:"branch"`
	Number        int                    `bun:"number"`
	Queue         string                 `bun:"queue"`
	Attempt       int                    `bun:"attempt"`
	State         string                 `bun:"state"`
	Result        string                 `bun:"result"`
	CommitSHA     string                 `bun:"commit_sha"`
	Stages        doc[[]bot.Stage]       `bun:"stages"`
	Tests         doc[*bot.TestTotals]   `bun:"tests"`
	Artifacts     doc[[]bot.Artifact]    `bun:"artifacts"`
	Inputs        doc[[]bot.Input]       `bun:"inputs"`
	Message       string                 `bun:"message"`
	QueuedAt      micros                 `bun:"queued_at"`
	StartedAt     micros                 `bun:"started_at"`
	FinishedAt    micros                 `bun:"finished_at"`
	URL           string                 `bun:"url"`
	LogURL        string                 `bun:"log_url"`
	Parameters    doc[map[string]string] `bun:"parameters"`
	RequestedBy   string                 `bun:"requested_by"`
	cause
	Sequence int64 `bun:"sequence"`
}

func buildRowOf(b bot.Build) buildRow {
	if b.State == bot.BuildFinished {
		b.Inputs = nil // nobody waits for an answer any more
	}
	return buildRow{
		ID: b.ID, ProjectID: b.ProjectID, Instance: b.Instance, Job: b.Ref.Job, Branch: b.Ref.Branch,
		Number: b.Ref.Number, Queue: b.Ref.Queue, Attempt: b.Attempt, State: string(b.State), Result: string(b.Result),
		CommitSHA: b.Commit, Stages: docOf(b.Stages), Tests: docOf(b.Tests), Artifacts: docOf(b.Artifacts),
		Inputs: docOf(b.Inputs), Message: b.Message, QueuedAt: us(b.QueuedAt), StartedAt: us(b.StartedAt), FinishedAt: us(b.FinishedAt),
		URL: b.URL, LogURL: b.LogURL, Parameters: docOf(b.Parameters), RequestedBy: b.By, cause: causeOf(b.Cause),
		Sequence: b.Sequence,
	}
}

func (r buildRow) noun() bot.Build {
	return bot.Build{
		ID: r.ID, ProjectID: r.ProjectID, Instance: r.Instance,
		Ref:     bot.BuildRef{Job: r.Job, Branch: r.Branch, Number: r.Number, Queue: r.Queue},
		Attempt: r.Attempt, State: bot.BuildState(r.State), Result: bot.Result(r.Result), Commit: r.CommitSHA,
		Stages: r.Stages.V, Tests: r.Tests.V, Artifacts: r.Artifacts.V, Inputs: r.Inputs.V,
		Message: r.Message, QueuedAt: r.QueuedAt.time(),
		StartedAt: r.StartedAt.time(), FinishedAt: r.FinishedAt.time(), URL: r.URL, LogURL: r.LogURL,
		Parameters: r.Parameters.V, By: r.RequestedBy, Cause: r.cause.noun(), Sequence: r.Sequence,
	}
}

type builds struct{ *work }

var _ bot.Builds = builds{}

func noBuild(id string) *bot.Error { return bot.Errorf(bot.CodeNotFound, "There is no build %q.", id) }

// Put implements bot.Builds. What was known before and no later report repeats (the
// project, who asked, the commit, the cause) is kept.
func (r builds) Put(ctx context.Context, b bot.Build) (bot.Build, error) {
	row := buildRowOf(b)
	old, err := r.find(ctx, b.Instance, b.Ref)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		if row.ID == "" {
			row.ID = bot.NewID(r.s.clock.Now())
		}
		err := insert(ctx, r.work, &row, taken("a build", row.ID))
		return row.noun(), err
	case err != nil:
		return bot.Build{}, err
	case b.Sequence < old.Sequence:
		return old.noun(), nil
	}
	row.keep(old)
	if _, err := r.db.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return bot.Build{}, r.fail("write", row, err)
	}
	return row.noun(), nil
}

// keep takes over what the newer report r lacks.
func (r *buildRow) keep(old buildRow) {
	r.Seq, r.ID = old.Seq, old.ID
	for _, pair := range [][2]*string{
		{&r.ProjectID, &old.ProjectID},
		{&r.Queue, &old.Queue},
		{&r.CommitSHA, &old.CommitSHA},
		{&r.RequestedBy, &old.RequestedBy},
		{&r.URL, &old.URL},
		{&r.LogURL, &old.LogURL},
	} {
		if *pair[0] == "" {
			*pair[0] = *pair[1]
		}
	}
	if r.Number == 0 {
		r.Number = old.Number
	}
	if r.QueuedAt == 0 {
		r.QueuedAt = old.QueuedAt
	}
	if len(r.Parameters.V) == 0 {
		r.Parameters = old.Parameters
	}
	if r.Root == "" {
		r.cause = old.cause
	}
}

// find looks a build up by its number, and by its place in the queue when one of
// the two sides does not know the number (yet).
func (r builds) find(ctx context.Context, instance string, ref bot.BuildRef) (buildRow, error) {
	missing := noBuild(ref.Job)
	if ref.Number > 0 {
		row, err := first[buildRow](ctx, r.work, missing, where(
			"instance = ? AND job = ? AND branch = ? AND number = ? AND number > 0", instance, ref.Job, ref.Branch, ref.Number))
		if err == nil || bot.CodeOf(err) != bot.CodeNotFound {
			return row, err
		}
	}
	if ref.Queue == "" {
		return buildRow{}, missing
	}
	byQueue := where("instance = ? AND job = ? AND queue = ? AND queue <> ''", instance, ref.Job, ref.Queue)
	if ref.Number > 0 {
		return first[buildRow](ctx, r.work, missing, byQueue, where("number = 0"), order("seq DESC"))
	}
	return first[buildRow](ctx, r.work, missing, byQueue, order("seq DESC"))
}

// ByID implements bot.Builds.
func (r builds) ByID(ctx context.Context, id string) (bot.Build, error) {
	row, err := first[buildRow](ctx, r.work, noBuild(id), where("id = ?", id))
	return row.noun(), err
}

// ByCommit implements bot.Builds.
func (r builds) ByCommit(ctx context.Context, projectID, commit string) ([]bot.Build, error) {
	return list(ctx, r.work, buildRow.noun, where("project_id = ? AND commit_sha = ?", projectID, commit), order("number, seq"))
}

// Recent implements bot.Builds.
func (r builds) Recent(ctx context.Context, projectID, branch string, n int) ([]bot.Build, error) {
	scopes := []scope{where("project_id = ?", projectID), order("seq DESC"), limit(orDefault(n))}
	if branch != "" {
		scopes = append(scopes, where("branch = ?", branch))
	}
	return list(ctx, r.work, buildRow.noun, scopes...)
}

// ByRef implements bot.Builds.
func (r builds) ByRef(ctx context.Context, instance string, ref bot.BuildRef) (bot.Build, error) {
	row, err := r.find(ctx, instance, ref)
	return row.noun(), err
}

package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type versionRow struct {
	bun.BaseModel `bun:"table:versions"`
	Seq           int64               `bun:"seq,pk,autoincrement"`
	ID            string              `bun:"id"`
	ProjectID     string              `bun:"project_id"`
	CommitSHA     string              `bun:"commit_sha"`
	BuildID       string              `bun:"build_id"`
	Number        int                 `bun:"number"`
	Label         string              `bun:"label"`
	Branch        string              `bun:"branch"`
	Artifacts     doc[[]bot.Artifact] `bun:"artifacts"`
	Spec          doc[bot.RunSpec]    `bun:"spec"`
	CreatedAt     micros              `bun:"created_at"`
	cause
}

func (r versionRow) noun() bot.Version {
	return bot.Version{
		ID: r.ID, ProjectID: r.ProjectID, Commit: r.CommitSHA, BuildID: r.BuildID, Number: r.Number,
		Label: r.Label, Branch: r.Branch, Artifacts: r.Artifacts.V, Spec: r.Spec.V, CreatedAt: r.CreatedAt.time(),
		Cause: r.cause.noun(),
	}
}

type versions struct{ *work }

var _ bot.Versions = versions{}

func noVersion(name string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "There is no version %q.", name)
}

// Insert implements bot.Versions.
func (r versions) Insert(ctx context.Context, v bot.Version) error {
	row := versionRow{
		ID: v.ID, ProjectID: v.ProjectID, CommitSHA: v.Commit, BuildID: v.BuildID, Number: v.Number,
		Label: v.Label, Branch: v.Branch, Artifacts: docOf(v.Artifacts), Spec: docOf(v.Spec), CreatedAt: us(v.CreatedAt),
		cause: causeOf(v.Cause),
	}
	return insert(ctx, r.work, &row, bot.Errorf(bot.CodeConflict, "That build has made a version already."))
}

// ByID implements bot.Versions.
func (r versions) ByID(ctx context.Context, id string) (bot.Version, error) {
	row, err := first[versionRow](ctx, r.work, noVersion(id), where("id = ?", id))
	return row.noun(), err
}

// ByBuild implements bot.Versions.
func (r versions) ByBuild(ctx context.Context, buildID string) (bot.Version, error) {
	row, err := first[versionRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "That build has made no version."),
		where("build_id = ? AND build_id <> ''", buildID))
	return row.noun(), err
}

// ByLabel implements bot.Versions. Of several builds of one commit the newest
// counts; a prefix that fits several commits is CodeConflict.
func (r versions) ByLabel(ctx context.Context, projectID, label string) (bot.Version, error) {
	missing := noVersion(label)
	for _, column := range []string{"label", "id"} {
		row, err := first[versionRow](ctx, r.work, missing,
			where("project_id = ? AND ? = ?", projectID, bun.Ident(column), label), order("seq DESC"))
		if err == nil || bot.CodeOf(err) != bot.CodeNotFound {
			return row.noun(), err
		}
	}
	if len(label) < 7 {
		return bot.Version{}, missing
	}
	found, err := list(ctx, r.work, versionRow.noun,
		where("project_id = ?", projectID), prefixed("commit_sha", label), order("seq DESC"), limit(100))
	if err != nil {
		return bot.Version{}, err
	}
	if len(found) == 0 {
		return bot.Version{}, missing
	}
	for _, v := range found {
		if v.Commit != found[0].Commit {
			return bot.Version{}, bot.Errorf(bot.CodeConflict, "Several commits begin with %q; write more of it.", label)
		}
	}
	return found[0], nil
}

// Recent implements bot.Versions.
func (r versions) Recent(ctx context.Context, projectID string, n int) ([]bot.Version, error) {
	return list(ctx, r.work, versionRow.noun, where("project_id = ?", projectID), order("seq DESC"), limit(orDefault(n)))
}

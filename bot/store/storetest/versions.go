package storetest

import (
	"context"
	"testing"

	"opsbot/bot"
)

func versionRules() []rule {
	return []rule{
		{"versions/come back whole", versionWhole},
		{"versions/one per build", versionOnce},
		{"versions/by label, commit or id", versionByLabel},
		{"versions/newest first", versionRecent},
	}
}

func (e *env) version(id, buildID, label, commit string) bot.Version {
	e.t.Helper()
	v := bot.Version{ID: id, ProjectID: "p", BuildID: buildID, Label: label, Commit: commit, CreatedAt: e.now()}
	e.write(insertVersion(v))
	return v
}

func insertVersion(v bot.Version) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, v) }
}

func versionWhole(t *testing.T, e *env) {
	v := bot.Version{
		ID: "1", ProjectID: "p", Commit: "abc", BuildID: "b", Number: 7, Label: "0.1.0-7-gabc", Branch: "main",
		Artifacts: []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "a", Digest: "sha256:0"}},
		Spec:      bot.RunSpec{Artifact: "a", Run: []string{"./x"}, PortEnv: "PORT"}, CreatedAt: e.now(), Cause: bot.Cause{Root: "r"},
	}
	e.write(insertVersion(v))
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Version, error) { return tx.Versions.ByID(ctx, "1") }), v)
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Version, error) { return tx.Versions.ByBuild(ctx, "b") }), v)
	for _, read := range []func(ctx context.Context, tx *bot.Tx) error{
		func(ctx context.Context, tx *bot.Tx) error { _, err := tx.Versions.ByID(ctx, "2"); return err },
		func(ctx context.Context, tx *bot.Tx) error { _, err := tx.Versions.ByBuild(ctx, ""); return err },
	} {
		e.refused(bot.CodeNotFound, read)
	}
}

func versionOnce(_ *testing.T, e *env) {
	e.version("1", "b", "l1", "abc")
	e.refused(bot.CodeConflict, insertVersion(bot.Version{ID: "2", ProjectID: "p", BuildID: "b", Label: "l2"}))
	e.refused(bot.CodeConflict, insertVersion(bot.Version{ID: "1", ProjectID: "p", BuildID: "c"}))
}

func versionByLabel(t *testing.T, e *env) {
	old := e.version("id-1", "b1", "0.1.0-1", "abcdef1234")
	rebuilt := e.version("id-2", "b2", "0.1.0-2", "abcdef1234")
	other := e.version("id-3", "b3", "abcdef1", "abcdef9999")
	find := func(label string) func(ctx context.Context, tx *bot.Tx) (bot.Version, error) {
		return func(ctx context.Context, tx *bot.Tx) (bot.Version, error) {
			return tx.Versions.ByLabel(ctx, "p", label)
		}
	}
	same(t, get(e, find("0.1.0-1")), old)
	same(t, get(e, find("id-1")), old)
	same(t, get(e, find("abcdef12")), rebuilt)
	same(t, get(e, find("abcdef1")), other) // a label comes first
	e.version("id-4", "b4", "l4", "bbbbbbb111")
	e.version("id-5", "b5", "l5", "bbbbbbb222")
	for label, want := range map[string]bot.Code{"bbbbbbb": bot.CodeConflict, "abcdef": bot.CodeNotFound, "none": bot.CodeNotFound, "": bot.CodeNotFound} {
		e.refused(want, func(ctx context.Context, tx *bot.Tx) error {
			_, err := find(label)(ctx, tx)
			return err
		})
	}
}

func versionRecent(t *testing.T, e *env) {
	a, b := e.version("2", "b1", "l1", "1"), e.version("1", "b2", "l2", "2")
	e.write(insertVersion(bot.Version{ID: "3", ProjectID: "q", BuildID: "b3"}))
	recent := func(limit int) []bot.Version {
		return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Version, error) {
			return tx.Versions.Recent(ctx, "p", limit)
		})
	}
	same(t, recent(9), []bot.Version{b, a})
	same(t, recent(1), []bot.Version{b})
}

package storetest

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func buildRules() []rule {
	return []rule{
		{"changes/one per project, branch and commit", changeEnsure},
		{"changes/lists and update", changeLists},
		{"builds/come back whole", buildWhole},
		{"builds/an older report changes nothing", buildSequence},
		{"builds/a report keeps what it does not repeat", buildKeeps},
		{"builds/questions while it runs", buildInputs},
		{"builds/numbered late", buildQueued},
		{"builds/lists", buildLists},
	}
}

func ensure(c bot.Change) func(ctx context.Context, tx *bot.Tx) (bot.Change, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Change, error) { return tx.Changes.Ensure(ctx, c) }
}

func changeEnsure(t *testing.T, e *env) {
	c := bot.Change{
		ID: "1", ProjectID: "p", Branch: "main", Commit: "abc", Title: "T", Author: "A", CreatedAt: e.now(),
		Cause: bot.Cause{Cause: "c", Root: "r"},
	}
	same(t, get(e, ensure(c)), c)
	same(t, get(e, ensure(bot.Change{ProjectID: "p", Branch: "main", Commit: "abc", Title: "other"})), c)
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Change, error) { return tx.Changes.ByID(ctx, "1") }), c)
	made := get(e, ensure(bot.Change{ProjectID: "p", Branch: "dev", Commit: "abc"}))
	if made.ID == "" || made.ID == "1" || !made.CreatedAt.Equal(e.now()) {
		t.Errorf("another branch's: %s", show(made))
	}
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Changes.ByID(ctx, "none")
		return err
	})
}

func changeLists(t *testing.T, e *env) {
	a := get(e, ensure(bot.Change{ProjectID: "p", Branch: "main", Commit: "1"}))
	b := get(e, ensure(bot.Change{ProjectID: "p", Branch: "dev", Commit: "1"}))
	c := get(e, ensure(bot.Change{ProjectID: "p", Branch: "main", Commit: "2"}))
	get(e, ensure(bot.Change{ProjectID: "q", Branch: "main", Commit: "1"}))
	a.Title, a.Author = "title", "author"
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Changes.Update(ctx, a) })
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Change, error) { return tx.Changes.ByCommit(ctx, "p", "1") }), []bot.Change{b, a})
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Change, error) { return tx.Changes.Recent(ctx, "p", 2) }), []bot.Change{c, b})
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return tx.Changes.Update(ctx, bot.Change{ID: "none"}) })
}

func build(number int, sequence int64) bot.Build {
	return bot.Build{
		ProjectID: "p", Instance: "ci", Ref: bot.BuildRef{Job: "j", Branch: "main", Number: number},
		State: bot.BuildRunning, Sequence: sequence,
	}
}

func (e *env) report(b bot.Build) bot.Build {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (bot.Build, error) { return tx.Builds.Put(ctx, b) })
}

func byRef(ref bot.BuildRef) func(ctx context.Context, tx *bot.Tx) (bot.Build, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Build, error) { return tx.Builds.ByRef(ctx, "ci", ref) }
}

func buildWhole(t *testing.T, e *env) {
	b := bot.Build{
		ID: "1", ProjectID: "p", Instance: "ci", Ref: bot.BuildRef{Job: "j", Branch: "main", Number: 7, Queue: "q"},
		Attempt: 2, State: bot.BuildFinished, Result: bot.ResultUnstable, Commit: "abc",
		Stages: []bot.Stage{{Name: "Build", Status: "SUCCESS", Duration: time.Second}}, Tests: &bot.TestTotals{Total: 3, Failed: 1, Failures: []string{"x"}},
		Artifacts: []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "a", Digest: "sha256:0", Bytes: 1}}, Message: "m",
		QueuedAt: e.now(), StartedAt: e.now(), FinishedAt: e.now(), URL: "u", LogURL: "l", Parameters: map[string]string{"k": "v"},
		By: "alice", Cause: bot.Cause{Cause: "c", Root: "r"}, Sequence: 9,
	}
	same(t, e.report(b), b)
	same(t, get(e, byRef(b.Ref)), b)
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Build, error) { return tx.Builds.ByID(ctx, "1") }), b)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Builds.ByID(ctx, "2")
		return err
	})
	for _, ref := range []bot.BuildRef{{Job: "j", Branch: "main", Number: 8}, {Job: "j", Branch: "dev", Number: 7}, {Job: "j", Branch: "main"}} {
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
			_, err := byRef(ref)(ctx, tx)
			return err
		})
	}
}

func buildSequence(t *testing.T, e *env) {
	first := e.report(build(1, 5))
	if first.ID == "" {
		t.Fatal("the store gave no id")
	}
	finished := build(1, 6)
	finished.State, finished.Result = bot.BuildFinished, bot.ResultSuccess
	stored := e.report(finished)
	if stored.ID != first.ID || stored.State != bot.BuildFinished {
		t.Errorf("got %s", show(stored))
	}
	same(t, e.report(build(1, 5)), stored) // came late
	same(t, get(e, byRef(first.Ref)), stored)
	same(t, e.report(finished), stored) // came twice
}

func buildKeeps(t *testing.T, e *env) {
	b := build(1, 1)
	b.Commit, b.By, b.QueuedAt, b.Cause, b.Parameters = "abc", "alice", e.now(), bot.Cause{Root: "r"}, map[string]string{"k": "v"}
	first := e.report(b)
	got := e.report(bot.Build{
		Instance: "ci", Ref: first.Ref, State: bot.BuildFinished, Result: bot.ResultFailure, Sequence: 2,
		Cause: bot.Cause{}, FinishedAt: e.now(),
	})
	want := first
	want.State, want.Result, want.Sequence, want.FinishedAt = bot.BuildFinished, bot.ResultFailure, 2, e.now()
	same(t, got, want)
}

// buildInputs: a report without questions has none, and what is finished asks nothing.
func buildInputs(t *testing.T, e *env) {
	asked := []bot.Input{{
		ID: "Deploy", Message: "Really?", Proceed: "Go", Submitters: []string{"alice"},
		Parameters: []bot.InputParameter{{Name: "WHERE", Kind: "choice", Choices: []string{"a", "b"}, Default: "a"}},
	}}
	b := build(1, 1)
	b.Inputs = asked
	b.ID = e.report(b).ID
	same(t, get(e, byRef(b.Ref)), b)
	b.Inputs, b.Sequence = nil, 2
	same(t, e.report(b), b)
	same(t, get(e, byRef(b.Ref)), b)
	b.Inputs, b.Sequence, b.State, b.Result = asked, 3, bot.BuildFinished, bot.ResultAborted
	e.report(b)
	b.Inputs = nil
	same(t, get(e, byRef(b.Ref)), b)
}

func buildQueued(t *testing.T, e *env) {
	queued := build(0, 1)
	queued.Ref.Queue, queued.State = "q17", bot.BuildQueued
	first := e.report(queued)
	numbered := build(4, 2)
	numbered.Ref.Queue = "q17"
	got := e.report(numbered)
	if got.ID != first.ID || got.Ref.Number != 4 {
		t.Errorf("numbered: %s", show(got))
	}
	same(t, e.report(queued), got) // the old report, late
	same(t, get(e, byRef(queued.Ref)), got)
	same(t, get(e, byRef(bot.BuildRef{Job: "j", Branch: "main", Number: 4})), got)
	another := build(5, 1)
	another.Ref.Queue = "q18"
	if e.report(another).ID == first.ID {
		t.Error("two builds became one")
	}
}

func buildLists(t *testing.T, e *env) {
	made := []bot.Build{}
	for i, branch := range []string{"main", "dev", "main"} {
		b := build(3-i, 1)
		b.Ref.Branch, b.Commit = branch, "abc"
		made = append(made, e.report(b))
	}
	recent := func(branch string, limit int) []bot.Build {
		return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Build, error) {
			return tx.Builds.Recent(ctx, "p", branch, limit)
		})
	}
	same(t, recent("", 9), []bot.Build{made[2], made[1], made[0]})
	same(t, recent("main", 9), []bot.Build{made[2], made[0]})
	same(t, recent("", 1), []bot.Build{made[2]})
	byCommit := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Build, error) { return tx.Builds.ByCommit(ctx, "p", "abc") })
	same(t, byCommit, []bot.Build{made[2], made[1], made[0]})
}

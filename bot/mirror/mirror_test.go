package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/mirror"
	"opsbot/test/conformance/commandtest"
	"opsbot/test/conformance/forgetest"
)

// forge keeps what it was asked to show.
type forge struct {
	*forgetest.Fake
	mu    sync.Mutex
	shown []string
	fail  []error // of the next calls
}

func (f *forge) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fail) > 0 {
		err := f.fail[0]
		f.fail = f.fail[1:]
		return err
	}
	f.shown = append(f.shown, fmt.Sprintf(format, args...))
	return nil
}

func (f *forge) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.shown)
}

func (f *forge) WriteStatus(_ context.Context, s bot.CommitStatus) error {
	return f.note("%s %s %s %s %q %s", s.Repository.Name, s.Commit[:7], s.Check, s.State, s.Text, s.URL)
}

func (f *forge) WriteDeployment(_ context.Context, s bot.DeploymentStatus) (string, error) {
	return "1", f.note("%s %s %s %t %s %q %s", s.ID, s.Commit[:7], s.Environment, s.Production, s.State, s.Text, s.AppURL)
}

type world struct {
	*commandtest.Rig
	forge *forge
	m     *mirror.Service
	log   *bytes.Buffer
}

// kinds lets the rig run the mirror's operations.
type kinds struct {
	bot.Command
	m *mirror.Service
}

func (k kinds) Kinds() []bot.OperationKind { return k.m.Kinds() }

func setup(t *testing.T) *world {
	t.Helper()
	r := commandtest.New(t)
	w := &world{Rig: r, forge: &forge{Fake: r.Forge}, log: &bytes.Buffer{}}
	r.Services.Integrations = commandtest.Instances{"git": w.forge, "ci": r.CI, "run": r.Runner, "chat": r.Chat}
	w.m = mirror.New(r.Services, slog.New(slog.NewTextHandler(&locked{w: w.log}, nil)))
	r.Serve(kinds{m: w.m})
	r.Repository()
	return w
}

type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// report tells of a build as the relay does: stored, then handled.
func (w *world) report(b bot.Build, kind bot.EventType) bot.Build {
	w.T.Helper()
	b.Sequence++
	w.Write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if b, err = tx.Builds.Put(ctx, b); err != nil {
			return err
		}
		return w.m.HandleEvent(ctx, tx, &bot.Event{Type: kind, Build: &b}, nil)
	})
	return b
}

// until waits for as many showings.
func (w *world) until(n int) []string {
	w.T.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for len(w.forge.all()) < n {
		select {
		case <-deadline:
			w.T.Fatalf("the forge shows %q", w.forge.all())
		case <-tick.C:
		}
	}
	return w.forge.all()
}

func TestBuildIsFollowed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.report(w.Build(3, "main", ""), bot.EventBuildStarted)
	short := b.Commit[:7]
	if got := w.until(1); got[0] != "hello "+short+` opsbot/ci pending "Build #3 is running" http://ci/hello/3` {
		t.Errorf("%q", got)
	}
	b.State, b.Result, b.FinishedAt, b.Tests = bot.BuildFinished, bot.ResultUnstable, b.StartedAt.Add(41*time.Second), &bot.TestTotals{Total: 12, Failed: 2}
	b = w.report(b, bot.EventBuildFinished)
	op := w.Ended(mirror.KindStatus)
	w.report(b, bot.EventBuildFinished) // once more changes nothing
	if got := w.forge.all(); op.State != bot.OperationSucceeded || len(got) != 2 ||
		got[1] != "hello "+short+` opsbot/ci failure "Build #3 UNSTABLE in 41 s, 2 of 12 tests failed" http://ci/hello/3` {
		t.Errorf("%s %s: %q", op.State, op.Error, got)
	}
}

// TestBuildThatHasEnded is shown once.
func TestBuildThatHasEnded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.report(w.Build(1, "main", bot.ResultSuccess), bot.EventBuildFinished)
	op := w.Ended(mirror.KindStatus)
	if got := w.forge.all(); op.State != bot.OperationSucceeded || len(got) != 1 || !strings.Contains(got[0], b.Commit[:7]+" opsbot/ci success \"Build #1 SUCCESS in 41 s\"") {
		t.Errorf("%s %s: %q", op.State, op.Error, got)
	}
}

// TestNewerBuildCounts: a rebuild of the same commit is not covered by its elder.
func TestNewerBuildCounts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old, again := w.Build(1, "main", bot.ResultFailure), w.Build(2, "main", bot.ResultSuccess)
	again.Commit = old.Commit
	w.Write(func(ctx context.Context, tx *bot.Tx) error { _, err := tx.Builds.Put(ctx, again); return err })
	w.report(old, bot.EventBuildFinished)
	w.Ended(mirror.KindStatus)
	if got := w.forge.all(); len(got) != 1 || !strings.Contains(got[0], `success "Build #2`) {
		t.Errorf("%q", got)
	}
}

// TestForgeThatRefuses: the operator reads of it; the operation ends, and asks nobody.
func TestForgeThatRefuses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.forge.fail = []error{bot.Errorf(bot.CodeForbidden, "The token lacks the scope repo:status.")}
	w.report(w.Build(1, "main", bot.ResultAborted), bot.EventBuildFinished)
	if op := w.Ended(mirror.KindStatus); op.State != bot.OperationSucceeded || len(w.forge.all()) != 0 {
		t.Errorf("%s %s: %q", op.State, op.Error, w.forge.all())
	}
	if !strings.Contains(w.log.String(), "The token lacks the scope repo:status.") {
		t.Error(w.log.String())
	}
}

// TestForgeThatIsDown is asked again until it takes it.
func TestForgeThatIsDown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	down := bot.Errorf(bot.CodeUnavailable, "GitHub answers 502.").Backoff()
	w.forge.fail = []error{down, down}
	w.report(w.Build(1, "main", bot.ResultAborted), bot.EventBuildFinished)
	if op := w.Ended(mirror.KindStatus); op.State != bot.OperationSucceeded || len(w.forge.all()) != 1 || !strings.Contains(w.forge.all()[0], "error") {
		t.Errorf("%s %s: %q", op.State, op.Error, w.forge.all())
	}
}

func TestDeploymentIsFollowed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	v := w.Version(1, commandtest.Commit(1))
	d := bot.Deployment{
		ID: bot.NewID(w.Clock.Now()), ProjectID: w.Project.ID, Environment: "production", Verb: "promote", VersionID: v.ID,
		State: bot.DeploymentApplying, StartedAt: w.Clock.Now(), Cause: bot.Cause{Root: "root"},
	}
	change := func() {
		w.Write(func(ctx context.Context, tx *bot.Tx) error {
			if err := tx.Deployments.Put(ctx, d); err != nil {
				return err
			}
			return w.m.DeploymentChanged(ctx, tx, w.Project, d)
		})
	}
	change()
	short := v.Commit[:7]
	if got := w.until(1); got[0] != d.ID+" "+short+` production true applying "promote `+v.Label+`" ` {
		t.Errorf("%q", got)
	}
	d.State, d.Message, d.URL, d.FinishedAt = bot.DeploymentFailed, "health check:\n500", "http://hello.production", w.Clock.Now()
	change()
	op := w.Ended(mirror.KindDeployment)
	if got := w.forge.all(); op.State != bot.OperationSucceeded || len(got) != 2 ||
		got[1] != d.ID+" "+short+` production true failed "promote `+v.Label+`: health check: 500" http://hello.production` {
		t.Errorf("%s %s: %q", op.State, op.Error, got)
	}
}

// TestNothingToShowOn: forges without statuses, projects that are gone.
func TestNothingToShowOn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.Build(1, "main", bot.ResultSuccess)
	w.Services.Integrations = commandtest.Instances{"git": w.Forge, "ci": w.CI}
	w.report(b, bot.EventBuildFinished)
	w.report(b, bot.EventBuildProgress)
	w.Read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Operations.Find(ctx, bot.OperationFilter{Kind: mirror.KindStatus})
		if len(all) > 0 {
			t.Errorf("%d operations", len(all))
		}
		return err
	})
	for _, k := range w.m.Kinds() {
		if _, err := k.Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
			t.Error(err)
		}
	}
}

func TestNobodyIsShownItsOperations(t *testing.T) {
	t.Parallel()
	for _, k := range mirror.New(&bot.Services{}, slog.New(slog.DiscardHandler)).Kinds() {
		if !slices.Contains(bot.QuietKinds(), k.Kind()) {
			t.Errorf("%s is in the lists for people", k.Kind())
		}
	}
}

// stored keeps a build without telling of it.
func (w *world) stored(b bot.Build) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Builds.Put(ctx, b)
		return err
	})
}

// TestForgeThatIsNoMore, in the configuration, has nobody asked what to do.
func TestForgeThatIsNoMore(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.report(w.Build(3, "main", ""), bot.EventBuildStarted)
	w.until(1)
	w.Services.Integrations = commandtest.Instances{"ci": w.CI}
	b.Sequence, b.State, b.Result = b.Sequence+1, bot.BuildFinished, bot.ResultSuccess
	w.stored(b)
	if op := w.Ended(mirror.KindStatus); op.State != bot.OperationSucceeded || len(w.forge.all()) != 1 {
		t.Errorf("%s %s: %q", op.State, op.Error, w.forge.all())
	}
}

// TestBuildThatNeverEnds is not looked for for ever.
func TestBuildThatNeverEnds(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.Build(3, "main", "")
	w.stored(b)
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		known, err := tx.Builds.ByRef(ctx, b.Instance, b.Ref)
		if err != nil {
			return err
		}
		return w.Services.Operations.Start(ctx, tx, &bot.Operation{
			Kind: mirror.KindStatus, ProjectID: w.Project.ID, Subject: "hello", CreatedAt: w.Clock.Now().Add(-31 * 24 * time.Hour),
			Input: fmt.Appendf(nil, `{"id":%q}`, known.ID), Requester: bot.SystemUser(),
		})
	})
	if op := w.Ended(mirror.KindStatus); op.State != bot.OperationSucceeded || len(w.forge.all()) != 1 {
		t.Errorf("%s %s: %q", op.State, op.Error, w.forge.all())
	}
}

// TestProjectThatIsArchived has no builds any more that end.
func TestProjectThatIsArchived(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.report(w.Build(3, "main", ""), bot.EventBuildStarted)
	w.until(1)
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		w.Project.State = bot.ProjectArchived
		return tx.Projects.Put(ctx, w.Project)
	})
	if op := w.Ended(mirror.KindStatus); op.State != bot.OperationSucceeded {
		t.Errorf("%s %s", op.State, op.Error)
	}
}

package bootstrap_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// bare is an adoption that proposes nothing.
func (w *world) bare(slug string) bot.Bootstrap {
	b := w.adopted(slug, "Jenkinsfile")
	b.Render = bot.RenderRequest{}
	return b
}

// TestUndoWithoutTheRepository: what was put around it goes all the same.
func TestUndoWithoutTheRepository(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"adopt", "new-project"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			b := w.project("some-one")
			if kind == "adopt" {
				b = w.bare("some-one")
			}
			w.start(b)
			op := w.Ended(kind)
			_, repo, err := w.forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "some-one"})
			if err != nil || op.State != bot.OperationSucceeded {
				t.Fatal(op.State, op.Error, err)
			}
			if err := w.forge.RemoveRepository(t.Context(), repo); err != nil {
				t.Fatal(err)
			}
			op = w.undo(op)
			if calls := strings.Join(w.CI.Calls(), ";"); op.State != bot.OperationUndone || !strings.HasSuffix(calls, ";RemoveJob job/some-one") {
				t.Errorf("%s %s: %s", op.State, op.Error, calls)
			}
		})
	}
}

// TestUndoLeavesAForeignJob that took the name of ours since.
func TestUndoLeavesAForeignJob(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.start(w.project("new-one"))
	op := w.Ended("new-project")
	theirs := bot.JobSpec{Name: "new-one", Operation: "somebody else's"}
	if _, err := w.CI.EnsureJob(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	op = w.undo(op)
	if found, _, err := w.CI.FindJob(t.Context(), theirs); op.State != bot.OperationUndone || found != bot.PresenceOurs || err != nil {
		t.Errorf("%s %s: the job is %s, %v", op.State, op.Error, found, err)
	}
}

// TestUndoOfAnEnvironmentThatIsNoMore: an app in an environment that the configuration
// has lost since does not outlive its project.
func TestUndoOfAnEnvironmentThatIsNoMore(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.start(w.project("new-one"))
	op := w.Ended("new-project")
	w.Services.Environments = w.Services.Environments[:1]
	op = w.undo(op)
	if calls := strings.Join(w.Runner.Calls(), ";"); op.State != bot.OperationUndone || calls != "Remove new-one staging;Remove new-one production" {
		t.Errorf("%s %s: %s", op.State, op.Error, calls)
	}
}

// TestServicesNamedAlike are told apart.
func TestServicesNamedAlike(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := &quality{made: map[string]string{}}
	w.Services.Integrations.(commandtest.Instances)["quality1"] = w.quality
	w.Services.Integrations.(commandtest.Instances)["quality2"] = other
	w.Services.Defaults.Provision = []string{"quality1", "quality2"}
	w.start(w.project("new-one"))
	if op := w.Ended("new-project"); op.State != bot.OperationSucceeded || len(w.quality.made) != 1 || len(other.made) != 1 {
		t.Errorf("%s %s: %v %v", op.State, op.Error, w.quality.made, other.made)
	}
}

// ended waits for the end of the operation about a subject.
func (w *world) ended(subject string) *bot.Operation {
	w.T.Helper()
	tick, deadline := time.NewTicker(2*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		var got *bot.Operation
		w.Read(func(ctx context.Context, tx *bot.Tx) error {
			all, err := tx.Operations.Find(ctx, bot.OperationFilter{Kind: "adopt"})
			for _, op := range all {
				if op.Subject == subject {
					got = op
				}
			}
			return err
		})
		if got != nil && (got.Final() || got.State == bot.OperationFailed) {
			return got
		}
		select {
		case <-deadline:
			w.T.Fatalf("%s does not end: %+v", subject, got)
		case <-tick.C:
		}
	}
}

// TestOneRepositoryAdoptedTwiceAtOnce becomes one project; the other says why not, and
// is undone without harm to the first.
func TestOneRepositoryAdoptedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.bare("old-one")
	w.start(b)
	twice := w.project("second")
	twice.Render, twice.Adopt = bot.RenderRequest{}, b.Adopt
	w.start(twice)
	first, second := w.ended("old-one"), w.ended("second")
	if first.State == bot.OperationFailed {
		first, second = second, first
	}
	if first.State != bot.OperationSucceeded || second.State != bot.OperationFailed || !strings.Contains(second.Error, "belongs to another project") {
		t.Fatalf("%s %q, %s %q", first.State, first.Error, second.State, second.Error)
	}
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		return w.Services.Operations.Undo(ctx, tx, second.ID, bot.Cause{Root: "root"})
	})
	for second.State != bot.OperationUndone && !t.Failed() {
		second = w.ended(second.Subject)
	}
	if calls := strings.Join(w.CI.Calls(), ";"); calls != "EnsureJob "+first.Subject {
		t.Errorf("%s", calls)
	}
}

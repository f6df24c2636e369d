package operation_test

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
)

// halfUndone files an operation whose undo ends at its webhook, as refuse says.
func halfUndone(t *testing.T, refuse func() error) (*setup, *world, *process, *bot.Operation) {
	t.Helper()
	s, w := newSetup(t), newWorld()
	steps := func(op *bot.Operation) []bot.Step {
		all := graph(w)(op)
		all[2].Undo = func(context.Context, bot.StepRun) error {
			if err := refuse(); err != nil {
				return err
			}
			return w.remove("webhook")
		}
		return all
	}
	p := s.start(nil, &kind{name: "k", steps: steps})
	op := s.file(p, &bot.Operation{Kind: "k", Message: bot.Message{Room: bot.RoomRef{Instance: "chat", ID: "R1"}}})
	s.await(op, bot.OperationSucceeded)
	s.act(p.engine.Undo, op)
	if got, _ := s.await(op, bot.OperationFailed); !strings.HasPrefix(got.Error, "Undo of webhook: ") || w.has("job") || !w.has("repository") {
		t.Fatalf("%q, %v", got.Error, w.objects)
	}
	return s, w, p, op
}

func (s *setup) act(do func(context.Context, *bot.Tx, string, bot.Cause) error, op *bot.Operation) {
	s.t.Helper()
	err := s.db.Write(s.t.Context(), func(ctx context.Context, tx *bot.Tx) error { return do(ctx, tx, op.ID, bot.Cause{Root: "again"}) })
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestRetryOfAnUndoGoesOnUndoing: what is half removed does not succeed.
func TestRetryOfAnUndoGoesOnUndoing(t *testing.T) {
	t.Parallel()
	refused := false
	s, w, p, op := halfUndone(t, func() error {
		if refused {
			return nil
		}
		refused = true
		return bot.Errorf(bot.CodeForbidden, "The token may not.")
	})
	s.act(p.engine.Retry, op)
	s.await(op, bot.OperationUndone, bot.OperationSucceeded)
	for _, name := range []string{"repository", "webhook", "job", "environments"} {
		if w.has(name) {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestSkipInAnUndoLeavesOneThing, and removes the others.
func TestSkipInAnUndoLeavesOneThing(t *testing.T) {
	t.Parallel()
	s, w, p, op := halfUndone(t, func() error { return bot.Errorf(bot.CodeForbidden, "The token may not.") })
	s.act(func(ctx context.Context, tx *bot.Tx, id string, c bot.Cause) error {
		return p.engine.Skip(ctx, tx, id, "webhook", c)
	}, op)
	s.await(op, bot.OperationUndone, bot.OperationSucceeded)
	if !w.has("webhook") || w.has("repository") {
		t.Errorf("%v", w.objects)
	}
	err := s.db.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		post, err := p.engine.Card().Render(ctx, tx, op.ID, bot.Room{})
		if got := post.Text[len(post.Text)-1]; !strings.Contains(string(got), "but for what was skipped") {
			t.Errorf("%s", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestUndoCountsItsLooks: an undo that can't even find out whether there is anything
// to remove ends with a sentence, too.
func TestUndoCountsItsLooks(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	down := bot.Errorf(bot.CodeUnavailable, "The service is down.").Backoff()
	step := w.checked("webhook")
	step.Attempts = 1
	step.Check = func(context.Context, bot.StepRun) (bot.Presence, bot.StepResult, error) {
		return "", bot.StepResult{}, down
	}
	p := s.start(nil, &kind{name: "k", steps: func(*bot.Operation) []bot.Step { return []bot.Step{step} }})
	op := s.file(p, &bot.Operation{Kind: "k"})
	s.await(op, bot.OperationFailed)
	s.act(p.engine.Undo, op)
	if got, _ := s.await(op, bot.OperationFailed); !strings.HasPrefix(got.Error, "Undo of webhook: ") {
		t.Errorf("%q", got.Error)
	}
}

// TestUndoOfAnUncheckedAttempt: what can't be looked for is removed if it was tried.
func TestUndoOfAnUncheckedAttempt(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	step := bot.Step{
		Name: "guard", Title: "guard", Idempotent: true, Attempts: 1,
		Apply: func(_ context.Context, run bot.StepRun) (bot.StepResult, error) {
			if err := w.apply("guard", run.Operation.ID); err != nil {
				return bot.StepResult{}, err
			}
			return bot.StepResult{}, bot.Errorf(bot.CodeUnavailable, "The answer was lost.").Backoff()
		},
		Undo: func(context.Context, bot.StepRun) error { return w.remove("guard") },
	}
	p := s.start(func(*process, string) {}, &kind{name: "k", steps: func(*bot.Operation) []bot.Step { return []bot.Step{step} }})
	op := s.file(p, &bot.Operation{Kind: "k"})
	s.await(op, bot.OperationFailed)
	s.act(p.engine.Undo, op)
	s.await(op, bot.OperationUndone)
	if w.has("guard") {
		t.Error("it is still there")
	}
}

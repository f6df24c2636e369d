package operation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/operation"
)

// graph is the shape of new-project: one, one, then three side by side.
func graph(w *world) func(*bot.Operation) []bot.Step {
	return func(*bot.Operation) []bot.Step {
		push := bot.Step{
			Name: "push", Title: "push", After: []string{"repository"}, Idempotent: true,
			Apply: func(_ context.Context, run bot.StepRun) (bot.StepResult, error) {
				if run.Outputs["repository"]["id"] != "repository" {
					return bot.StepResult{}, bot.Errorf(bot.CodeInternal, "the output of the step before is missing")
				}
				return bot.StepResult{}, w.apply("push", run.Operation.ID)
			},
		}
		return []bot.Step{w.checked("repository"), push, w.checked("webhook", "push"), w.checked("job", "push"), w.checked("environments", "push")}
	}
}

func TestRunsEveryStepOnce(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	p := s.start(nil, &kind{name: "k", steps: graph(w)})
	op := s.file(p, &bot.Operation{Kind: "k"})
	_, rows := s.await(op, bot.OperationSucceeded)
	for _, r := range rows {
		if r.State != bot.StepDone || r.Attempt != 1 || w.count(r.Name) != 1 {
			t.Errorf("%s: %s, attempt %d, %d effects", r.Name, r.State, r.Attempt, w.count(r.Name))
		}
	}
}

// TestKilledAtEveryBoundary kills the process at each boundary of each step; a
// new one must end with the same world: every effect made once.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"repository", "push", "webhook", "job", "environments"} {
		for _, b := range []operation.Boundary{operation.BoundaryIntent, operation.BoundaryApplied, operation.BoundaryJournaled} {
			point := step + "/" + string(b)
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				s, w := newSetup(t), newWorld()
				killed := make(chan struct{})
				first := s.start(func(p *process, at string) {
					if at == point && !p.dead.Load() {
						p.kill()
						close(killed)
					}
				}, &kind{name: "k", steps: graph(w)})
				op := s.file(first, &bot.Operation{Kind: "k"})
				<-killed
				s.start(nil, &kind{name: "k", steps: graph(w)})
				s.await(op, bot.OperationSucceeded)
				for _, name := range []string{"repository", "webhook", "job", "environments"} {
					if w.count(name) != 1 {
						t.Errorf("%s was made %d times", name, w.count(name))
					}
				}
				if n := w.count("push"); n < 1 || n > 2 { // idempotent: repeated with its key
					t.Errorf("push was made %d times", n)
				}
			})
		}
	}
}

// TestInterruptedWithoutCheckAsksAPerson: with neither check nor key an effect is
// never repeated blindly.
func TestInterruptedWithoutCheckAsksAPerson(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	steps := func(*bot.Operation) []bot.Step {
		return []bot.Step{{
			Name: "mail", Title: "Send the mail",
			Apply: func(_ context.Context, run bot.StepRun) (bot.StepResult, error) {
				return bot.StepResult{}, w.apply("mail", run.Operation.ID)
			},
		}}
	}
	killed := make(chan struct{})
	first := s.start(func(p *process, at string) {
		if at == "mail/applied" && !p.dead.Load() {
			p.kill()
			close(killed)
		}
	}, &kind{name: "k", steps: steps})
	op := s.file(first, &bot.Operation{Kind: "k"})
	<-killed
	second := s.start(nil, &kind{name: "k", steps: steps})
	_, rows := s.await(op, bot.OperationFailed)
	if rows[0].State != bot.StepUnknown || w.count("mail") != 1 {
		t.Fatalf("%s, made %d times", rows[0].State, w.count("mail"))
	}
	// A person looked and says that it happened: skip.
	if err := s.db.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return second.engine.Skip(ctx, tx, op.ID, "mail", bot.Cause{})
	}); err != nil {
		t.Fatal(err)
	}
	s.await(op, bot.OperationSucceeded)
	if w.count("mail") != 1 {
		t.Errorf("made %d times", w.count("mail"))
	}
}

func TestForeignObjectIsLeftAlone(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	w.objects["webhook"] = "somebody else"
	p := s.start(nil, &kind{name: "k", steps: graph(w)})
	op := s.file(p, &bot.Operation{Kind: "k"})
	got, _ := s.await(op, bot.OperationFailed)
	if !strings.Contains(got.Error, "webhook") || w.objects["webhook"] != "somebody else" {
		t.Fatalf("%q, %v", got.Error, w.objects)
	}
	if err := s.db.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return p.engine.Undo(ctx, tx, op.ID, bot.Cause{Root: "the undo"})
	}); err != nil {
		t.Fatal(err)
	}
	s.await(op, bot.OperationUndone)
	for _, name := range []string{"repository", "job", "environments"} {
		if w.has(name) {
			t.Errorf("%s is still there", name)
		}
	}
	if w.objects["webhook"] != "somebody else" {
		t.Error("undo removed what somebody else had made")
	}
}

func TestRetryClasses(t *testing.T) {
	t.Parallel()
	passing := bot.Errorf(bot.CodeUnavailable, "The forge does not answer.").Backoff()
	limited := bot.Errorf(bot.CodeUnavailable, "Too many requests.").Wait(20 * time.Second)
	final := bot.Errorf(bot.CodeForbidden, "The token may not do that.")
	for name, c := range map[string]struct {
		errs     []error
		state    bot.OperationState
		attempts int
		least    time.Duration
	}{
		"backoff":    {[]error{passing, passing}, bot.OperationSucceeded, 3, 3 * time.Second},
		"after":      {[]error{limited}, bot.OperationSucceeded, 2, 20 * time.Second},
		"never":      {[]error{final}, bot.OperationFailed, 1, 0},
		"unclassed":  {[]error{errors.New("boom")}, bot.OperationSucceeded, 2, time.Second},
		"exhausted":  {[]error{passing, passing, passing}, bot.OperationFailed, 3, 3 * time.Second},
		"first call": {nil, bot.OperationSucceeded, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, w := newSetup(t), newWorld()
			w.fail["repository"] = c.errs
			p := s.start(nil, &kind{name: "k", steps: func(*bot.Operation) []bot.Step {
				st := w.checked("repository")
				st.Attempts = 3
				return []bot.Step{st}
			}})
			began := s.clock.Now()
			op := s.file(p, &bot.Operation{Kind: "k"})
			got, rows := s.await(op, c.state)
			if rows[0].Attempt != c.attempts {
				t.Errorf("%d attempts, want %d", rows[0].Attempt, c.attempts)
			}
			if took := got.FinishedAt.Sub(began); took < c.least {
				t.Errorf("took %s, want at least %s of pauses", took, c.least)
			}
			if c.state == bot.OperationFailed && got.Error != bot.MessageOf(c.errs[0]) {
				t.Errorf("the person reads %q", got.Error)
			}
		})
	}
}

func TestWaitsWithoutHoldingALease(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	come := make(chan struct{})
	steps := func(*bot.Operation) []bot.Step {
		st := w.checked("deploy")
		st.Await = func(context.Context, bot.StepRun) (bot.StepResult, error) {
			wait := time.Hour
			select {
			case <-come:
				return bot.StepResult{Detail: "healthy"}, nil
			default:
				return bot.StepResult{Wait: &wait}, nil
			}
		}
		return []bot.Step{st}
	}
	p := s.start(nil, &kind{name: "k", steps: steps})
	op := s.file(p, &bot.Operation{Kind: "k"})
	got, _ := s.await(op, bot.OperationWaiting)
	if got.LeaseOwner != "" {
		t.Errorf("a waiting operation holds the lease of %s", got.LeaseOwner)
	}
	close(come)
	if err := s.db.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return p.engine.Wake(ctx, tx, op.ID) }); err != nil {
		t.Fatal(err)
	}
	_, rows := s.await(op, bot.OperationSucceeded)
	if rows[0].Detail != "healthy" || w.count("deploy") != 1 {
		t.Errorf("%q, applied %d times", rows[0].Detail, w.count("deploy"))
	}
}

func TestOneAtATimePerEnvironment(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	release := make(chan struct{})
	busy := make(chan string, 10)
	steps := func(op *bot.Operation) []bot.Step {
		return []bot.Step{{Name: "deploy", Title: "Deploy", Idempotent: true, Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
			busy <- run.Operation.Subject
			if run.Operation.Subject == "first" {
				<-release
			}
			return bot.StepResult{}, w.apply(run.Operation.Subject, run.Operation.ID)
		}}}
	}
	p := s.start(nil, &kind{name: "k", steps: steps})
	at := s.clock.Now()
	var ops []*bot.Operation
	for i, subject := range []string{"first", "second", "third"} {
		ops = append(ops, s.file(p, &bot.Operation{Kind: "k", Subject: subject, ProjectID: "p", Environment: "production", CreatedAt: at.Add(time.Duration(i) * time.Microsecond)}))
	}
	elsewhere := s.file(p, &bot.Operation{Kind: "k", Subject: "elsewhere", ProjectID: "p", Environment: "staging"})
	s.await(elsewhere, bot.OperationSucceeded)
	_, rows := s.await(ops[1], bot.OperationWaiting)
	if !strings.Contains(rows[0].Detail, "Queued behind") {
		t.Errorf("the queue is not visible: %q", rows[0].Detail)
	}
	close(release)
	s.await(ops[2], bot.OperationSucceeded)
	close(busy)
	var order []string
	for name := range busy {
		if name != "elsewhere" {
			order = append(order, name)
		}
	}
	if fmt.Sprint(order) != "[first second third]" {
		t.Errorf("ran in the order %v", order)
	}
}

// TestLostLeaseWritesNothing has a worker whose lease was taken: its results must
// not reach the journal.
func TestLostLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	inside, release := make(chan struct{}), make(chan struct{})
	var held atomic.Bool // both lives are there, so either may take over from the other
	steps := func(*bot.Operation) []bot.Step {
		st := w.checked("repository")
		apply := st.Apply
		st.Apply = func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
			if run.Operation.LeaseOwner == "node:1" && held.CompareAndSwap(false, true) {
				close(inside)
				<-release
			}
			return apply(ctx, run)
		}
		return []bot.Step{st}
	}
	s.start(nil, &kind{name: "k", steps: steps})
	op := s.file(&process{engine: mustEngine(t, s, steps)}, &bot.Operation{Kind: "k"})
	<-inside
	s.start(nil, &kind{name: "k", steps: steps}) // the same node's next life takes over
	s.await(op, bot.OperationSucceeded)
	close(release)
	got, rows := s.await(op, bot.OperationSucceeded)
	if got.Epoch < 2 || rows[0].State != bot.StepDone {
		t.Errorf("epoch %d, step %s", got.Epoch, rows[0].State)
	}
}

func mustEngine(t *testing.T, s *setup, steps func(*bot.Operation) []bot.Step) *operation.Engine {
	t.Helper()
	e, err := operation.New(operation.Options{Work: s.db, Waker: s.db, Clock: s.clock, Owner: "other:1"}, &kind{name: "k", steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPanicIsAFailureWithASentence(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	p := s.start(nil, &kind{name: "k", steps: func(*bot.Operation) []bot.Step {
		return []bot.Step{{Name: "a", Title: "The step", Idempotent: true, Apply: func(_ context.Context, run bot.StepRun) (bot.StepResult, error) {
			words := strings.Fields("secret-detail")
			return bot.StepResult{Detail: bot.Text(words[run.Attempt+1])}, nil // panics: what is tested
		}}}
	}})
	op := s.file(p, &bot.Operation{Kind: "k"})
	got, _ := s.await(op, bot.OperationFailed)
	if strings.Contains(got.Error, "secret-detail") || !strings.Contains(got.Error, "The step") {
		t.Errorf("the person reads %q", got.Error)
	}
}

func TestRefusesGraphsThatCannotEnd(t *testing.T) {
	t.Parallel()
	s, w := newSetup(t), newWorld()
	for name, steps := range map[string][]bot.Step{
		"after a later one": {w.checked("a", "b"), w.checked("b")},
		"after a missing":   {w.checked("a", "nothing")},
		"twice":             {w.checked("a"), w.checked("a")},
		"without an effect": {{Name: "a", Title: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := mustEngine(t, s, func(*bot.Operation) []bot.Step { return steps })
			err := s.db.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				return e.Start(ctx, tx, &bot.Operation{Kind: "k", Subject: "x"})
			})
			if bot.CodeOf(err) != bot.CodeInternal {
				t.Errorf("got %v", err)
			}
		})
	}
}

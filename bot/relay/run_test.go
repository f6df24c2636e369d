package relay

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

// handClock is a clock whose pauses end when the test says so.
type handClock struct {
	mu     sync.Mutex
	timers []handTimer
	added  chan struct{}
}

type handTimer struct {
	d    time.Duration
	fire chan time.Time
}

func newHandClock() *handClock { return &handClock{added: make(chan struct{}, 1000)} }

func (*handClock) Now() time.Time { return at1352() }

func (c *handClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := handTimer{d, make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	c.added <- struct{}{}
	return t.fire
}

// await waits until somebody pauses for d and returns what ends it.
func (c *handClock) await(t *testing.T, d time.Duration) (end func()) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		c.mu.Lock()
		i := slices.IndexFunc(c.timers, func(t handTimer) bool { return t.d == d })
		if i >= 0 {
			timer := c.timers[i]
			c.timers = slices.Delete(c.timers, i, i+1)
			c.mu.Unlock()
			return func() { timer.fire <- at1352() }
		}
		c.mu.Unlock()
		select {
		case <-c.added:
		case <-deadline:
			t.Fatalf("nobody paused for %v", d)
		}
	}
}

// pending reports whether somebody pauses for d.
func (c *handClock) pending(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.timers, func(t handTimer) bool { return t.d == d })
}

// signals is a handler that deploys what was built, and the processor's store:
// it says what was handled once that is committed.
type signals struct {
	bot.UnitOfWork
	handled string
	seen    chan string
}

func (s *signals) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	handled := ""
	err := s.UnitOfWork.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		s.handled = ""
		err := fn(ctx, tx)
		handled = s.handled
		return err
	})
	if err == nil && handled != "" {
		s.seen <- handled
	}
	return err
}

func (s *signals) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, c *bot.Change) error {
	d := bot.Deployment{
		ID: "d1", ProjectID: e.ProjectID, Environment: "staging", Verb: "deploy", VersionID: "v1",
		State: bot.DeploymentApplying, StartedAt: at1352(), Cause: e.Cause,
	}
	switch e.Type {
	case bot.EventBuildFinished:
		v := bot.Version{ID: "v1", ProjectID: e.ProjectID, Commit: c.Commit, BuildID: e.Build.ID, Number: 1, Label: "0.1.0-1-g3f2c1ab", Branch: c.Branch, CreatedAt: at1352()}
		if err := tx.Versions.Insert(ctx, v); err != nil {
			return err
		}
		if err := tx.Deployments.Put(ctx, d); err != nil {
			return err
		}
	case bot.EventServiceDeployed:
		d.State, d.FinishedAt = bot.DeploymentSucceeded, at1352().Add(70*time.Second)
		if err := tx.Deployments.Put(ctx, d); err != nil {
			return err
		}
	}
	s.handled = string(e.Type)
	return nil
}

// TestOneBuildCostsThreeCalls runs both services as the program does: queued,
// started, a stage, finished, deployed, on one card.
func TestOneBuildCostsThreeCalls(t *testing.T) {
	t.Parallel()
	hand := newHandClock()
	h := &signals{seen: make(chan string, 10)}
	r := setup(t, func(r *rig) { r.handlers = []bot.EventHandler{h} })
	h.UnitOfWork = r.store
	r.processor.o.Work = h
	r.processor.o.Clock, r.pump.o.Clock, r.card.o.Clock = hand, hand, hand
	calls := make(chan chattest.Call, 10)
	r.chat.After = func(_ context.Context, c chattest.Call) error { calls <- c; return nil }

	ctx, stop := context.WithCancel(t.Context())
	var services sync.WaitGroup
	for _, s := range []bot.Service{r.processor, r.pump} {
		services.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	settle := r.card.Settle()
	report := func(e bot.Event) {
		r.event(e)
		if got := receive(t, h.seen); got != string(e.Type) {
			t.Errorf("handled %s, want %s", got, e.Type)
		}
	}
	report(bot.Event{Type: bot.EventBuildQueued, Build: build(bot.BuildQueued, 1)})
	end := hand.await(t, settle)
	report(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 2)})
	end()
	if c := receive(t, calls); c.Method != "Send" || c.Post.Fields[0].Value != "started 13:52" {
		t.Errorf("first call = %+v", c)
	}
	report(bot.Event{Type: bot.EventBuildProgress, Build: build(bot.BuildRunning, 3)})
	// The touch by "started" may be due again; it shows nothing new.
	report(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 4)})
	r.settleUntil(hand, calls, "0.1.0-1-g3f2c1ab deploying since 13:52, ID d1")
	report(bot.Event{Type: bot.EventServiceDeployed, DeploymentID: "d1"})
	r.settleUntil(hand, calls, "0.1.0-1-g3f2c1ab succeeded at 13:53:10, ID d1")
	stop()
	services.Wait()
	if n := len(r.chat.Calls()); n != 3 {
		t.Errorf("%d calls for one build: %+v", n, r.chat.Calls())
	}
}

// settleUntil ends pauses until the chat is called, and checks the last field.
func (r *rig) settleUntil(hand *handClock, calls <-chan chattest.Call, want string) {
	r.t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	hand.await(r.t, r.card.Settle())()
	for {
		select {
		case c := <-calls:
			if f := c.Post.Fields[len(c.Post.Fields)-1]; string(f.Value) != want {
				r.t.Errorf("the card shows %q, want %q", f.Value, want)
			}
			return
		case <-tick.C:
			if hand.pending(r.card.Settle()) { // the last pause was for news that showed nothing
				hand.await(r.t, r.card.Settle())()
			}
		case <-deadline:
			r.t.Fatal("the chat was not called")
		}
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing came")
		var none T
		return none
	}
}

func TestAnswersDoNotWaitForCards(t *testing.T) {
	t.Parallel()
	hand := newHandClock()
	r := setup(t)
	r.pump.o.Clock = hand
	shown := make(chan string, 10)
	r.chat.After = func(_ context.Context, c chattest.Call) error { shown <- c.Post.Key; return nil }
	// The card is known already, so that an answer may be claimed while it settles.
	s := &story{rig: r}
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		s.change, err = tx.Changes.Ensure(ctx, bot.Change{ProjectID: r.project.ID, Branch: "main", Commit: commit1, CreatedAt: at1352()})
		return err
	})
	s.build(1, nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.pump.Run(ctx) }()
	touch := func() {
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Posts.Touch(ctx, r.project.Room, CardKey(s.change.ID), CardKind, s.change.ID, bot.Cause{})
		})
	}
	touch()
	hand.await(t, r.card.Settle())()
	receive(t, shown)
	s.build(2, nil)
	touch()
	hand.await(t, r.card.Settle()) // and nobody ends it
	r.say("dev", "answer", "here you are")
	got := []string{receive(t, shown), receive(t, shown)}
	if !slices.Contains(got, "answer") {
		t.Errorf("shown %v", got)
	}
	stop()
	<-done
}

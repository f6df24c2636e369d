package router

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

func TestSpecTwiceIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, spec := range []bot.Spec{{Verb: "ECHO"}, {Verb: "new", Aliases: []string{"Send"}}} {
		opt := r.opt
		opt.Commands = append(r.commands(), &fake{spec: spec})
		if _, err := New(opt); err == nil || !strings.Contains(err.Error(), "is there twice") {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	if got := r.router.Specs(); len(got) != len(r.opt.Commands) || got[0].Verb != "echo" {
		t.Errorf("specs: %+v", got)
	}
}

func TestDeliveredTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.message("alice", "!echo x")
	first := r.receive(m)
	if again := r.receive(m); again != first || first == "" {
		t.Errorf("roots %q and %q", first, again)
	}
	r.step()
	r.receive(m)
	if ids := r.step(); len(ids) != 0 || len(r.ran) != 1 {
		t.Errorf("claimed again: %v; ran %v", ids, r.ran)
	}
	got := r.answer(m)
	r.expect(got, "x", "echo allowed done")
	if got.post.Thread != m.ID || got.post.Mention != m.Author || got.post.Root != first || got.post.Cause != m.ID {
		t.Errorf("the answer is not tied to its question: %+v", got.post)
	}
}

func TestOrderWithinAThread(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, text := range []string{"!echo 1", "!echo 2", "!echo 3"} {
		r.receive(r.message("alice", text))
	}
	elsewhere := r.message("bob", "!echo 4")
	elsewhere.Room.ID = "other"
	r.receive(elsewhere)
	if ids := r.step(); len(ids) != 2 {
		t.Fatalf("claimed %v: one of each room", ids)
	}
	r.drain()
	if got := strings.Join(r.ran, ","); got != "echo 1,echo 4,echo 2,echo 3" {
		t.Errorf("ran %s", got)
	}
}

func TestRunServesUntilTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	posts, stop := r.db.Listen(bot.QueuePosts)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(ctx) }()
	m := r.message("alice", "!echo hello")
	r.receive(m)
	select {
	case <-posts:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was posted")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.expect(r.answer(m), "hello", "echo allowed done")
}

// TestKilledBetweenRunAndCommit: nothing of a command is there before its commit,
// everything once after it.
func TestKilledBetweenRunAndCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.project("hello")
	r.opt.AtBoundary = func(verb string) {
		if verb == "ship" {
			r.work.kill()
		}
	}
	r.reopen()
	m := r.message("alice", "!ship hello to staging --yes")
	r.receive(m)
	r.step()
	if len(r.ran) != 0 || r.answer(m).post != nil || len(r.answer(m).audit) != 0 {
		t.Fatalf("something was written by the dead: %v", r.ran)
	}
	// The next life.
	r.work = &dying{UnitOfWork: r.db}
	r.opt.Work, r.opt.AtBoundary, r.opt.Owner = r.work, nil, "node:2"
	r.reopen()
	r.clock.Advance(time.Minute + time.Second)
	r.drain()
	got := r.answer(m)
	r.expect(got, "shipped", "ship allowed done")
	if len(r.ran) != 1 || got.audit[0].ProjectID != p.ID {
		t.Errorf("ran %v, audit %+v", r.ran, got.audit)
	}
}

// TestSlowerWorkerWritesNothing: whose lease ran out may find the message run.
func TestSlowerWorkerWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.message("alice", "!echo x")
	m.Root = r.receive(m)
	r.step()
	r.router.process(t.Context(), m)
	if got := r.answer(m); len(got.audit) != 1 {
		t.Errorf("audited %d times", len(got.audit))
	}
}

// TestStaleEffectIsToldToThePerson: losing a compare-and-set is no sign that the
// message was run.
func TestStaleEffectIsToldToThePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t, &fake{bot.Spec{Verb: "stale"}, func(context.Context, *bot.Request) (*bot.Outcome, error) {
		return &bot.Outcome{Commit: func(context.Context, *bot.Tx) error {
			return bot.Errorf(bot.CodeStale, "Somebody else went on with it.")
		}}, nil
	}})
	r.expect(r.say("alice", "!stale"), "Somebody else went on with it.", "stale allowed failed: Somebody else went on with it.")
}

func TestPanicAnswersWithASentence(t *testing.T) {
	t.Parallel()
	boom := func(where string) bot.Command {
		return &fake{bot.Spec{Verb: "boom-" + where}, func(context.Context, *bot.Request) (*bot.Outcome, error) {
			if where == "run" {
				panic("s3cret") //nolint:forbidigo // what is tested
			}
			return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
				p := bot.Project{ID: bot.NewID(time.Now()), Slug: "half", State: bot.ProjectActive}
				if err := tx.Projects.Put(ctx, p); err != nil {
					return err
				}
				var none *bot.Plan
				return errors.New(none.ID)
			}}, nil
		}}
	}
	r := newRig(t, boom("run"), boom("commit"))
	for _, where := range []string{"run", "commit"} {
		got := r.say("alice", "!boom-"+where)
		r.expect(got, "OpsBot made a mistake", "boom-"+where+" allowed failed: *")
		for _, leak := range []string{"goroutine", ".go", "nil", "panic"} {
			if strings.Contains(got.text(), leak) {
				t.Errorf("%s: the answer gives %q away: %s", where, leak, got.text())
			}
		}
	}
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		if _, err := tx.Projects.BySlug(ctx, "half"); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("half an effect is there: %v", err)
		}
		return nil
	})
	r.expect(r.say("alice", "!echo still here"), "still here", "echo allowed done")
}

// TestStorageFullIsTriedAgain: neither reply nor effect is lost.
func TestStorageFullIsTriedAgain(t *testing.T) {
	t.Parallel()
	full := bot.Errorf(bot.CodeStorageFull, "There is no space left.").Backoff()
	for _, at := range []int{0, 1} { // who speaks, then the commit
		r := newRig(t)
		m := r.message("alice", "!echo kept")
		r.receive(m)
		r.work.failNext(make([]error, at+1)...)
		r.work.fail[at] = full
		r.step()
		if got := r.answer(m); got.post != nil || len(got.audit) != 0 {
			t.Errorf("write %d: written in spite of the full disk: %s", at, got.text())
		}
		if ids := r.step(); len(ids) != 0 {
			t.Errorf("write %d: tried again at once: %v", at, ids)
		}
		r.clock.Advance(time.Minute + time.Second)
		r.step()
		r.expect(r.answer(m), "kept", "echo allowed done")
	}
}

func TestCommandErrors(t *testing.T) {
	t.Parallel()
	fails := func(verb string, err error) bot.Command {
		return &fake{bot.Spec{Verb: verb}, func(context.Context, *bot.Request) (*bot.Outcome, error) { return nil, err }}
	}
	r := newRig(t,
		fails("plain", errors.New("sql: password=s3cret")),
		fails("away", bot.Errorf(bot.CodeUnavailable, "The *forge* does not answer.").Backoff()),
		fails("denied", bot.Errorf(bot.CodeForbidden, "That is not yours.")))
	got := r.say("alice", "!plain")
	r.expect(got, "Something went wrong inside OpsBot", "plain allowed failed: *")
	if strings.Contains(got.text()+got.audit[0].Outcome, "s3cret") {
		t.Errorf("the cause is shown: %s, %s", got.text(), got.audit[0].Outcome)
	}
	got = r.say("alice", "!away")
	r.expect(got, "The *forge* does not answer.", "away allowed failed: The *forge* does not answer.")
	if got.post.Text[0] != `The \*forge\* does not answer.` || got.post.Tone != bot.ToneBad {
		t.Errorf("foreign markup: %q", got.post.Text)
	}
	got = r.say("alice", "!denied")
	r.expect(got, "That is not yours.", "denied refused failed: That is not yours.")
	if got.post.To == nil || *got.post.To != person("alice") {
		t.Error("the refusal is seen by all")
	}
}

func TestAuditRow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.project("hello")
	owner := func(m *bot.Message) { m.Owner = true }
	got := r.say("alice", "!ship  Hello to Production --yes", owner)
	if len(got.audit) != 1 {
		t.Fatalf("audited %d times", len(got.audit))
	}
	a := got.audit[0]
	if a.UserName != "alice" || a.Account.ID != "id-alice" || !a.AsOwner || a.Verb != "ship" || a.Args != "ship  Hello to Production --yes" ||
		a.ProjectID != p.ID || a.Environment != "production" || a.Decision != "allowed" || a.PlanHash == "" ||
		strings.Join(a.Policies, " ") != "all-ship all-yes" || a.Outcome != "done" || a.Cause.Cause != got.m.ID || a.Cause.Root == "" || !a.At.Equal(r.clock.Now()) {
		t.Errorf("%+v", a)
	}
	if a := r.say("alice", `!ship "hello`).audit; len(a) != 1 || a[0].Decision != "invalid" || a[0].Args != `ship "hello` {
		t.Errorf("%+v", a)
	}
	if a := r.say("alice", "!ship hello"); a.audit[0].Verb != "ship" {
		t.Errorf("%+v", a)
	}
	if a := r.say("alice", "!echo "+strings.Repeat("x", 5000)).audit; len([]rune(a[0].Args)) != 2000 {
		t.Errorf("%d characters are kept", len([]rune(a[0].Args)))
	}
}

// TestOwnerIsSaidBySocketOnly: claiming the owner's account makes nobody owner.
func TestOwnerIsSaidBySocketOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		account string
		socket  bool
		want    bool
	}{{OwnerAccount, true, true}, {OwnerAccount, false, false}, {"id-alice", true, false}} {
		r.say("alice", "!echo x", func(m *bot.Message) { m.Author.ID, m.Owner = c.account, c.socket })
		last := r.judge.asked[len(r.judge.asked)-1]
		if last.User.Owner != c.want || last.User.Groups[0] != "group-of-"+last.User.Name {
			t.Errorf("%+v: %+v", c, last.User)
		}
	}
}

func TestStoredTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.message("alice", "@opsbot help")
	refused := errors.New("the room is not there")
	_, err := r.router.Receive(t.Context(), m, func(context.Context, *bot.Tx) error { return refused })
	if !errors.Is(err, refused) {
		t.Fatalf("got %v", err)
	}
	if ids := r.step(); len(ids) != 0 {
		t.Errorf("%v was run, though it was refused", ids)
	}
	times := 0
	for range 2 { // a chat may deliver it twice
		_, err := r.router.Receive(t.Context(), m, func(context.Context, *bot.Tx) error { times++; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if ids := r.step(); len(ids) != 1 || times != 1 {
		t.Errorf("ran %v, stored %d times with it", ids, times)
	}
}

func TestCommandThatTakesTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	opt := r.opt
	opt.Patience = time.Millisecond
	opt.Commands = append(r.commands(), &fake{spec: bot.Spec{Verb: "ponder"}, run: func(ctx context.Context, _ *bot.Request) (*bot.Outcome, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("asked the forge: %w", ctx.Err())
	}})
	var err error
	if r.router, err = New(opt); err != nil {
		t.Fatal(err)
	}
	got := r.say("alice", "@opsbot ponder").text()
	if !strings.Contains(got, "took longer than under 1 s and was stopped before it changed anything.") {
		t.Errorf("answered %q", got)
	}
	if ids := r.step(); len(ids) != 0 {
		t.Errorf("%v is run again", ids)
	}
}

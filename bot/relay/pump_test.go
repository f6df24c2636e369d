package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

// say wants a plain post shown.
func (r *rig) say(room, key, text string) {
	r.t.Helper()
	r.put(bot.Post{Key: key, Room: bot.RoomRef{Instance: "chat", ID: room}, Text: []bot.Text{bot.Text(text)}})
}

func (r *rig) put(p bot.Post) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Posts.Put(ctx, p) })
}

func (r *rig) post(key string) bot.PostRow {
	r.t.Helper()
	var row bot.PostRow
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		row, err = tx.Posts.Get(ctx, r.project.Room, key)
		return err
	})
	return row
}

func (r *rig) expect(want ...string) {
	r.t.Helper()
	if got := r.shown(); !slices.Equal(got, want) {
		r.t.Errorf("the room shows %q, want %q\n%s", got, want, r.log)
	}
}

// failing makes a chat's first calls fail with these errors.
func failing(errs ...error) func(context.Context, chattest.Call) error {
	var mu sync.Mutex
	return func(context.Context, chattest.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

func TestPostsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	down := bot.Errorf(bot.CodeUnavailable, "down").Backoff()
	tests := map[string][]error{
		"no trouble":       nil,
		"a passing fault":  {down},
		"an unknown error": {errors.New("reset by peer"), down, down},
		"told to wait":     {bot.Errorf(bot.CodeUnavailable, "slow down").Wait(30 * time.Second)},
	}
	for name, errs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.chat.Before = failing(errs...)
			for i := range 5 {
				r.say("dev", fmt.Sprintf("k%d", i), fmt.Sprintf("t%d", i))
			}
			r.flush()
			if len(errs) > 0 && len(r.shown()) != 0 {
				t.Errorf("after the fault the room shows %q", r.shown())
			}
			for range errs {
				r.clock.add(31 * time.Second)
				r.flush()
			}
			r.expect("t0", "t1", "t2", "t3", "t4")
		})
	}
}

// slow is a store whose every write takes a second.
type slow struct {
	bot.UnitOfWork
	clock *skipClock
}

func (s slow) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	defer s.clock.add(time.Second)
	return s.UnitOfWork.Write(ctx, fn)
}

// TestPauseThatEndsWhileItIsRecorded: what was taken along with the post that failed
// does not overtake it.
func TestPauseThatEndsWhileItIsRecorded(t *testing.T) {
	t.Parallel()
	r := setup(t, func(r *rig) { r.work = slow{r.store, r.clock} })
	r.chat.Before = failing(bot.Errorf(bot.CodeUnavailable, "slow down").Wait(time.Second / 2))
	r.say("dev", "a", "a")
	r.say("dev", "b", "b")
	r.flush()
	r.flush()
	r.expect("a", "b")
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.say("dev", "old", "before")
	r.flush()
	r.chat.Before = failing(bot.Errorf(bot.CodeUnavailable, "slow down").Wait(30 * time.Second))
	r.say("dev", "old", "after") // an edit that is told to wait
	r.say("dev", "new", "new")
	r.flush()
	began := len(r.chat.Calls())
	r.clock.add(29 * time.Second)
	r.flush()
	if n := len(r.chat.Calls()); n != began {
		t.Fatalf("%d calls within the pause", n-began)
	}
	r.clock.add(2 * time.Second)
	r.flush()
	r.expect("after", "new")
	if a := r.post("old").Attempts; a != 0 {
		t.Errorf("being told to wait counted as %d failures", a)
	}
}

func TestFailingEditHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.say("dev", "card", "v1")
	r.flush()
	r.chat.Before = func(_ context.Context, c chattest.Call) error {
		if c.Method == "Edit" {
			return errors.New("reset by peer")
		}
		return nil
	}
	r.say("dev", "card", "v2")
	r.say("dev", "answer", "answer")
	r.flush()
	r.expect("v1", "answer")
	r.chat.Before = nil
	r.clock.add(time.Minute)
	r.flush()
	r.expect("v2", "answer")
}

func TestNeverForGoodLetsTheRoomGoOn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err   error
		turns int
	}{
		"never":     {bot.Errorf(bot.CodeInvalid, "too long"), 1},
		"ten times": {errors.New("reset by peer"), 10},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.chat.Before = func(_ context.Context, c chattest.Call) error {
				if c.Post.Key == "bad" {
					return tt.err
				}
				return nil
			}
			r.say("dev", "bad", "bad")
			r.say("dev", "good", "good")
			for range tt.turns {
				r.expect()
				r.flush()
				r.clock.add(maxPause)
			}
			r.expect("good")
			if n := strings.Count(r.log.String(), "post given up"); n != 1 {
				t.Errorf("%d operator lines", n)
			}
			if row := r.post("bad"); row.Delivered != row.Wanted {
				t.Errorf("the post is still open: %+v", row)
			}
		})
	}
}

func TestRemovedMessageIsSaidAnew(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.say("dev", "card", "v1")
	r.flush()
	r.chat.Remove(r.chat.Messages(r.project.Room)[0].ID)
	r.say("dev", "card", "v2")
	r.flush()
	r.expect("v2")
	r.say("dev", "card", "v3")
	r.flush()
	r.expect("v3")
}

func TestOneRoomsTroubleIsItsOwn(t *testing.T) {
	t.Parallel()
	r := setup(t)
	held, let := make(chan struct{}), make(chan struct{})
	free := make(chan struct{})
	r.chat.Before = func(_ context.Context, c chattest.Call) error {
		if c.Post.Room.ID == "dev" {
			close(held)
			<-let
		}
		return nil
	}
	r.chat.After = func(_ context.Context, c chattest.Call) error {
		if c.Post.Room.ID == "other" && c.Post.Key == "k9" {
			close(free)
		}
		return nil
	}
	r.say("dev", "k", "slow")
	for i := range 10 {
		r.say("other", fmt.Sprintf("k%d", i), "quick")
	}
	shut := r.pump.open(t.Context())
	if err := r.pump.dispatch(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-held
	<-free // while the other room's call hangs
	close(let)
	shut()
	r.flush()
	r.expect("slow")
}

func TestLimitsAreKept(t *testing.T) {
	t.Parallel()
	r := setup(t, func(r *rig) { r.chat.Bounds = bot.ChatLimits{PerSecond: 0.5, Burst: 2} })
	var at []time.Time
	r.chat.Before = func(context.Context, chattest.Call) error {
		at = append(at, r.clock.Now())
		return nil
	}
	for i := range 8 {
		r.say("dev", fmt.Sprintf("k%d", i), "x")
	}
	r.flush()
	if len(at) != 8 {
		t.Fatalf("%d calls", len(at))
	}
	for i := 2; i < len(at); i++ { // of any three calls the last is 2 s after the second last token
		if gap := at[i].Sub(at[i-2]); gap < 2*time.Second && i > 2 {
			t.Errorf("calls %d to %d within %v", i-2, i, gap)
		}
	}
	if total := at[7].Sub(at[0]); total < 12*time.Second-time.Millisecond {
		t.Errorf("8 calls in %v", total)
	}
}

func TestWaitingEditsMerge(t *testing.T) {
	t.Parallel()
	r := setup(t, func(r *rig) { r.chat.Bounds = bot.ChatLimits{PerSecond: 1, Burst: 1} })
	r.say("dev", "card", "v0")
	r.chat.After = func(_ context.Context, c chattest.Call) error {
		if c.Method == "Send" { // more news come while the card is on its way
			for i := 1; i <= 20; i++ {
				r.say("dev", "card", fmt.Sprintf("v%d", i))
			}
		}
		return nil
	}
	r.flush()
	r.expect("v20")
	if n := len(r.chat.Calls()); n != 2 {
		t.Errorf("%d calls for 21 contents", n)
	}
}

func TestEqualContentCostsNoCall(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.turn()
	before := len(r.chat.Calls())
	for i := range 3 {
		r.event(bot.Event{Type: bot.EventServiceProgress, Branch: "main", Commit: commit1, Cause: bot.Cause{Root: fmt.Sprint(i)}})
	}
	r.turn()
	if n := len(r.chat.Calls()); n != before {
		t.Errorf("%d calls for nothing new", n-before)
	}
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		for i := range 3 {
			if n, err := tx.Causes.Open(ctx, fmt.Sprint(i)); err != nil || n != 0 {
				t.Errorf("%d rows are open under %d, %v", n, i, err)
			}
		}
		return nil
	})
}

func TestThreads(t *testing.T) {
	t.Parallel()
	r := setup(t)
	room := r.project.Room
	for _, p := range []bot.Post{
		{Key: "root", Room: room, Text: []bot.Text{"root"}},
		{Key: "under", Room: room, Under: "root", Text: []bot.Text{"under"}},
		{Key: "answer", Room: room, Thread: "T1", Text: []bot.Text{"answer"}},
		{Key: "nested", Room: room, Under: "answer", Text: []bot.Text{"nested"}},
		{Key: "orphan", Room: room, Under: "gone", Text: []bot.Text{"orphan"}},
	} {
		r.put(p)
	}
	r.flush()
	want := []string{"", "thread-m1", "T1", "T1", ""}
	for i, m := range r.chat.Messages(room) {
		if m.Thread != want[i] {
			t.Errorf("%s is in %q, want %q", m.Post.Key, m.Thread, want[i])
		}
	}
	r.put(bot.Post{Key: "under", Room: room, Under: "root", Text: []bot.Text{"edited"}})
	r.flush()
	calls := r.chat.Calls()
	if last := calls[len(calls)-1]; last.Method != "Edit" || last.Post.Thread != "thread-m1" {
		t.Errorf("last call = %+v", last)
	}
}

// whisperer is a chat that can show a post to one account and takes files.
type whisperer struct {
	*chattest.Fake
	whispered []bot.Post
	uploads   bool
}

func (w *whisperer) SendEphemeral(_ context.Context, p bot.Post) error {
	w.whispered = append(w.whispered, p)
	return nil
}

func (w *whisperer) Uploads() bool { return w.uploads }

func TestPrivatePostsAndFiles(t *testing.T) {
	t.Parallel()
	for name, able := range map[string]bool{"able": true, "unable": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &whisperer{uploads: able}
			r := setup(t, func(r *rig) {
				w.Fake = r.chat
				if able {
					r.all["chat"] = w
				}
			})
			r.pump.o.FileURL = func(f bot.File) string { return "http://console/files/" + f.Name }
			r.put(bot.Post{Key: "private", Room: r.project.Room, To: &bot.Account{Instance: "chat", ID: "u"}, Text: []bot.Text{"psst"}})
			r.put(bot.Post{Key: "file", Room: r.project.Room, Text: []bot.Text{"log"}, File: &bot.File{Name: "build.log", Blob: "sha256:1"}})
			r.flush()
			r.flush()
			public := r.chat.Messages(r.project.Room)
			file := public[len(public)-1].Post
			if able && (len(w.whispered) != 1 || len(public) != 1 || file.File == nil || len(file.Buttons) != 0) {
				t.Errorf("whispered %d, public %+v", len(w.whispered), public)
			}
			if !able && (len(public) != 2 || file.File != nil || len(file.Buttons) != 1 || file.Buttons[0].URL != "http://console/files/build.log") {
				t.Errorf("public %+v", public)
			}
		})
	}
}

// oddCard renders as the test wants.
type oddCard struct {
	kind   string
	render func() (*bot.Post, error)
}

func (c oddCard) Kind() string { return c.kind }
func (c oddCard) Render(context.Context, *bot.Tx, string, bot.Room) (*bot.Post, error) {
	return c.render()
}

func TestOddCards(t *testing.T) {
	t.Parallel()
	r := setup(t)
	boom := true
	r.pump.cards["odd"] = oddCard{"odd", func() (*bot.Post, error) {
		if boom {
			boom = false
			slip(nil)
		}
		return &bot.Post{Text: []bot.Text{"odd"}}, nil
	}}
	r.pump.cards["empty"] = oddCard{"empty", func() (*bot.Post, error) { return nil, nil }}
	for i, kind := range []string{"no-such-kind", "empty", "odd"} {
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Posts.Touch(ctx, r.project.Room, kind, kind, fmt.Sprint(i), bot.Cause{})
		})
	}
	r.say("dev", "last", "last")
	r.flush()
	r.clock.add(time.Minute)
	r.flush()
	r.expect("odd", "last")
	for _, words := range []string{"post given up", "no card of the kind", "panicked"} {
		if !strings.Contains(r.log.String(), words) {
			t.Errorf("the log does not say %q: %s", words, r.log)
		}
	}
}

func TestRoomOfAnUnknownChat(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.put(bot.Post{Key: "k", Room: bot.RoomRef{Instance: "gone", ID: "x"}, Root: "root", Text: []bot.Text{"x"}})
	r.flush()
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		if n, err := tx.Causes.Open(ctx, "root"); err != nil || n != 0 {
			t.Errorf("%d rows are open for ever, %v", n, err)
		}
		return nil
	})
}

func TestTakenWithWhatWantsItShown(t *testing.T) {
	t.Parallel()
	r := setup(t)
	take := func(key string) (send func(context.Context)) {
		t.Helper()
		r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
			if err := tx.Posts.Put(ctx, bot.Post{Room: r.project.Room, Key: key, Title: "hello"}); err != nil {
				return err
			}
			send, err = r.pump.Take(ctx, tx)
			return err
		})
		return send
	}
	take("a")(t.Context()) // nobody runs: it waits as if it had not been taken
	if row := r.post("a"); row.LeaseOwner != "" || len(r.chat.Calls()) != 0 {
		t.Errorf("without Run: lease of %q, %d calls", row.LeaseOwner, len(r.chat.Calls()))
	}
	r.flush()

	shut := r.pump.open(t.Context())
	take("b")(t.Context())
	shut()
	r.expect("hello", "hello")
	shut = r.pump.open(t.Context())
	late := take("c")
	if row := r.post("c"); row.LeaseOwner == "" {
		t.Error("it was not taken")
	}
	shut()
	late(t.Context()) // Run has ended between the commit and this
	if row := r.post("c"); row.LeaseOwner != "" || row.Delivered != 0 {
		t.Errorf("after Run: lease of %q, %d delivered", row.LeaseOwner, row.Delivered)
	}
	r.flush()
	r.expect("hello", "hello", "hello")
}

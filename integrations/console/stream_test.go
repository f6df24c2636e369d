package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"opsbot/bot"
)

// browser is a connection to the stream. It breaks after some events.
type browser struct {
	strings.Builder
	head     http.Header
	events   int
	most     int // events until it breaks; -1 = never
	deadline time.Time
	stuck    bool // takes nothing
}

var errGone = errors.New("the connection is gone")

func (b *browser) Header() http.Header { return b.head }
func (b *browser) WriteHeader(int)     {}
func (b *browser) FlushError() error   { return nil }

func (b *browser) SetWriteDeadline(t time.Time) error {
	b.deadline = t
	return nil
}

func (b *browser) Write(p []byte) (int, error) {
	if b.stuck {
		return 0, os.ErrDeadlineExceeded
	}
	if strings.HasPrefix(string(p), "id: ") {
		if b.events == b.most {
			return 0, errGone
		}
		b.events++
	}
	return b.WriteString(string(p))
}

// read follows the stream from a number on, until it has nothing more to say or
// the connection breaks after most events.
func read(t testing.TB, r *rig, c *Console, after int64, who bot.Account, most int) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), accountKey{}, who), 20*time.Second)
	defer cancel()
	r.clock.mu.Lock()
	r.clock.onWait = func(time.Duration) { cancel() } // it waits: that was all
	r.clock.mu.Unlock()
	b := &browser{head: http.Header{}, most: most}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/rooms/general/events?after=0", nil)
	req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	c.Handler().ServeHTTP(b, req)
	return b
}

// collect gathers the newest contents of a stream by entry, and its last number.
func collect(text string, into map[string]string) (last int64) {
	for _, event := range strings.Split(text, "\n\n") {
		number, rest, ok := strings.Cut(strings.TrimPrefix(event, "id: "), "\nevent: entry\n")
		if !ok {
			continue
		}
		last, _ = strconv.ParseInt(number, 10, 64)
		_, id, _ := strings.Cut(rest, `id="m-`)
		id, _, _ = strings.Cut(id, `"`)
		into[id] = rest
	}
	return last
}

// TestResume: however a stream is cut, also by restarts, and whatever is said and
// edited in between, what is shown in the end is the same, and nothing is missed.
func TestResume(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice := bot.Account{ID: "alice"}
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		before := int64(0)
		if list := r.entries(); len(list) > 0 {
			before = list[len(list)-1].Seq
		}
		cut, said := map[string]string{}, 0
		after := before
		for range rapid.IntRange(1, 4).Draw(rt, "connections") {
			for range rapid.IntRange(0, 4).Draw(rt, "posts") {
				key := fmt.Sprintf("%d-%d", round, rapid.IntRange(0, 4).Draw(rt, "key"))
				p := bot.Post{Key: key, Room: r.c.Room("general"), Text: []bot.Text{bot.Text(strconv.Itoa(said))}}
				said++
				if strings.HasSuffix(key, "4") {
					p.To = &bot.Account{ID: "bob"}
				}
				if _, err := r.c.Send(t.Context(), p); err != nil {
					rt.Fatal(err)
				}
			}
			b := read(t, r, r.console(), after, alice, rapid.IntRange(0, 5).Draw(rt, "breaks after"))
			after = max(after, collect(b.String(), cut))
		}
		collect(read(t, r, r.console(), after, alice, -1).String(), cut)
		whole := map[string]string{}
		collect(read(t, r, r.c, before, alice, -1).String(), whole)
		if !maps.Equal(cut, whole) {
			rt.Errorf("the cut stream shows %v, the whole one %v", cut, whole)
		}
	})
}

func TestStreamBeats(t *testing.T) {
	t.Parallel()
	r := setup(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	waits := 0
	r.clock.onWait = func(d time.Duration) {
		if waits++; waits == 3 {
			cancel()
			return
		}
		if d > 30*time.Second {
			t.Errorf("silent for %v: a proxy would cut the connection", d)
		}
		r.clock.advance(d)
	}
	b := &browser{head: http.Header{}, most: -1}
	r.c.Handler().ServeHTTP(b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/rooms/general/events?after=0", nil))
	if got := strings.Count(b.String(), ": still here\n\n"); got != 2 || b.head.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d beats in %q", got, b.String())
	}
}

// TestStreamEndsWithTheService: a page that is left open does not hold up a stop.
func TestStreamEndsWithTheService(t *testing.T) {
	t.Parallel()
	r := setup(t)
	running, stop := context.WithCancel(t.Context())
	r.clock.onWait = func(time.Duration) { stop() }
	done := make(chan struct{})
	go func() { defer close(done); _ = r.c.Run(running) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b := &browser{head: http.Header{}, most: -1}
	r.c.Handler().ServeHTTP(b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/rooms/general/events?after=0", nil))
	if ctx.Err() != nil {
		t.Error("the stream went on")
	}
	<-done
}

// TestSlowReader: a browser that takes nothing has a deadline, and is let go.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	r := setup(t)
	b := &browser{head: http.Header{}, stuck: true}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r.c.Handler().ServeHTTP(b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/rooms/general/events?after=0", nil))
	if ctx.Err() != nil {
		t.Error("the stream held on to a dead browser")
	}
	if left := time.Until(b.deadline); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is in %v", left)
	}
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	for path, want := range map[string]int{
		"/rooms/general/events": 400, "/rooms/general/events?after=x": 400, "/rooms/general/events?after=-1": 400, "/rooms/nowhere/events?after=0": 404,
	} {
		if a := r.do(call{path: path, cookie: cookie}); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
}

// TestSayWaits: the answer on the socket shows the room until nothing is open.
func TestSayWaits(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.inbox.keep = true // open until the reply is there
	r.inbox.then = func(m bot.Message) {
		r.post(bot.Post{Key: "other", To: &bot.Account{ID: "bob"}, Text: []bot.Text{"not for alice"}})
		r.clock.onWait = func(time.Duration) { // it waits; now the message ends
			r.post(bot.Post{Key: "reply", Text: []bot.Text{"done"}})
			err := r.store.Write(context.Background(), func(ctx context.Context, tx *bot.Tx) error { return tx.Messages.Done(ctx, m.Room, m.ID) })
			if err != nil {
				t.Error(err)
			}
			r.clock.mu.Lock()
			r.clock.onWait = nil
			r.clock.mu.Unlock()
		}
	}
	w := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r.c.SayHandler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/say", strings.NewReader(`{"text":"hello","as":"alice","name":"root"}`)))
	got := w.Body.String()
	if !strings.Contains(got, `"done"`) || !strings.Contains(got, `"end":`) || strings.Index(got, `"done"`) > strings.Index(got, `"end":`) {
		t.Errorf("the answer ended too early: %s", got)
	}
	if strings.Contains(got, "not for alice") {
		t.Error("alice is shown what is for bob")
	}
	if m := r.inbox.messages(); len(m) != 1 || m[0].Author.ID != "alice" || !m[0].Owner {
		t.Errorf("%+v", m)
	}
	for _, as := range []string{"../x", "a b", "-x", strings.Repeat("x", 65), "<b>"} {
		if _, err := r.c.Speaker(as, "root"); bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("somebody is called %q", as)
		}
	}
}

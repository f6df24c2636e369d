package mattermost_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"opsbot/test/fakes/mattermost"
)

// judged is a test that may fail without failing this one.
type judged struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (j *judged) Helper()          {}
func (j *judged) Cleanup(f func()) { j.cleanups = append(j.cleanups, f) }
func (j *judged) Errorf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failures = append(j.failures, fmt.Sprintf(format, args...))
}

// end runs the clean-ups, as the end of a test does, and gives the failures.
func (j *judged) end() []string {
	for i := len(j.cleanups) - 1; i >= 0; i-- {
		j.cleanups[i]()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failures
}

func TestWhatIsUnknownFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		says               string
	}{
		{"path", "GET", "/api/v4/nosuch", nil, 404, "no such route"},
		{"method", "PATCH", "/api/v4/users/me", nil, 404, "no such route"},
		{"user name with @", "GET", "/api/v4/users/username/@alice", nil, 404, "no such route"},
		{"query", "GET", "/api/v4/users/me?verbose=1", nil, 200, `unknown query parameter "verbose"`},
		{"field", "POST", "/api/v4/posts", object{"channel_id": "x", "mesage": "typo"}, 403, `unknown field "mesage"`},
		{"attachments at the top", "POST", "/api/v4/posts", object{"attachments": []any{}}, 403, `unknown field "attachments"`},
		{"outside of the API", "GET", "/elsewhere", nil, 404, "no such route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := &judged{TB: t}
			w := &world{Server: mattermost.New(j)}
			bot := w.AddBot("opsbot")
			if got := w.do(t, bot.Token, c.method, c.path, c.body); got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
			failures := j.end()
			if len(failures) != 1 || !strings.Contains(failures[0], c.says) {
				t.Errorf("the test failed with %q, want one saying %q", failures, c.says)
			}
		})
	}
}

func TestWhatIsKnownDoesNotFail(t *testing.T) {
	t.Parallel()
	j := &judged{TB: t}
	w := &world{Server: mattermost.New(j)}
	bot := w.AddBot("opsbot")
	ops := w.AddChannel("ops", bot.ID)
	w.Expect("POST", "/posts")
	w.Expect("GET", "/users/*").Times(2)
	w.do(t, bot.Token, "GET", "/api/v4/users/me", nil)
	w.do(t, bot.Token, "GET", "/api/v4/users/"+w.Admin.ID, nil)
	w.do(t, bot.Token, "POST", "/api/v4/posts", object{"channel_id": ops.ID, "message": "m"})
	if failures := j.end(); len(failures) > 0 {
		t.Errorf("the test failed with %q", failures)
	}
}

func TestUnusedExpectationsFail(t *testing.T) {
	t.Parallel()
	j := &judged{TB: t}
	w := &world{Server: mattermost.New(j)}
	bot := w.AddBot("opsbot")
	never := w.Expect("POST", "/posts")
	w.Expect("GET", "/users/me").Times(2)
	w.do(t, bot.Token, "GET", "/api/v4/users/me", nil)
	if never.Seen() != 0 {
		t.Error("a request was seen that never came")
	}
	failures := j.end()
	if len(failures) != 2 || !strings.Contains(failures[0], "never came") || !strings.Contains(failures[1], "it came 1 times") {
		t.Errorf("the test failed with %q", failures)
	}
}

// TestUnknownParts: what a strict server finds inside of bodies and sockets.
func TestUnknownParts(t *testing.T) {
	t.Parallel()
	r := newReplay(t).withChannels()
	w := &world{Server: r.Server}
	said := func(want string) {
		t.Helper()
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.odd) != 1 || !strings.Contains(r.odd[0], want) {
			t.Errorf("reported was %q, want %q", r.odd, want)
		}
		r.odd = nil
	}
	card := func(attachment object) object {
		return object{"channel_id": r.ops.ID, "props": object{"attachments": []object{attachment}}}
	}
	w.do(t, r.bot.Token, "POST", "/api/v4/posts", card(object{"colour": "red"}))
	said(`unknown field "colour" of an attachment`)
	w.do(t, r.bot.Token, "POST", "/api/v4/posts", card(object{"actions": []object{{"id": "a", "name": "A", "url": "x"}}}))
	said(`unknown field "url" of an action`)
	ws := dial(t, r.Server, r.bot.Token, "")
	ws.event("hello")
	ws.send(object{"seq": 1, "action": "no_such_action"})
	for ws.frame()["seq_reply"] == nil {
		continue
	}
	said(`unknown WebSocket action "no_such_action"`)
	dial(t, r.Server, r.bot.Token, "?unknown=1").event("hello")
	said(`unknown query parameter "unknown"`)
}

func TestWithoutATest(t *testing.T) {
	t.Parallel()
	var odd []string
	s, err := mattermost.Start(mattermost.OnUnexpected(func(what string) { odd = append(odd, what) }))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: s}
	if got := w.do(t, "", "GET", "/api/v4/nosuch", nil); got.status != http.StatusNotFound {
		t.Errorf("status %d", got.status)
	}
	s.Close()
	s.Close()
	if len(odd) != 1 {
		t.Errorf("reported was %q", odd)
	}
}

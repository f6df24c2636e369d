package mattermost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/mattermost"
)

// story tells the recordings of sockets: each by its name and what was done then.
type story struct {
	*replay
	byName map[string]socketRecording
	told   int
}

func newStory(t *testing.T, opts ...mattermost.Option) *story {
	t.Helper()
	s := &story{replay: newReplay(t, opts...).withChannels(), byName: map[string]socketRecording{}}
	for _, rec := range readLines[socketRecording](t, "sockets.jsonl") {
		s.byName[rec.Name] = rec
	}
	return s
}

// tell runs one recording as a subtest.
func (s *story) tell(t *testing.T, name string, f func(t *testing.T, rec socketRecording)) {
	t.Helper()
	rec, ok := s.byName[name]
	if !ok {
		t.Fatalf("no recording %s", name)
	}
	s.told++
	t.Run(name, func(t *testing.T) { f(t, rec) })
}

// same compares what a socket got so far with the recording.
func (s *story) same(t *testing.T, ws *socket, want []map[string]any) {
	t.Helper()
	for _, diff := range s.dict.compareFrames("socket", want, ws.untilNow(t)) {
		t.Error(diff)
	}
}

// next compares the next frame.
func (s *story) next(t *testing.T, ws *socket, want map[string]any) {
	t.Helper()
	for _, diff := range s.dict.compare("frame", want, ws.frame()) {
		t.Error(diff)
	}
}

// retell lets people say what they said, and compares each frame that comes.
func (s *story) retell(t *testing.T, ws *socket, frames []recordedFrame) {
	t.Helper()
	for _, want := range received(frames) {
		if want["event"] == "posted" {
			p := postOf(t, want)
			if p["type"] == "" {
				said := s.Say(s.our(p["user_id"]), s.our(p["channel_id"]), p["message"].(string), s.our(p["root_id"]))
				if said.ID == "" {
					t.Fatalf("%v may not say %q", p["user_id"], p["message"])
				}
			}
		}
		s.next(t, ws, want)
	}
	if more := ws.untilNow(t); len(more) > 0 {
		t.Errorf("%d more frames came, first %s", len(more), short(more[0]))
	}
}

func (s *story) our(recorded any) string { return s.dict.translate(fmt.Sprint(recorded)) }

// isEOF: the connection ended without a close frame. The kernel makes a reset of it
// when the server hadn't read all that was sent.
func isEOF(err error) bool {
	return websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || errors.Is(err, syscall.ECONNRESET)
}

// online keeps the bot online whatever its sockets do.
func (s *story) online(t *testing.T) {
	t.Helper()
	s.alone(t)
	s.call(t, s.bot.Token, "PUT", "/api/v4/users/"+s.bot.ID+"/status", object{"user_id": s.bot.ID, "status": "online"})
}

// alone waits until the bot's sockets are gone.
func (s *story) alone(t *testing.T) {
	t.Helper()
	if err := s.Wait(within(t), func() bool { return s.Sockets(s.bot.ID) == 0 }); err != nil {
		t.Fatal(err)
	}
}

func challenge(token string, seq int) object {
	return object{"seq": seq, "action": "authentication_challenge", "data": object{"token": token}}
}

func (s *socket) send(v any) {
	s.t.Helper()
	if err := s.WriteJSON(v); err != nil {
		s.t.Fatal(err)
	}
}

func TestSocketAuthentication(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	s.online(t)
	s.tell(t, "201-ws-auth-challenge", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, "", "")
		ws.send(challenge(s.bot.Token, 1))
		for _, want := range received(rec.Frames) {
			s.next(t, ws, want)
		}
	})
	s.online(t)
	s.tell(t, "202-ws-auth-header", func(t *testing.T, rec socketRecording) {
		s.same(t, dial(t, s.Server, s.bot.Token, ""), received(rec.Frames))
	})
	s.tell(t, "202b-ws-auth-header-then-challenge", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		ws.event("hello")
		ws.untilNow(t)
		ws.send(challenge(s.bot.Token, 1))
		s.same(t, ws, nil) // no reply at all
	})
	s.online(t)
	s.tell(t, "205b-ws-trailing-slash", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, "", "/")
		ws.send(challenge(s.bot.Token, 1))
		s.next(t, ws, received(rec.Frames)[0])
	})
	s.tell(t, "205-ws-foreign-origin", func(t *testing.T, rec socketRecording) { s.foreignOrigin(t, rec) })
	s.tell(t, "206b-ws-oversize", func(t *testing.T, _ socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		ws.event("hello")
		ws.send(object{"seq": 1, "action": "ping", "data": object{"x": strings.Repeat("y", 9000)}})
		if err := ws.ends(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
			t.Errorf("the socket ends with %v", err)
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

// TestSocketsThatDie: each ends without a close frame.
func TestSocketsThatDie(t *testing.T) { //nolint:tparallel // they share the server and its story
	t.Parallel()
	s := newStory(t, mattermost.WithTiming(func(timing *mattermost.Timing) { timing.AuthWait = 100 * time.Millisecond }))
	dead := map[string]func(t *testing.T) *socket{
		"203-ws-bad-token": func(t *testing.T) *socket {
			ws := dial(t, s.Server, "", "")
			ws.send(challenge("nosuchtokennosuchtokennosu", 1))
			return ws
		},
		"203b-ws-bad-token-header": func(t *testing.T) *socket { return dial(t, s.Server, "nosuchtokennosuchtokennosu", "") },
		"204-ws-no-auth":           func(t *testing.T) *socket { return dial(t, s.Server, "", "") },
		"204b-ws-action-before-auth": func(t *testing.T) *socket {
			ws := dial(t, s.Server, "", "")
			ws.send(object{"seq": 1, "action": "ping", "data": object{}})
			return ws
		},
		"204c-ws-auth-seq-0": func(t *testing.T) *socket {
			ws := dial(t, s.Server, "", "")
			ws.send(challenge(s.bot.Token, 0))
			return ws
		},
		"206-ws-not-json": func(t *testing.T) *socket {
			ws := dial(t, s.Server, s.bot.Token, "")
			ws.event("hello")
			if err := ws.WriteMessage(websocket.TextMessage, []byte("no json")); err != nil {
				t.Fatal(err)
			}
			return ws
		},
	}
	for name, open := range dead {
		s.tell(t, name, func(t *testing.T, _ socketRecording) {
			if err := open(t).ends(); !isEOF(err) {
				t.Errorf("the socket ends with %v, recorded was a FIN without a close frame", err)
			}
		})
	}
	t.Logf("replayed %d recordings of sockets", s.told)
}

func (s *story) foreignOrigin(t *testing.T, rec socketRecording) {
	t.Helper()
	_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/api/v4/websocket",
		http.Header{"Origin": {"http://evil.example.com"}})
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("a foreign origin is answered %v, %v", resp, err)
	}
	defer resp.Body.Close()
	got := make([]byte, 1000)
	n, _ := resp.Body.Read(got)
	var want, ours any
	for text, to := range map[string]*any{rec.ResponseBody: &want, string(got[:n]): &ours} {
		first, rest, _ := strings.Cut(text, "\n")
		if first != "Forbidden" || json.Unmarshal([]byte(rest), to) != nil {
			t.Fatalf("the body is %q", text)
		}
	}
	for _, diff := range s.dict.compare("body", want, ours) {
		t.Error(diff)
	}
}

func TestSocketFrames(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	s.tell(t, "200-ws-raw-bytes", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, "", "")
		ws.send(challenge(s.bot.Token, 1))
		for _, f := range rec.Frames {
			if f.Dir == "send" {
				continue
			}
			if strings.Contains(f.Raw, `"posted"`) {
				s.Say(s.alice.ID, s.ops.ID, "@opsbot raw <b> & \"quotes\" \u00fcml\u00e4ut \u2028", "")
			}
			if strings.Contains(f.Raw, "pong") {
				ws.send(object{"seq": 2, "action": "ping", "data": object{}})
			}
			_, data, err := ws.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			got := string(data)
			if strings.HasSuffix(got, "\n") != strings.HasSuffix(f.Raw, "\n") || strings.Contains(got, `"event": `) != strings.Contains(f.Raw, `"event": `) {
				t.Errorf("frame %q, recorded %q", got, f.Raw)
			}
			for _, diff := range s.dict.compareTexts("frame", f.Raw, got) {
				t.Error(diff)
			}
		}
	})
	s.tell(t, "207-ws-client-actions", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		ws.untilNow(t)
		for _, f := range rec.Frames {
			if f.Dir == "send" {
				if ids, ok := f.JSON["data"].(object)["user_ids"].([]any); ok {
					ids[0] = s.alice.ID
				}
				ws.send(f.JSON)
			}
		}
		for _, want := range received(rec.Frames) {
			got := ws.frame()
			if want["seq_reply"] == 5.0 { // alice is online here
				want["data"].(object)[recAlice] = "online"
			}
			for _, diff := range s.dict.compare("reply", want, got) {
				t.Error(diff)
			}
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

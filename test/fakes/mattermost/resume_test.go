package mattermost_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/mattermost"
)

// lose opens a socket, hears one post, and loses it; it gives the connection's id
// and the last sequence number. How tells how it is lost.
func (s *story) lose(t *testing.T, how func(ws *socket)) (id string, last int) {
	t.Helper()
	ws := dial(t, s.Server, s.bot.Token, "")
	id = ws.event("hello")["data"].(object)["connection_id"].(string)
	s.Say(s.alice.ID, s.ops.ID, "@opsbot before the drop", "")
	last = int(ws.event("posted")["seq"].(float64))
	how(ws)
	s.alone(t)
	return id, last
}

func cut(s *story) func(*socket) { return func(*socket) { s.CutSocket(s.bot.ID) } }

func (s *story) miss(n int) {
	for i := range n {
		s.Say(s.alice.ID, s.ops.ID, fmt.Sprintf("@opsbot missed %d", i+1), "")
	}
}

func resumeAt(id string, seq int) string {
	return fmt.Sprintf("?connection_id=%s&sequence_number=%d", id, seq)
}

// events are the names of frames, and their sequence numbers.
func events(frames []map[string]any) (names []string, seqs []int) {
	for _, f := range frames {
		if name, ok := f["event"].(string); ok {
			names = append(names, name)
			seqs = append(seqs, int(f["seq"].(float64)))
		}
	}
	return names, seqs
}

func TestResume(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	after := func(t *testing.T, rec socketRecording, query string) []map[string]any {
		t.Helper()
		ws := dial(t, s.Server, s.bot.Token, query)
		got := ws.untilNow(t)
		s.Say(s.alice.ID, s.ops.ID, "@opsbot after the reconnect", "")
		got = append(got, ws.untilNow(t)...)
		wantNames, wantSeqs := events(received(rec.After))
		names, seqs := events(got)
		if !slices.Equal(names, wantNames) {
			t.Errorf("after the reconnect came %v, want %v", names, wantNames)
		}
		shift := seqs[0] - wantSeqs[0]
		for i := range min(len(seqs), len(wantSeqs)) {
			if seqs[i] != wantSeqs[i]+shift {
				t.Errorf("the sequence numbers are %v, recorded %v", seqs, wantSeqs)
			}
		}
		ws.Close()
		s.alone(t)
		return got
	}
	s.tell(t, "240-ws-reconnect-resume-ok", func(t *testing.T, rec socketRecording) {
		id, last := s.lose(t, cut(s))
		s.miss(3)
		got := after(t, rec, resumeAt(id, last+1))
		if got[0]["seq"] != float64(last+1) {
			t.Errorf("it goes on with %v, want %d", got[0]["seq"], last+1)
		}
	})
	s.tell(t, "241-ws-reconnect-seq-is-last-seen", func(t *testing.T, rec socketRecording) {
		id, last := s.lose(t, cut(s))
		s.miss(3)
		after(t, rec, resumeAt(id, last))
	})
	s.tell(t, "245-ws-reconnect-seq-too-high", func(t *testing.T, rec socketRecording) {
		id, last := s.lose(t, cut(s))
		s.miss(3)
		got := after(t, rec, resumeAt(id, last+500))
		if hello := got[0]["data"].(object)["connection_id"]; hello == id {
			t.Error("the connection keeps its id though events are lost")
		}
	})
	s.tell(t, "244-ws-reconnect-unknown-connection", func(t *testing.T, rec socketRecording) {
		_, last := s.lose(t, cut(s))
		s.miss(3)
		after(t, rec, resumeAt("aaaaaaaaaaaaaaaaaaaaaaaaaa", last+1))
	})
	s.tell(t, "246-ws-reconnect-no-seq", func(t *testing.T, _ socketRecording) {
		id, _ := s.lose(t, cut(s))
		if err := dial(t, s.Server, s.bot.Token, "?connection_id="+id).ends(); !isEOF(err) {
			t.Errorf("without a sequence number the socket ends with %v", err)
		}
	})
	s.tell(t, "248-ws-reconnect-after-300-missed", func(t *testing.T, rec socketRecording) {
		id, last := s.lose(t, cut(s))
		s.miss(300)
		names, _ := events(dial(t, s.Server, s.bot.Token, resumeAt(id, last+1)).untilNow(t))
		if len(names) != len(rec.Seqs) || names[0] != "hello" {
			t.Errorf("after 300 missed events came %v, want hello and status_change", names)
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

func TestResumeOddly(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	s.tell(t, "243-ws-reconnect-after-clean-close", func(t *testing.T, _ socketRecording) {
		id, last := s.lose(t, func(ws *socket) {
			text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			if err := ws.WriteMessage(websocket.CloseMessage, text); err != nil {
				t.Fatal(err)
			}
			_ = ws.ends()
		})
		s.miss(3)
		ws := dial(t, s.Server, s.bot.Token, resumeAt(id, last+1))
		if names, _ := events(ws.untilNow(t)); len(names) != 5 || names[1] != "posted" {
			t.Errorf("after a clean close came %v, want the missed events and no hello", names)
		}
		ws.Close()
		s.alone(t)
	})
	s.tell(t, "242-ws-reconnect-via-challenge", func(t *testing.T, _ socketRecording) {
		id, last := s.lose(t, cut(s))
		s.miss(3)
		ws := dial(t, s.Server, "", resumeAt(id, last+1))
		ws.send(challenge(s.bot.Token, 1))
		first := ws.frame()
		if first["event"] != "hello" || first["data"].(object)["connection_id"] == id {
			t.Errorf("with a challenge nothing is resumed: %v", first)
		}
		if names, _ := events(ws.untilNow(t)); slices.Contains(names, "posted") {
			t.Errorf("missed events came: %v", names)
		}
		ws.Close()
		s.alone(t)
	})
	s.tell(t, "247-ws-reconnect-while-still-active", func(t *testing.T, _ socketRecording) {
		old := dial(t, s.Server, s.bot.Token, "")
		id := old.event("hello")["data"].(object)["connection_id"].(string)
		second := dial(t, s.Server, s.bot.Token, resumeAt(id, 1))
		if hello := second.event("hello"); hello["data"].(object)["connection_id"] == id {
			t.Error("an active connection was taken over")
		}
		s.Say(s.alice.ID, s.ops.ID, "@opsbot after the reconnect", "")
		s.told++ // 247b-ws-the-old-socket: it hears of it too
		old.event("posted")
		second.event("posted")
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

func TestResumeLater(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	late := func(t *testing.T, after time.Duration) []string {
		id, last := s.lose(t, cut(s))
		s.miss(1)
		s.clock.add(after)
		ws := dial(t, s.Server, s.bot.Token, resumeAt(id, last+1))
		names, _ := events(ws.untilNow(t))
		ws.Close()
		s.alone(t)
		return names
	}
	s.tell(t, "261-ws-resume-after-4-min", func(t *testing.T, _ socketRecording) {
		if names := late(t, 4*time.Minute); slices.Contains(names, "hello") || !slices.Contains(names, "posted") {
			t.Errorf("after 4 minutes came %v", names)
		}
	})
	s.tell(t, "262-ws-resume-after-11-min", func(t *testing.T, rec socketRecording) {
		want, _ := events(received(rec.Frames))
		if names := late(t, 11*time.Minute); !slices.Equal(names, want) {
			t.Errorf("after 11 minutes came %v, want %v", names, want)
		}
	})
	s.tell(t, "253-ws-resume-after-restart", func(t *testing.T, rec socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		id := ws.event("hello")["data"].(object)["connection_id"].(string)
		s.told++ // 252-ws-server-sigterm
		s.Stop()
		if err := ws.ends(); !isEOF(err) {
			t.Errorf("a stopped server's socket ends with %v", err)
		}
		s.miss(2)
		if err := s.Resume(); err != nil {
			t.Fatal(err)
		}
		want, _ := events(received(rec.Frames))
		if names, _ := events(dial(t, s.Server, s.bot.Token, resumeAt(id, 3)).untilNow(t)); !slices.Equal(names, want) {
			t.Errorf("after a restart came %v, want %v", names, want)
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

// failsLike sends a ping and compares the refusal.
func (s *story) failsLike(t *testing.T, ws *socket, rec socketRecording, n int) {
	t.Helper()
	ws.send(object{"seq": n + 1, "action": "ping", "data": object{}})
	got := ws.frame()
	for got["event"] != nil {
		if got["event"] == "posted" {
			t.Fatal("a zombie hears of posts")
		}
		got = ws.frame()
	}
	for _, diff := range s.dict.compare("reply", received(rec.Frames)[n], got) {
		t.Error(diff)
	}
}

// TestZombies: a socket that is no longer looked at stays open, silent and dead.
func TestZombies(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t, mattermost.WithTiming(func(timing *mattermost.Timing) { timing.AuthWait = time.Hour }))
	open := func(t *testing.T, token string) *socket {
		ws := dial(t, s.Server, token, "")
		ws.untilNow(t)
		return ws
	}
	s.tell(t, "250d-ws-token-revoked-after-8s", func(t *testing.T, rec socketRecording) {
		second := s.NewToken(s.bot.ID)
		ws := open(t, second)
		s.RevokeToken(second)
		s.Say(s.alice.ID, s.ops.ID, "@opsbot do you hear me?", "")
		s.failsLike(t, ws, rec, 0)
	})
	s.tell(t, "251g-ws-bot-disabled-after-8s", func(t *testing.T, rec socketRecording) {
		ws := open(t, s.bot.Token)
		s.DisableBot(s.bot.ID)
		s.failsLike(t, ws, rec, 0)
		s.EnableBot(s.bot.ID)
		s.Say(s.alice.ID, s.ops.ID, "@opsbot and now?", "")
		s.failsLike(t, ws, rec, 1)
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

// TestYoungSockets: within the first seconds a lost session ends the socket.
func TestYoungSockets(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t, mattermost.WithTiming(func(timing *mattermost.Timing) { timing.AuthWait = time.Second }))
	ends := func(t *testing.T, ws *socket) {
		t.Helper()
		if err := ws.ends(); !isEOF(err) {
			t.Errorf("the socket ends with %v", err)
		}
	}
	s.tell(t, "250b-ws-token-revoked", func(t *testing.T, _ socketRecording) {
		token := s.NewToken(s.bot.ID)
		ws := dial(t, s.Server, token, "")
		s.RevokeToken(token)
		ends(t, ws)
	})
	s.tell(t, "251b-ws-bot-disabled", func(t *testing.T, _ socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		s.DisableBot(s.bot.ID)
		ends(t, ws)
	})
	s.tell(t, "251d-ws-connect-disabled", func(t *testing.T, _ socketRecording) {
		ends(t, dial(t, s.Server, s.bot.Token, ""))
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

func TestSilentOnes(t *testing.T) { //nolint:tparallel // its only recording
	t.Parallel()
	s := newStory(t, mattermost.WithTiming(func(timing *mattermost.Timing) {
		timing.Ping, timing.PongWait = 50*time.Millisecond, time.Second
	}))
	s.tell(t, "260-ws-client-without-pong", func(t *testing.T, _ socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		pings := 0
		ws.SetPingHandler(func(string) error { pings++; return nil })
		if err := ws.ends(); !isEOF(err) || pings == 0 {
			t.Errorf("who never answers %d pings is dropped with %v", pings, err)
		}
	})
}

func TestSlowReaders(t *testing.T) { //nolint:tparallel // its only recording
	t.Parallel()
	s := newStory(t)
	s.tell(t, "905-ws-slow-consumer", func(t *testing.T, _ socketRecording) {
		ws := dial(t, s.Server, s.bot.Token, "")
		ws.event("hello")
		release := s.HoldEvents()
		s.miss(400)
		release()
		n := 0
		for {
			_, _, err := ws.ReadMessage()
			if err == nil {
				n++
				continue
			}
			if !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
				t.Errorf("a slow reader's socket ends with %v, recorded was an empty close frame", err)
			}
			break
		}
		if n < 256 || n > 260 {
			t.Errorf("%d frames were still readable, want what waited: 256", n)
		}
	})
}

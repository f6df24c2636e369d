package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/slack"
)

func TestEventsTakeTurns(t *testing.T) {
	t.Parallel()
	r := setup(t)
	one, hello := r.dial(t)
	two, second := r.dial(t)
	if hello["num_connections"] != 1.0 || second["num_connections"] != 2.0 {
		t.Errorf("greetings %v %v", hello, second)
	}
	r.await(t, "two connections", func() bool { return r.Connections() == 2 })
	r.Say(r.alice, r.dev, "first", "")
	r.Say(r.alice, r.dev, "second", "")
	a, b := frame(t, one), frame(t, two)
	acknowledge(t, two, a) // any connection will do
	acknowledge(t, two, b)
	if err := r.Settle(within(t)); err != nil || len(r.Acknowledged()) != 2 {
		t.Errorf("%v: %v", err, r.Acknowledged())
	}
}

func TestUnacknowledgedEventsComeAgain(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r := setup(t, slack.WithClock(clock))
	ws, _ := r.dial(t)
	r.Say(r.alice, r.dev, "hello", "")
	first := frame(t, ws)
	clock.wait(t, 3*time.Second)
	clock.advance(3 * time.Second)
	clock.wait(t, 10*time.Millisecond)
	clock.advance(time.Second)
	again := frame(t, ws)
	if again["retry_attempt"] != 1.0 || again["retry_reason"] != "timeout" || again["envelope_id"] == first["envelope_id"] {
		t.Errorf("again %v", again)
	}
	one, two := first["payload"].(map[string]any)["event_id"], again["payload"].(map[string]any)["event_id"]
	if one != two {
		t.Errorf("event ids %v and %v", one, two)
	}
	acknowledge(t, ws, again)
	if err := r.Settle(within(t)); err != nil || len(r.Lost()) != 0 {
		t.Errorf("%v: lost %v", err, r.Lost())
	}
}

func TestEventsWithoutAnyConnection(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Say(r.alice, r.dev, "hello", "")
	if err := r.Settle(within(t)); err != nil || len(r.Lost()) != 1 || !strings.HasSuffix(r.Lost()[0], "no_connection") {
		t.Errorf("%v: lost %v", err, r.Lost())
	}
	if a := r.Slash(r.alice, r.dev, "/ops", ""); a.Acked || a.Failure != "dispatch_failed" {
		t.Errorf("command %+v", a)
	}
	r.Hold()
	r.Say(r.alice, r.dev, "kept", "")
	ws, _ := r.dial(t)
	r.await(t, "connection", func() bool { return r.Connections() == 1 })
	r.Release()
	if text := frame(t, ws)["payload"].(map[string]any)["event"].(map[string]any)["text"]; text != "kept" {
		t.Errorf("text %v", text)
	}
}

func TestWrongAcknowledgementsFailTheTest(t *testing.T) {
	t.Parallel()
	for about, send := range map[string]func(ws *websocket.Conn, f map[string]any){
		"is no acknowledgement": func(ws *websocket.Conn, _ map[string]any) { _ = ws.WriteMessage(websocket.TextMessage, []byte("hi")) },
		"unknown envelope":      func(ws *websocket.Conn, _ map[string]any) { _ = ws.WriteJSON(map[string]any{"envelope_id": "x"}) },
		"acknowledged twice": func(ws *websocket.Conn, f map[string]any) {
			_ = ws.WriteJSON(map[string]any{"envelope_id": f["envelope_id"]})
			_ = ws.WriteJSON(map[string]any{"envelope_id": f["envelope_id"]})
		},
		"accepts none": func(ws *websocket.Conn, f map[string]any) {
			_ = ws.WriteJSON(map[string]any{"envelope_id": f["envelope_id"], "payload": map[string]any{"text": "x"}})
		},
		"unknown fields": func(ws *websocket.Conn, f map[string]any) {
			_ = ws.WriteJSON(map[string]any{"envelope_id": f["envelope_id"], "ok": true})
		},
		"drops them": func(ws *websocket.Conn, f map[string]any) {
			_ = ws.WriteJSON(map[string]any{"envelope_id": f["envelope_id"], "payload": strings.Repeat("x", 20<<10)})
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			r := setup(t, quiet())
			ws, _ := r.dial(t)
			r.Say(r.alice, r.dev, "hello", "")
			send(ws, frame(t, ws))
			r.await(t, "complaint", func() bool { return len(r.Unexpected()) > 0 || r.Connections() == 0 })
			r.complained(t, about)
		})
	}
}

func TestDisconnects(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r := setup(t, slack.WithClock(clock))
	ws, _ := r.dial(t)
	r.await(t, "connection", func() bool { return r.Connections() == 1 })
	r.Disconnect(slack.Warning)
	if f := frame(t, ws); f["type"] != "disconnect" || f["reason"] != "warning" {
		t.Errorf("frame %v", f)
	}
	r.Say(r.alice, r.dev, "still heard", "")
	acknowledge(t, ws, frame(t, ws))
	clock.wait(t, 10*time.Second)
	clock.advance(10 * time.Second)
	r.await(t, "the end", func() bool { return r.Connections() == 0 })

	old, _ := r.dial(t)
	fresh, _ := r.dial(t)
	r.await(t, "two connections", func() bool { return r.Connections() == 2 })
	r.Disconnect(slack.RefreshRequested)
	if f := frame(t, old); f["reason"] != "refresh_requested" {
		t.Errorf("frame %v", f)
	}
	r.Say(r.alice, r.dev, "to the other one", "")
	acknowledge(t, fresh, frame(t, fresh))
	r.await(t, "one connection", func() bool { return r.Connections() == 1 })
	r.Disconnect(slack.LinkDisabled)
	if f := frame(t, fresh); f["reason"] != "link_disabled" {
		t.Errorf("frame %v", f)
	}
	r.refused(t, "socket_mode_disabled", "apps.connections.open", "token", r.AppToken)
	r.EnableSocketMode()
	r.dial(t)
}

func TestTheEleventhConnectionIsRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for n := range 10 {
		r.dial(t)
		r.await(t, "connection", func() bool { return r.Connections() == n+1 })
	}
	if _, f := r.dial(t); f["type"] != "disconnect" || f["reason"] != "too_many_websockets" {
		t.Errorf("frame %v", f)
	}
}

func TestPingsAndSilence(t *testing.T) {
	t.Parallel()
	r := setup(t, slack.WithPing(5*time.Millisecond))
	ws, _ := r.dial(t)
	pinged := make(chan string, 100)
	ws.SetPingHandler(func(data string) error { pinged <- data; return nil })
	go func() { _, _, _ = ws.ReadMessage() }()
	for range 2 {
		select {
		case <-pinged:
		case <-within(t).Done():
			t.Fatal("no ping")
		}
	}
	r.CutConnections()
	r.await(t, "the end", func() bool { return r.Connections() == 0 })
}

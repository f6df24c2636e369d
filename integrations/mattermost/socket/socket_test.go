package socket

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/bot"
)

// peer gives the options for a server that talks as serve says.
func peer(t *testing.T, serve func(ws *websocket.Conn, r *http.Request)) Options {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var up websocket.Upgrader
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		defer ws.Close()
		serve(ws, r)
	}))
	t.Cleanup(srv.Close)
	return Options{URL: srv.URL, Token: "token", Clock: bot.SystemClock{}, Every: time.Hour}
}

func dial(t *testing.T, o Options) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFrames(t *testing.T) {
	t.Parallel()
	o := peer(t, func(ws *websocket.Conn, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || r.URL.Query().Get("connection_id") != "c1" || r.URL.Query().Get("sequence_number") != "7" {
			t.Errorf("asked for %s as %q", r.URL, r.Header.Get("Authorization"))
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte("{\"event\": \"posted\", \"data\": {\"post\":\"{\\\"id\\\":\\\"p\\\"}\",\"set_online\":true}, \"broadcast\": {\"channel_id\":\"c\"}, \"seq\": 7}\n"))
		_, _, _ = ws.ReadMessage() // the first ping
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"status":"OK","seq_reply":1}`))
	})
	o.ConnectionID, o.Sequence = "c1", 7
	c := dial(t, o)
	f, err := c.Next(t.Context())
	var post struct{ ID string }
	if err != nil || f.Event != "posted" || f.Seq != 7 || f.Broadcast.ChannelID != "c" || f.Text("set_online") != "" || f.Inner("post", &post) != nil || post.ID != "p" {
		t.Errorf("got %+v, %v", f, err)
	}
	if f, err = c.Next(t.Context()); err != nil || f.Event != "" || f.Status != "OK" {
		t.Errorf("the answer to the ping: %+v, %v", f, err)
	}
	if _, err = c.Next(t.Context()); err == nil {
		t.Error("the end is no error")
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		serve func(ws *websocket.Conn, r *http.Request)
		want  error
	}{
		"a session that is no more": {func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"status":"FAIL","seq_reply":1,"error":{"id":"api.web_socket_router.not_authenticated.app_error","status_code":401}}`))
			_, _, _ = ws.ReadMessage()
		}, ErrRevoked},
		"an event that is too large": {func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"`+strings.Repeat("x", mostFrame)+`"}`))
			_, _, _ = ws.ReadMessage()
		}, ErrTooLarge},
		"what is no JSON":  {func(ws *websocket.Conn, _ *http.Request) { _ = ws.WriteMessage(websocket.TextMessage, []byte("{")) }, nil},
		"a cut connection": {func(ws *websocket.Conn, _ *http.Request) { _ = ws.NetConn().Close() }, nil},
		"a close frame": {func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1009, ""), time.Now().Add(time.Second))
		}, nil},
	} {
		conn := dial(t, peer(t, c.serve))
		if _, err := conn.Next(t.Context()); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestASilentPeerIsDead: nobody answers, the kernel takes the bytes all the same.
func TestASilentPeerIsDead(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	o := peer(t, func(*websocket.Conn, *http.Request) { <-release })
	o.Every = 10 * time.Millisecond
	if _, err := dial(t, o).Next(t.Context()); err == nil {
		t.Error("a silent peer counts as alive")
	}
}

func TestPingsOfTheServerAreAnswered(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	o := peer(t, func(ws *websocket.Conn, _ *http.Request) {
		ws.SetPongHandler(func(data string) error { got <- data; return nil })
		_ = ws.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
		_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	dial(t, o)
	select {
	case data := <-got:
		if data != "x" {
			t.Errorf("the answer is %q", data)
		}
	case <-time.After(10 * time.Second):
		t.Error("no answer")
	}
}

func TestUpgradesThatAreRefused(t *testing.T) {
	t.Parallel()
	for status, check := range map[int]func(err error) bool{
		401: func(err error) bool { return errors.Is(err, ErrRevoked) },
		429: func(err error) bool { var w *WaitError; return errors.As(err, &w) && w.After == 7*time.Second },
		404: func(err error) bool { return strings.Contains(err.Error(), "404") },
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		}))
		_, err := Dial(t.Context(), Options{URL: srv.URL, Token: "secret-token", Clock: bot.SystemClock{}, Every: time.Hour})
		srv.Close()
		if err == nil || !check(err) || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, err := Dial(t.Context(), Options{URL: "http://127.0.0.1:1", Clock: bot.SystemClock{}, Every: time.Hour}); err == nil {
		t.Error("nobody listens there")
	}
}

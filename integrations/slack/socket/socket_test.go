package socket_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/bot"
	"opsbot/integrations/slack/socket"
)

// peer is what a test does with a connection after the upgrade.
type peer func(n int, ws *websocket.Conn)

// rig is a server of connections and a pool that opens them.
type rig struct {
	t      *testing.T
	pool   *socket.Pool
	opened chan int
	mu     sync.Mutex
	n      int
	seen   []string // envelopes that were handled
	handle func(e socket.Envelope) (any, error)
}

func setup(t *testing.T, quiet time.Duration, p peer) *rig {
	t.Helper()
	r := &rig{t: t, opened: make(chan int, 100)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, req, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		r.mu.Lock()
		r.n++
		n := r.n
		r.mu.Unlock()
		r.opened <- n
		p(n, ws)
	}))
	t.Cleanup(srv.Close)
	r.pool = socket.New(socket.Options{
		Open:    func(context.Context) (string, error) { return "ws" + strings.TrimPrefix(srv.URL, "http"), nil },
		InOrder: func(e socket.Envelope) bool { return e.Type == "events_api" },
		Handle: func(_ context.Context, e socket.Envelope) (any, error) {
			r.mu.Lock()
			r.seen = append(r.seen, e.ID)
			handle := r.handle
			r.mu.Unlock()
			if handle == nil {
				return nil, nil
			}
			return handle(e)
		},
		Clock: now{}, Log: slog.New(slog.DiscardHandler), Count: 1, Plain: true, Quiet: quiet,
	})
	return r
}

// now is a clock on which no wait takes any time.
type now struct{ bot.SystemClock }

func (now) After(time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	ch <- time.Time{}
	return ch
}

func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.pool.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (r *rig) wantOpened(n int) {
	r.t.Helper()
	for {
		select {
		case got := <-r.opened:
			if got >= n {
				return
			}
		case <-time.After(20 * time.Second):
			r.t.Fatalf("connection %d was not opened", n)
		}
	}
}

func hello(ws *websocket.Conn) { send(ws, `{"type":"hello"}`) }

func send(ws *websocket.Conn, frame string) {
	_ = ws.WriteMessage(websocket.TextMessage, []byte(frame)) // the other side may have gone
}

// drain reads until the connection ends.
func drain(ws *websocket.Conn) {
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}

// TestDeadPeer: a peer that neither speaks nor answers pings is given up, be the
// connection as open as it looks.
func TestDeadPeer(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	r := setup(t, 200*time.Millisecond, func(_ int, ws *websocket.Conn) {
		hello(ws)
		<-end
	})
	defer r.run()()
	defer close(end)
	r.wantOpened(3)
}

// TestQuietPeer: one that answers pings is kept, however little it says.
func TestQuietPeer(t *testing.T) {
	t.Parallel()
	answered := make(chan struct{}, 100)
	r := setup(t, 200*time.Millisecond, func(_ int, ws *websocket.Conn) {
		hello(ws)
		answer := ws.PingHandler()
		ws.SetPingHandler(func(s string) error { answered <- struct{}{}; return answer(s) })
		drain(ws)
	})
	defer r.run()()
	for range 10 {
		<-answered
	}
	if n := len(r.opened); n != 1 {
		t.Errorf("%d connections were opened", n)
	}
}

// TestGreeting: what does not greet is no connection.
func TestGreeting(t *testing.T) {
	t.Parallel()
	r := setup(t, 0, func(n int, ws *websocket.Conn) {
		switch n {
		case 1:
			send(ws, `{"type":"events_api","envelope_id":"x"}`)
		case 2:
			send(ws, `{"type":"disconnect","reason":"too_many_websockets"}`)
		case 3:
			send(ws, `no JSON`)
		default:
			hello(ws)
			drain(ws)
		}
	})
	defer r.run()()
	r.wantOpened(4)
	if r.mu.Lock(); len(r.seen) > 0 {
		t.Errorf("handled %q", r.seen)
	}
	r.mu.Unlock()
}

// TestAcknowledge: only what was dealt with is acknowledged, in order, with an answer
// where one is taken.
func TestAcknowledge(t *testing.T) {
	t.Parallel()
	acks := make(chan string, 10)
	r := setup(t, 0, func(n int, ws *websocket.Conn) {
		hello(ws)
		for i := range 3 {
			send(ws, fmt.Sprintf(`{"type":"events_api","envelope_id":"e%d","payload":{}}`, i))
		}
		send(ws, `garbage`)
		send(ws, `{"type":"interactive","envelope_id":"panic"}`)
		send(ws, `{"type":"interactive","envelope_id":"i","accepts_response_payload":true}`)
		for n == 1 {
			_, body, err := ws.ReadMessage()
			if err != nil {
				return
			}
			acks <- string(body)
		}
		drain(ws)
	})
	r.handle = func(e socket.Envelope) (any, error) {
		switch e.ID {
		case "e1":
			return nil, errors.New("not stored")
		case "panic":
			return []any{}[len(e.ID)], nil
		}
		return map[string]string{"answer": e.ID}, nil
	}
	defer r.run()()
	got := map[string]bool{}
	for range 3 {
		got[<-acks] = true
	}
	for _, want := range []string{`{"envelope_id":"e0"}`, `{"envelope_id":"e2"}`, `{"envelope_id":"i","payload":{"answer":"i"}}`} {
		if !got[want] {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if order := strings.Join(r.seen, " "); !strings.Contains(strings.NewReplacer("i ", "", "panic ", "").Replace(order), "e0 e1 e2") {
		t.Errorf("handled in the order %s", order)
	}
}

// TestStop: what came before the end is still acknowledged.
func TestStop(t *testing.T) {
	t.Parallel()
	inside, leave, acked := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := setup(t, 0, func(_ int, ws *websocket.Conn) {
		hello(ws)
		send(ws, `{"type":"events_api","envelope_id":"e"}`)
		if _, body, err := ws.ReadMessage(); err == nil && json.Valid(body) {
			close(acked)
		}
	})
	r.handle = func(socket.Envelope) (any, error) {
		close(inside)
		<-leave
		return nil, nil
	}
	stop := r.run()
	<-inside
	go close(leave)
	stop()
	select {
	case <-acked:
	case <-time.After(20 * time.Second):
		t.Error("not acknowledged")
	}
}

// TestAddress: a connection that is not encrypted is only made to this machine, and an
// address is never told.
func TestAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"ws://slack.example.com/?ticket=secret", "http://127.0.0.1/?ticket=secret", "::ticket=secret", "ws://127.0.0.1:1/?ticket=secret"} {
		asked := make(chan struct{}, 100)
		pool := socket.New(socket.Options{
			Open:   func(context.Context) (string, error) { asked <- struct{}{}; return address, nil },
			Handle: func(context.Context, socket.Envelope) (any, error) { return nil, nil }, InOrder: func(socket.Envelope) bool { return true },
			Clock: bot.SystemClock{}, Log: slog.New(slog.DiscardHandler), Count: 1, Plain: true,
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = pool.Run(ctx) }()
		<-asked
		<-asked
		cancel()
		<-done
		if _, problem := pool.Up(); problem == "" || strings.Contains(problem, "secret") {
			t.Errorf("%s: the problem is %q", address, problem)
		}
	}
}

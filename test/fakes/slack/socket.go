package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The bounds of Socket Mode.
const (
	maxSockets  = 10
	maxResponse = 20 << 10 // of an acknowledgement with payload; larger ones are dropped
	writeBound  = 5 * time.Second
)

// sockets are the open connections and what waits for their acknowledgement.
type sockets struct {
	conns   []*conn
	next    int // of the round
	n       int
	acks    map[string]*ack // by envelope id
	tickets map[string]bool // of addresses that were not used yet
	silent  bool            // no pings
	off     bool            // Socket Mode is turned off
}

// ack waits for an envelope to be acknowledged.
type ack struct {
	accepts bool
	done    bool
	got     chan json.RawMessage // buffered by one
}

// conn is one WebSocket connection of the app.
type conn struct {
	id      int
	ws      *websocket.Conn
	write   sync.Mutex
	leaving bool // told to go: gets nothing new
	gone    chan struct{}
	once    sync.Once
}

func (c *conn) cut() {
	c.once.Do(func() { close(c.gone) })
	_ = c.ws.Close()
}

func (c *conn) send(frame any) error {
	body, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	c.write.Lock()
	defer c.write.Unlock()
	return c.put(body)
}

// put writes a frame. The write lock is held.
func (c *conn) put(body []byte) error {
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeBound)) // the machine's clock: the network knows no other
	return c.ws.WriteMessage(websocket.TextMessage, body)
}

func (s *Server) appsConnectionsOpen(*call) (object, *apiError) {
	if s.sockets.off {
		return nil, fail("socket_mode_disabled")
	}
	s.ids++
	ticket := fmt.Sprintf("%08x-ticket", s.ids)
	s.sockets.tickets[ticket] = true
	return object{"url": "ws" + strings.TrimPrefix(s.base(), "http") + "/link/?ticket=" + ticket + "&app_id=" + s.AppID}, nil
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	fresh := s.sockets.tickets[ticket] && !s.closed
	delete(s.sockets.tickets, ticket)
	s.mu.Unlock()
	if !fresh {
		s.unexpected("a connection address was used twice, or never given out")
		http.NotFound(w, r)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &conn{ws: ws, gone: make(chan struct{})}
	if !s.admit(c) {
		c.cut()
		return
	}
	s.wg.Go(func() { s.ping(c) })
	s.listen(c)
}

// admit takes a connection into the round and greets it. It is in the round before the
// client can know, and the greeting is the first frame all the same.
func (s *Server) admit(c *conn) bool {
	c.write.Lock()
	hello, code := s.enter(c)
	if hello == nil {
		c.write.Unlock()
		if code != "" {
			s.mu.Lock()
			frame := s.disconnectFrame(code, c)
			s.mu.Unlock()
			_ = c.send(frame)
		}
		return false
	}
	err := c.put(hello)
	c.write.Unlock()
	if err != nil {
		s.forget(c)
	}
	return err == nil
}

// enter adds a connection and gives its greeting, or why there is none.
func (s *Server) enter(c *conn) (hello []byte, refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ""
	case len(s.sockets.conns) >= maxSockets:
		return nil, "too_many_websockets"
	}
	s.sockets.n++
	c.id = s.sockets.n
	s.sockets.conns = append(s.sockets.conns, c)
	s.touch()
	hello, _ = json.Marshal(object{
		"type": "hello", "num_connections": len(s.sockets.conns), "connection_info": object{"app_id": s.AppID},
		"debug_info": object{"host": c.host(), "build_number": 999, "approximate_connection_time": 18060},
	})
	return hello, ""
}

func (c *conn) host() string { return fmt.Sprintf("applink-%d", c.id) }

// ping keeps a connection alive, by the machine's clock as the client watches it by its own.
func (s *Server) ping(c *conn) {
	if s.cfg.ping <= 0 {
		return
	}
	beat := time.NewTicker(s.cfg.ping)
	defer beat.Stop()
	for n := 0; ; n++ {
		s.mu.Lock()
		silent := s.sockets.silent
		s.mu.Unlock()
		if !silent && c.ws.WriteControl(websocket.PingMessage, fmt.Appendf(nil, "Ping from %s %d", c.host(), n), time.Now().Add(writeBound)) != nil {
			c.cut()
			return
		}
		select {
		case <-beat.C:
		case <-c.gone:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// listen reads acknowledgements until the connection ends.
func (s *Server) listen(c *conn) {
	defer s.forget(c)
	for {
		_, body, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		s.acknowledged(body)
	}
}

func (s *Server) forget(c *conn) {
	c.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.sockets.conns {
		if other == c {
			s.sockets.conns = append(s.sockets.conns[:i:i], s.sockets.conns[i+1:]...)
		}
	}
	s.touch()
}

func (s *Server) acknowledged(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var frame map[string]json.RawMessage
	var id string
	if json.Unmarshal(body, &frame) != nil || json.Unmarshal(frame["envelope_id"], &id) != nil {
		s.surprise("socket: %.200s is no acknowledgement", body)
		return
	}
	payload := frame["payload"]
	delete(frame, "envelope_id")
	delete(frame, "payload")
	a := s.sockets.acks[id]
	switch {
	case len(frame) > 0:
		s.surprise("socket: acknowledgement with unknown fields: %.200s", body)
	case a == nil:
		s.surprise("socket: acknowledgement of an unknown envelope %q", id)
	case a.done:
		s.surprise("socket: envelope %s acknowledged twice", id)
	case len(body) >= maxResponse:
		s.surprise("socket: acknowledgement of %d bytes; from %d on Slack drops them", len(body), maxResponse)
	case !a.accepts && len(payload) > 0 && string(payload) != "null":
		s.surprise("socket: payload for an envelope that accepts none: %.200s", body)
		fallthrough
	default:
		a.done = true
		a.got <- payload
	}
}

// pick gives the connection whose turn it is, nil if there is none. The lock is held.
func (s *Server) pick() *conn {
	n := len(s.sockets.conns)
	for i := range n {
		c := s.sockets.conns[(s.sockets.next+i)%n]
		if !c.leaving {
			s.sockets.next = (s.sockets.next + i + 1) % n
			return c
		}
	}
	return nil
}

package mattermost

import (
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// conn is one connection of a client: it outlives its socket for a while.
type conn struct {
	server *Server
	// The server's mutex guards these.
	id, userID, token string
	ack               bool // the client asked for should_ack
	dead              bool // a zombie: its session ended
	lostAt            time.Time

	mu      sync.Mutex
	queue   []message
	sent    []sentMessage
	seq     int64 // of the next event
	closing bool  // too slow: close after what waits
	socket  *websocket.Conn
	wake    chan struct{}
}

type sentMessage struct {
	seq int64
	msg message
}

func newConn(s *Server, userID, token string, ack bool) *conn {
	return &conn{server: s, id: newID(), userID: userID, token: token, ack: ack, wake: make(chan struct{}, 1)}
}

func (c *conn) active() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socket != nil
}

// push queues m; it is false when too much waits, and then the connection is lost.
func (c *conn) push(m message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	full := len(c.queue) >= mostWaiting
	if full {
		c.closing = true
	} else {
		c.queue = append(c.queue, m)
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return !full
}

// cut ends the socket with a FIN.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		_ = c.socket.NetConn().Close()
	}
}

func (c *conn) hello() message {
	return message{
		name: "hello", to: broadcast{UserID: c.userID},
		data: map[string]any{"connection_id": c.id, "server_hostname": "vm", "server_version": versionID},
	}
}

// resume prepares the queue for a client that has seen all before seq. When those
// events are still known, or none was missed, it goes on as if nothing had been;
// otherwise it is a new connection with a hello, which still gets what waits.
func (c *conn) resume(seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.sent, func(s sentMessage) bool { return s.seq == seq }); i >= 0 {
		var again []message
		for _, s := range c.sent[i:] {
			again = append(again, s.msg)
		}
		c.sent = slices.Clone(c.sent[:i])
		c.seq = seq
		c.queue = append(again, c.queue...)
		return
	}
	if seq == c.seq {
		return
	}
	c.id, c.seq, c.sent = newID(), 0, nil
	c.queue = append([]message{c.hello()}, c.queue...)
}

// next takes the next frame to write; closing is true when nothing is left and the
// connection is to end. A socket that was lost gets nothing more.
func (c *conn) next(ws *websocket.Conn) (frame []byte, closing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != ws {
		return nil, false
	}
	if len(c.queue) == 0 {
		return nil, c.closing
	}
	m := c.queue[0]
	c.queue = c.queue[1:]
	frame = m.encode(c.seq)
	if m.reply == nil {
		c.sent = append(c.sent, sentMessage{seq: c.seq, msg: m})
		if len(c.sent) > mostSent {
			c.sent = c.sent[1:]
		}
		c.seq++
	}
	return frame, false
}

// pump writes until the socket ends.
func (c *conn) pump(ws *websocket.Conn, done <-chan struct{}) {
	timing := c.server.opt.timing
	ping := time.NewTicker(timing.Ping)
	defer ping.Stop()
	defer func() { _ = ws.NetConn().Close() }()
	for {
		if !c.mayWrite(done) {
			return
		}
		frame, closing := c.next(ws)
		switch {
		case frame != nil:
			_ = ws.SetWriteDeadline(time.Now().Add(timing.WriteWait))
			if ws.WriteMessage(websocket.TextMessage, frame) != nil {
				return
			}
			continue
		case closing:
			_ = ws.SetWriteDeadline(time.Now().Add(timing.WriteWait))
			_ = ws.WriteMessage(websocket.CloseMessage, nil)
			return
		}
		select {
		case <-c.wake:
		case <-ping.C:
			if ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(timing.WriteWait)) != nil {
				return
			}
		case <-done:
			return
		}
	}
}

// mayWrite waits while events are held.
func (c *conn) mayWrite(done <-chan struct{}) bool {
	c.server.mu.Lock()
	held := c.server.hub.held
	c.server.mu.Unlock()
	select {
	case <-held:
		return true
	case <-done:
		return false
	}
}

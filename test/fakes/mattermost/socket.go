package mattermost

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// mostFrame is the size of the largest frame that a client may send.
const mostFrame = 8192

// serveSocket takes /api/v4/websocket. A bad token in the header still gets 101; the
// socket then dies after a while, without a close frame.
func (s *Server) serveSocket(c *call) {
	q := c.r.URL.Query()
	for key := range q {
		if !slices.Contains([]string{"connection_id", "sequence_number", "posted_ack", "disconnect_err_code"}, key) {
			c.oddly("unknown query parameter %q", key)
		}
	}
	if origin := c.r.Header.Get("Origin"); origin != "" && !sameHost(origin, c.r.Host) {
		c.refuseOrigin(origin)
		return
	}
	rec := c.w.(*recorder)
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(rec.ResponseWriter, c.r, nil)
	if err != nil {
		c.oddly("upgrade: %v", err)
		return
	}
	rec.status = http.StatusSwitchingProtocols
	token, _ := tokenOf(c.r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = ws.NetConn().Close()
		return
	}
	if sess := s.state.sessions[token]; sess.alive() {
		c.who = sess.user
	}
	s.wg.Go(func() { s.socket(ws, c.who, token, q) })
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host == host
}

func (c *call) refuseOrigin(origin string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Sec-Websocket-Version", "13")
	c.w.WriteHeader(http.StatusForbidden)
	e := fail(http.StatusBadRequest, "api.web_socket.connect.upgrade.app_error", "URL Blocked because of CORS. Url: "+origin)
	e.RequestID = c.id
	fmt.Fprintf(c.w, "Forbidden\n%s", mustJSON(e))
}

// socket lives as long as the connection does.
func (s *Server) socket(ws *websocket.Conn, u *user, token string, q url.Values) {
	defer func() { _ = ws.NetConn().Close() }()
	done := make(chan struct{})
	defer close(done)
	var c *conn
	if u != nil {
		if c = s.connect(u, token, q, ws); c == nil {
			return
		}
	} else {
		c = newConn(s, "", "", q.Get("posted_ack") == "true")
	}
	s.wg.Go(func() { s.authTimer(c, ws, done) })
	if u != nil {
		s.wg.Go(func() { c.pump(ws, done) })
	}
	s.read(c, ws, done)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.detach(ws)
	if c.userID != "" {
		s.hub.depart(c)
	}
}

// connect finds the connection to resume, or makes one. It is nil when the client
// named a connection without a sequence number.
func (s *Server) connect(u *user, token string, q url.Values, ws *websocket.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c *conn
	if id := q.Get("connection_id"); id != "" {
		seq, err := strconv.ParseInt(q.Get("sequence_number"), 10, 64)
		if err != nil {
			return nil
		}
		if c = s.hub.resumable(id, u.ID); c != nil {
			c.resume(seq)
		}
	}
	if c == nil {
		c = newConn(s, u.ID, token, q.Get("posted_ack") == "true")
		c.push(c.hello())
	}
	c.token = token
	c.attach(ws)
	s.hub.arrive(c)
	return c
}

func (c *conn) attach(ws *websocket.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket = ws
}

func (c *conn) detach(ws *websocket.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket == ws {
		c.socket = nil
	}
}

// authTimer ends a socket that isn't authenticated when its time is up, also one
// whose token was revoked meanwhile.
func (s *Server) authTimer(c *conn, ws *websocket.Conn, done <-chan struct{}) {
	select {
	case <-time.After(s.opt.timing.AuthWait):
	case <-done:
		return
	}
	s.mu.Lock()
	anonymous := c.userID == "" || c.dead
	s.mu.Unlock()
	if anonymous {
		_ = ws.NetConn().Close()
	}
}

// read takes the client's frames until the socket ends.
func (s *Server) read(c *conn, ws *websocket.Conn, done <-chan struct{}) {
	wait := s.opt.timing.PongWait
	ws.SetReadLimit(mostFrame)
	_ = ws.SetReadDeadline(time.Now().Add(wait))
	ws.SetPongHandler(func(string) error { return ws.SetReadDeadline(time.Now().Add(wait)) })
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			return
		}
		var in clientAction
		if json.Unmarshal(frame, &in) != nil {
			return
		}
		if in.Action == "authentication_challenge" {
			if !s.challenge(c, ws, in, done) {
				return
			}
			continue
		}
		s.act(c, in)
	}
}

type clientAction struct {
	Seq    int64          `json:"seq"`
	Action string         `json:"action"`
	Data   map[string]any `json:"data"`
}

// challenge authenticates inside the socket: hello first, the reply after it. A
// second one isn't answered at all; a bad token ends the socket at once.
func (s *Server) challenge(c *conn, ws *websocket.Conn, in clientAction, done <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.userID != "" || in.Seq < 1 {
		return true
	}
	token, _ := in.Data["token"].(string)
	sess := s.state.sessions[token]
	if !sess.alive() {
		return false
	}
	c.userID, c.token = sess.user.ID, token
	c.push(c.hello())
	c.push(reply(in.Seq, nil, nil))
	c.attach(ws)
	s.hub.arrive(c)
	s.wg.Go(func() { c.pump(ws, done) })
	return true
}

// act answers a client's action; before authentication nothing is answered.
func (s *Server) act(c *conn, in clientAction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.userID == "" {
		return
	}
	data, err := s.doAction(c, in)
	c.push(reply(in.Seq, data, err))
}

func (s *Server) doAction(c *conn, in clientAction) (any, *apiError) {
	switch {
	case in.Action == "":
		return nil, fail(http.StatusBadRequest, "api.web_socket_router.no_action.app_error", "No websocket action.")
	case c.dead:
		return nil, fail(http.StatusUnauthorized, "api.web_socket_router.not_authenticated.app_error", "WebSocket connection is not authenticated. Please log in and try again.")
	}
	switch in.Action {
	case "ping":
		return map[string]any{"node_id": "", "server_time": s.now(), "text": "pong", "version": version}, nil
	case "user_typing":
		channel, _ := in.Data["channel_id"].(string)
		parent, _ := in.Data["parent_id"].(string)
		s.typingEvent(s.state.users[c.userID], channel, parent)
		return nil, nil
	case "posted_ack":
		return nil, nil
	case "get_statuses":
		return map[string]string{c.userID: s.state.users[c.userID].Status}, nil
	case "get_statuses_by_ids":
		out := map[string]string{}
		ids, _ := in.Data["user_ids"].([]any)
		for _, id := range ids {
			if u := s.state.users[fmt.Sprint(id)]; u != nil {
				out[u.ID] = u.Status
			}
		}
		return out, nil
	}
	if !s.closed {
		s.opt.unexpected("unknown WebSocket action " + strconv.Quote(in.Action))
	}
	return nil, fail(http.StatusInternalServerError, "api.web_socket_router.bad_action.app_error", "Unknown WebSocket action.")
}

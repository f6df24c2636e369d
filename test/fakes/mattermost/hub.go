package mattermost

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

const (
	mostWaiting = 256 // events of one connection, then it is closed
	mostSent    = 128 // events that can be sent again to who comes back
)

// broadcast says who gets an event.
type broadcast struct {
	OmitUsers        map[string]bool `json:"omit_users"`
	UserID           string          `json:"user_id"`
	ChannelID        string          `json:"channel_id"`
	TeamID           string          `json:"team_id"`
	ConnectionID     string          `json:"connection_id"`
	OmitConnectionID string          `json:"omit_connection_id"`
	Sanitized        bool            `json:"contains_sanitized_data,omitempty"`
}

// event is what happened; own adds to the data what concerns one connection alone.
type event struct {
	name string
	data map[string]any
	to   broadcast
	own  func(*conn, map[string]any)
}

// message is an event, or the reply to a client's action, on its way to one socket.
type message struct {
	name   string
	data   map[string]any
	to     broadcast
	spaced bool // the server's prepared form, with spaces and no line end
	reply  []byte
}

// encode gives the frame's text. Its spacing varies as the server's does: clients
// have to parse, not to match text.
func (m message) encode(seq int64) []byte {
	if m.reply != nil {
		return append(m.reply, '\n')
	}
	data, to := mustJSON(m.data), mustJSON(m.to)
	if m.spaced {
		return fmt.Appendf(nil, `{"event": %q, "data": %s, "broadcast": %s, "seq": %d}`, m.name, data, to, seq)
	}
	return fmt.Appendf(nil, `{"event":%q,"data":%s,"broadcast":%s,"seq":%d}`+"\n", m.name, data, to, seq)
}

// hub knows all connections, also lost ones that may be resumed. The server's mutex
// guards it.
type hub struct {
	server *Server
	conns  []*conn
	held   chan struct{} // closed when events may go out, see HoldEvents
}

func newHub(s *Server) *hub {
	open := make(chan struct{})
	close(open)
	return &hub{server: s, held: open}
}

// publish puts e into the queue of every connection that is to have it.
func (h *hub) publish(e event) {
	for _, c := range slices.Clone(h.conns) {
		if !h.wants(c, e.to) {
			continue
		}
		m := message{name: e.name, data: e.data, to: e.to, spaced: e.own == nil}
		if e.own != nil {
			m.data = maps.Clone(e.data)
			e.own(c, m.data)
		}
		if !c.push(m) {
			h.drop(c)
		}
	}
}

// wants: a dead connection gets nothing, ever; channel events go to members only.
func (h *hub) wants(c *conn, to broadcast) bool {
	st := h.server.state
	switch {
	case c.dead || to.OmitUsers[c.userID]:
		return false
	case to.UserID != "":
		return to.UserID == c.userID
	case to.ChannelID != "":
		ch := st.channels[to.ChannelID]
		return ch != nil && ch.members[c.userID] != nil
	case to.TeamID != "":
		t := st.team(to.TeamID)
		return t != nil && t.members[c.userID]
	}
	return true
}

func (h *hub) drop(c *conn) {
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
}

// deaden makes zombies: sockets that stay open and silent.
func (h *hub) deaden(which func(*conn) bool) {
	for _, c := range h.conns {
		if which(c) {
			c.dead = true
		}
	}
}

// forget ends all sockets and what could be resumed.
func (h *hub) forget() {
	for _, c := range h.conns {
		c.cut()
	}
	h.conns = nil
}

// resumable finds the lost connection that a client comes back for.
func (h *hub) resumable(id, userID string) *conn {
	for _, c := range h.conns {
		if c.id == id && c.userID == userID && !c.active() && !c.dead {
			if h.server.opt.now().Sub(c.lostAt) <= h.server.opt.timing.Idle {
				return c
			}
			h.drop(c)
			return nil
		}
	}
	return nil
}

// arrive registers a socket; the user is online then.
func (h *hub) arrive(c *conn) {
	if !slices.Contains(h.conns, c) {
		h.conns = append(h.conns, c)
	}
	if u := h.server.state.users[c.userID]; u != nil {
		h.server.setStatus(u, "online")
	}
	h.server.touch()
}

// depart notes that a socket ended: its queue goes on filling, for a client that
// comes back. With the last one the user is offline.
func (h *hub) depart(c *conn) {
	c.lostAt = h.server.opt.now()
	if u := h.server.state.users[c.userID]; u != nil && h.sockets(c.userID) == 0 {
		h.server.setStatus(u, "offline")
	}
	h.server.touch()
}

func (h *hub) sockets(userID string) int {
	n := 0
	for _, c := range h.conns {
		if c.userID == userID && c.active() {
			n++
		}
	}
	return n
}

// Sockets is the number of open sockets of a user, zombies included.
func (s *Server) Sockets(userID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hub.sockets(userID)
}

// CutSocket ends a user's sockets without a close frame; they can be resumed.
func (s *Server) CutSocket(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.hub.conns {
		if c.userID == userID {
			c.cut()
		}
	}
}

// HoldEvents keeps all events back until release is called, so that answers come
// before the events that they caused. (Without it mostly the events are first.)
func (s *Server) HoldEvents() (release func()) {
	held := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.held = held
	return func() { close(held) }
}

// Emit sends an event of any name to a user's sockets, for what a client has to
// bear: events that it doesn't know.
func (s *Server) Emit(userID, name string, data map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.publish(event{name: name, data: data, to: broadcast{UserID: userID}})
}

// reply is the answer to a client's action.
func reply(seq int64, data any, err *apiError) message {
	out := map[string]any{"status": "OK", "seq_reply": seq}
	if data != nil {
		out["data"] = data
	}
	if err != nil {
		out["status"], out["error"] = "FAIL", err
	}
	text, _ := json.Marshal(out)
	return message{reply: text}
}

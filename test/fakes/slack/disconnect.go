package slack

import "time"

// The reasons of a disconnect frame.
const (
	Warning          = "warning"           // the connection ends in about 10 s
	RefreshRequested = "refresh_requested" // another one is wanted in its place
	LinkDisabled     = "link_disabled"     // Socket Mode was turned off
)

// notice is how long before its end a connection is warned.
const disconnectNotice = 10 * time.Second

// Connections tells how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets.conns)
}

// Opened tells how many connections there have been.
func (s *Server) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets.n
}

// Disconnect announces the end of the oldest connection that does not know yet, and
// ends it: with Warning 10 s later by the server's clock, otherwise soon. LinkDisabled
// is told to all, and no other can be opened until EnableSocketMode.
func (s *Server) Disconnect(reason string) {
	s.mu.Lock()
	var told []*conn
	for _, c := range s.sockets.conns {
		if !c.leaving && (len(told) == 0 || reason == LinkDisabled) {
			told = append(told, c)
			c.leaving = reason != Warning
		}
	}
	if reason == LinkDisabled {
		s.sockets.off = true
	}
	if len(told) == 0 {
		s.misuse("Disconnect: no connection is open")
	}
	s.mu.Unlock()
	for _, c := range told {
		s.mu.Lock()
		frame := s.disconnectFrame(reason, c)
		s.mu.Unlock()
		_ = c.send(frame)
		s.wg.Go(func() { s.end(c, reason) })
	}
}

// end closes a connection that was told so.
func (s *Server) end(c *conn, reason string) {
	wait := 100 * time.Millisecond
	after := time.After(wait) // the machine's clock: a client needs it to read the frame
	if reason == Warning {
		after = s.clock.After(disconnectNotice)
	}
	select {
	case <-after:
	case <-c.gone:
	case <-s.ctx.Done():
	}
	c.cut()
}

func (s *Server) disconnectFrame(reason string, c *conn) object {
	return object{
		"type": "disconnect", "reason": reason, "num_connections": len(s.sockets.conns), "debug_info": object{"host": c.host()},
		"connection_info": object{"app_id": s.AppID},
	}
}

// EnableSocketMode turns Socket Mode on again.
func (s *Server) EnableSocketMode() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets.off = false
}

// CutConnections ends all connections without a word, as a broken network does.
func (s *Server) CutConnections() {
	s.mu.Lock()
	conns := s.sockets.conns
	s.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
}

// StopPings leaves connections open but silent, as a dead peer does; false resumes.
func (s *Server) StopPings(stop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets.silent = stop
}

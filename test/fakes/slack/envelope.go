package slack

import (
	"encoding/json"
	"fmt"
)

// envelope sends a frame over one connection and prepares for its acknowledgement;
// nil if there is no connection that takes it.
func (s *Server) envelope(kind string, payload json.RawMessage, accepts bool, more object) *ack {
	for range maxSockets {
		s.mu.Lock()
		c := s.pick()
		if c == nil {
			s.mu.Unlock()
			return nil
		}
		s.ids++
		id := fmt.Sprintf("%08x-72a5-4744-aba3-4d66eb52682b", s.ids)
		a := &ack{accepts: accepts, got: make(chan json.RawMessage, 1)}
		s.sockets.acks[id] = a
		s.mu.Unlock()
		frame := object{"envelope_id": id, "payload": payload, "type": kind, "accepts_response_payload": accepts}
		for k, v := range more {
			frame[k] = v
		}
		if c.send(frame) == nil {
			return a
		}
		s.forget(c)
	}
	return nil
}

// overSocket makes one attempt to deliver an event to one of the connections.
func (s *Server) overSocket(a attempt) (reason string, final bool) {
	waiting := s.envelope("events_api", a.body, false, object{"retry_attempt": a.number, "retry_reason": a.reason})
	if waiting == nil {
		return "no_connection", false
	}
	a.sent()
	select {
	case <-waiting.got:
		return "", true
	case <-s.clock.After(s.cfg.ackIn):
		return "timeout", false
	case <-s.ctx.Done():
		return "closed", true
	}
}

// askSocket sends a command or an interaction to one of the connections.
func (s *Server) askSocket(kind string, payload object, accepts bool) Answer {
	body, err := json.Marshal(payload)
	if err != nil {
		return Answer{Failure: err.Error()}
	}
	waiting := s.envelope(kind, body, accepts, nil)
	if waiting == nil {
		return Answer{Failure: "dispatch_failed"}
	}
	select {
	case got := <-waiting.got:
		if string(got) == "null" {
			got = nil
		}
		return Answer{Acked: true, Body: got}
	case <-s.clock.After(s.cfg.ackIn):
		return Answer{Failure: "operation_timeout"}
	case <-s.ctx.Done():
		return Answer{Failure: "closed"}
	}
}

package slack

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Call is one request to the Web API, as it was answered.
type Call struct {
	Method  string
	Channel string         // "" when the method has none
	Args    map[string]any // as sent, without the token
	At      time.Time      // by the server's clock
	Status  int            // of HTTP; -1 when the connection was cut
	Error   string         // Slack's code, "" for ok
}

// Calls lists all calls in the order in which they were answered.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// CallsOf lists the calls of one method.
func (s *Server) CallsOf(method string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Method != method })
}

// ForgetCalls empties the journal.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Busiest gives the most posts and edits that a channel got within any span of the
// given length, refused ones not counted.
func (s *Server) Busiest(channel string, span time.Duration) int {
	var at []time.Time
	for _, c := range s.Calls() {
		if c.Channel == channel && c.Error == "" && c.Status == http.StatusOK && (c.Method == "chat.postMessage" || c.Method == "chat.update") {
			at = append(at, c.At)
		}
	}
	most, from := 0, 0
	for to := range at {
		for at[to].Sub(at[from]) >= span {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// Expectation is a call that has to come before the server is closed.
type Expectation struct {
	Method, Channel string          // Channel "" = any
	Times           int             // exactly; 0 = at least once
	Match           func(Call) bool // nil = any
	seen            int
}

// Expect adds an expectation; Close reports what did not come.
func (s *Server) Expect(e Expectation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = append(s.expected, &e)
}

func (s *Server) unmet() []string {
	var out []string
	for _, e := range s.expected {
		if e.seen != e.Times && (e.Times > 0 || e.seen == 0) {
			out = append(out, fmt.Sprintf("expected %s %d times, got %d", e.Method, max(e.Times, 1), e.seen))
		}
	}
	return out
}

// record writes a call into the journal.
func (s *Server) record(c Call, refused *apiError) {
	if refused != nil {
		c.Error = refused.code
	}
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	for _, e := range s.expected {
		if e.Method == c.Method && (e.Channel == "" || e.Channel == c.Channel) && (e.Match == nil || e.Match(c)) {
			e.seen++
		}
	}
	s.touch()
}

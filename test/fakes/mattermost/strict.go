package mattermost

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// Call is one request that the server got.
type Call struct {
	Method, Path, Query string
	// Status of the answer; 101 for a socket, 0 when the connection was dropped.
	Status int
	// User is the id of who asked, empty without a valid token.
	User string
	At   time.Time
	// Body of the request, at most 300 kB.
	Body []byte
}

// Calls are the requests so far, in the order of their answers.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Count is the number of calls whose method and path match, see Expect.
func (s *Server) Count(method, pattern string) int {
	n := 0
	for _, c := range s.Calls() {
		if matches(method, pattern, c.Method, c.Path) {
			n++
		}
	}
	return n
}

// Expectation is a request that has to come.
type Expectation struct {
	server          *Server
	method, pattern string
	times, seen     int
}

// Expect demands at least one request with this method (empty: any) whose path
// matches pattern: "*" stands for one segment, and "/api/v4" may be left out.
func (s *Server) Expect(method, pattern string) *Expectation {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &Expectation{server: s, method: method, pattern: pattern, times: 1}
	s.expected = append(s.expected, e)
	return e
}

// Times demands exactly n of them.
func (e *Expectation) Times(n int) *Expectation {
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	e.times = -n
	return e
}

// Seen is how many came so far.
func (e *Expectation) Seen() int {
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	return e.seen
}

// expectedMet counts a request. The caller holds mu.
func (s *Server) expectedMet(r *http.Request) {
	for _, e := range s.expected {
		if matches(e.method, e.pattern, r.Method, r.URL.Path) {
			e.seen++
		}
	}
}

// unused says which expectations were not met. The caller holds mu.
func (s *Server) unused() []string {
	var out []string
	for _, e := range s.expected {
		switch {
		case e.times > 0 && e.seen < e.times:
			out = append(out, fmt.Sprintf("expected %s %s, and it never came", e.method, e.pattern))
		case e.times <= 0 && e.seen != -e.times:
			out = append(out, fmt.Sprintf("expected %s %s %d times, it came %d times", e.method, e.pattern, -e.times, e.seen))
		}
	}
	return out
}

func matches(method, pattern, gotMethod, gotPath string) bool {
	if method != "" && method != gotMethod {
		return false
	}
	if !strings.HasPrefix(pattern, "/api/") && !strings.HasPrefix(pattern, "/hooks/") {
		pattern = "/api/v4" + pattern
	}
	ok, err := path.Match(pattern, gotPath)
	return ok && err == nil
}

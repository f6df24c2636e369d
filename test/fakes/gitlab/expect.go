package gitlab

import "fmt"

// expectation is a call that must come.
type expectation struct {
	operation string // "POST /projects"
	times     int
	met       int
}

// Expect wants an operation ("POST /projects") to be called at least that
// often before the server is closed.
func (s *Server) Expect(operation string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = append(s.expected, &expectation{operation: operation, times: times})
}

// unmet lists what did not come. The lock is held.
func (s *Server) unmet() (out []string) {
	for _, e := range s.expected {
		if e.met < e.times {
			out = append(out, fmt.Sprintf("%s was called %d times, expected %d", e.operation, e.met, e.times))
		}
	}
	return out
}

package slack

import (
	"net/http"
	"time"
)

// Fault makes calls fail although nothing is wrong with them.
type Fault struct {
	Method, Channel string        // "" = any
	Times           int           // how often; 0 = until ClearFaults
	Status          int           // 429, 500, 503, ...; 0 with Code for a refusal with status 200
	RetryAfter      time.Duration // of a 429, at least a second
	Code            string        // the error's code
	Delay           time.Duration // by the server's clock, before the answer
	Cut             bool          // end the connection without an answer
	// After lets the call have its effect first: the answer alone is lost.
	After bool
	used  int
}

// Fail adds a fault; of several that fit the first that is not used up plays.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Storm lets the next n calls of a method ("" for any) be rate-limited.
func (s *Server) Storm(method string, n int, retryAfter time.Duration) {
	s.Fail(Fault{Method: method, Times: n, Status: http.StatusTooManyRequests, RetryAfter: retryAfter})
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault takes the fault that a call meets, nil for none. The lock is held.
func (s *Server) fault(method, channel string) *Fault {
	for _, f := range s.faults {
		fits := (f.Method == "" || f.Method == method) && (f.Channel == "" || f.Channel == channel)
		if fits && (f.Times == 0 || f.used < f.Times) {
			f.used++
			played := *f
			return &played
		}
	}
	return nil
}

// play answers as the fault says; 0 means that it was a delay alone.
func (s *Server) play(w http.ResponseWriter, f Fault) int {
	if f.Delay > 0 {
		select {
		case <-s.clock.After(f.Delay):
		case <-s.ctx.Done():
		}
	}
	switch {
	case f.Cut:
		if h, ok := w.(http.Hijacker); ok {
			if conn, _, err := h.Hijack(); err == nil {
				_ = conn.Close()
			}
		}
		return -1
	case f.Status == http.StatusTooManyRequests:
		return rateLimited(w, f.RetryAfter)
	case f.Status >= 500:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte("<html><body>Server Error</body></html>"))
		return f.Status
	case f.Code != "":
		writeJSON(w, http.StatusOK, object{"ok": false, "error": f.Code})
		return http.StatusOK
	}
	return 0
}

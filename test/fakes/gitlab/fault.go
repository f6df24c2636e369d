package gitlab

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault makes calls fail although nothing is wrong with them.
type Fault struct {
	Method, Operation string // path template, or "git"; "" = any
	Times             int    // how often; 0 = until ClearFaults
	Status            int
	Header            map[string]string
	Body              string        // "" with Status: GitLab's shape with "Server Error"
	Delay             time.Duration // by the server's clock, before all else
	Reset             bool          // end the connection without an answer, hard
	Cut               bool          // answer with half a body
	Login             bool          // redirect to a login page
	HTML              bool          // a page where JSON was due, with Status or 200
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

// Armed tells whether a fault is left that was to play a number of times.
func (s *Server) Armed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.faults, func(f *Fault) bool { return f.used < f.Times })
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault takes the fault that a call meets, nil for none. The lock is held.
func (s *Server) fault(method, operation string) *Fault {
	for _, f := range s.faults {
		fits := (f.Method == "" || f.Method == method) && (f.Operation == "" || f.Operation == operation)
		if fits && (f.Times == 0 || f.used < f.Times) {
			f.used++
			played := *f
			return &played
		}
	}
	return nil
}

// play answers as the fault says; false means that it was a delay alone.
func (s *Server) play(w http.ResponseWriter, r *http.Request, f Fault) bool {
	if f.Delay > 0 {
		select {
		case <-s.clock.After(f.Delay):
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	switch {
	case f.Reset:
		hangUp(w)
	case f.Cut:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id": 1, "na`)
	case f.Login:
		http.Redirect(w, r, s.URL+"/users/sign_in", http.StatusFound)
	case f.HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(max(f.Status, http.StatusOK))
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>A proxy says hello.</body></html>")
	case f.Status != 0:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(f.Status)
		if f.Body == "" {
			f.Body = `{"message": "` + strconv.Itoa(f.Status) + " " + http.StatusText(f.Status) + `"}`
		}
		_, _ = io.WriteString(w, f.Body)
	default:
		return false
	}
	return true
}

// hangUp resets the connection.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

package gitea

import (
	"io"
	"net"
	"net/http"
)

// Fault makes calls fail although nothing is wrong with them.
type Fault struct {
	Method, Operation string // path template, or "git"; "" = any
	Times             int    // how often; 0 = until ClearFaults
	Status            int
	Header            map[string]string
	Body              string // "" with Status: Gitea's shape with the status' name
	Reset             bool   // end the connection without an answer, hard
	Cut               bool   // answer with half a body
	Login             bool   // redirect to a login page
	HTML              bool   // a page where JSON was due, with Status or 200
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

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Waiting tells how many faults have not been met as often as they should.
func (s *Server) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.used < f.Times {
			n++
		}
	}
	return n
}

// fault takes the fault that a call meets, nil for none.
func (s *Server) fault(method, operation string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// play answers as the fault says.
func (s *Server) play(w http.ResponseWriter, r *http.Request, f Fault) {
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	switch {
	case f.Reset:
		hangUp(w)
	case f.Cut:
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id": 1, "na`)
	case f.Login:
		http.Redirect(w, r, s.URL+"/user/login", http.StatusFound)
	case f.HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(max(f.Status, http.StatusOK))
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>A proxy says hello.</body></html>")
	default:
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		w.WriteHeader(f.Status)
		if f.Body == "" {
			f.Body = `{"message": "` + http.StatusText(f.Status) + `", "url": "` + s.URL + `/api/swagger"}`
		}
		_, _ = io.WriteString(w, f.Body)
	}
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

package jenkins

import (
	"net/http"
	"strings"
	"time"
)

// Fault makes requests go wrong. Zero fields match everything.
type Fault struct {
	Method string
	// Path is a part of the path as sent.
	Path string
	// Times is how many requests it meets; 0 = all, until it is taken away.
	Times int
	// Delay comes before anything else, by the machine's time; it ends with the request.
	Delay time.Duration
	// Done carries the request out before it goes wrong: the answer alone is lost.
	Done bool
	// Reset breaks the connection without an answer.
	Reset bool
	// Cut breaks it in the middle of the body.
	Cut bool
	// Status, Header and Body are answered; Status 0 without Reset or Cut answers properly.
	Status int
	Header map[string]string
	Body   string

	met int
}

// AddFault adds a fault and returns how to take it away.
func (s *Server) AddFault(f Fault) (remove func()) {
	p := &f
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, p)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.Times, p.met = 1, 1
	}
}

// fault takes the first one that meets r; nil if none does.
func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times > 0 && f.met >= f.Times || f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.EscapedPath(), f.Path) {
			continue
		}
		f.met++
		return f
	}
	return nil
}

// wrong tells whether no proper answer will come.
func (f *Fault) wrong() bool { return f.Status != 0 || f.Reset || f.Cut }

// spoil answers by the fault; false if the request is to be answered properly.
func (f *Fault) spoil(w http.ResponseWriter, r *http.Request, proper func(http.ResponseWriter)) bool {
	if f.Done {
		proper(&nowhere{header: http.Header{}})
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return true
		}
	}
	if !f.wrong() {
		return false
	}
	switch {
	case f.Reset:
		hangUp(w)
	case f.Cut:
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"_class":"hudson.model.Hudson","jo`))
		_ = http.NewResponseController(w).Flush() // a cut answer is what is wanted
		hangUp(w)
	default:
		for k, v := range f.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	}
	return true
}

// hangUp breaks the connection.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// nowhere swallows an answer.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

package mattermost

import (
	"net/http"
	"strconv"
	"time"
)

// Fault is an answer that the server gives instead of its own.
type Fault struct {
	// Method and Path choose the requests, as Expect does; empty is any.
	Method, Path string
	// Times is how often it strikes; 0 is once, -1 until ClearFaults.
	Times int
	// Status is the answer's; 0 with Drop unset and Wait set only delays.
	Status int
	// ErrorID and Message fill the error's JSON.
	ErrorID, Message string
	// Body, when set, is sent as plain text in place of an error's JSON, as a proxy
	// in front of the server does.
	Body string
	// Header is added to the answer.
	Header map[string]string
	// After lets the server do what it was asked for before the answer gets lost.
	After bool
	// Drop ends the connection without an answer.
	Drop bool
	// Wait, when set, holds the answer until it is closed.
	Wait <-chan struct{}
}

// Fail makes the server answer matching requests as f says. Faults strike in the
// order in which they were made.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
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

// Storm answers the next n matching requests with 429, as a rate limit does: plain
// text, and Retry-After in seconds.
func (s *Server) Storm(n int, method, path string, retryAfter int) {
	wait := strconv.Itoa(retryAfter)
	s.Fail(Fault{
		Method: method, Path: path, Times: n, Status: http.StatusTooManyRequests, Body: "limit exceeded\n",
		Header: map[string]string{
			"Retry-After": wait, "X-Ratelimit-Limit": "4", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": strconv.Itoa(retryAfter + 1),
		},
	})
}

// takeFault finds the fault for r. The caller holds mu.
func (s *Server) takeFault(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || (f.Path != "" && !matches(f.Method, f.Path, r.Method, r.URL.Path)) || (f.Method != "" && f.Method != r.Method) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// play answers as the fault says; serve is the server's own way.
func (f *Fault) play(c *call, serve func(*call)) {
	if f.After || (f.Status == 0 && !f.Drop) {
		if f.Status == 0 && !f.Drop && !f.After {
			f.hold(c)
			serve(c)
			return
		}
		real := c.w
		c.w = &recorder{ResponseWriter: &nowhere{header: http.Header{}}}
		serve(c)
		c.w = real
	}
	f.hold(c)
	if f.Drop {
		if hijacked, _, err := http.NewResponseController(c.w).Hijack(); err == nil {
			_ = hijacked.Close()
		}
		return
	}
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	for key, value := range f.Header {
		h.Set(key, value)
	}
	if f.Body != "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		c.w.WriteHeader(f.Status)
		_, _ = c.w.Write([]byte(f.Body))
		return
	}
	e := fail(f.Status, f.ErrorID, f.Message)
	if e.ID == "" {
		e.ID, e.Message = "app.post.save.app_error", "Unable to save the Post."
	}
	c.answer(f.Status)(nil, e)
}

// hold waits for the test, not longer than any client would.
func (f *Fault) hold(c *call) {
	if f.Wait == nil {
		return
	}
	select {
	case <-f.Wait:
	case <-c.r.Context().Done():
	case <-time.After(time.Minute):
	}
}

// nowhere takes an answer that nobody will read.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

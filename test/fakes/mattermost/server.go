package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"opsbot/test/fakes"
)

// version is what the recorded server called itself.
const version = "11.2.0"

const versionID = "11.2.0.11.2.0-rig.38941e893c724e98684702d297614b17a28450bfa71db75586d544d1689399b0.false"

// Server is a Mattermost server on a loopback address. Its methods may be called
// from several goroutines.
type Server struct {
	// URL is the base address, without a slash at the end.
	URL string
	// Team is the first team; Admin its system administrator, who may do everything.
	Team  Team
	Admin User

	opt      options
	routes   []route
	outgoing *http.Client
	gate     *gate

	// mu guards all that follows.
	mu       sync.Mutex
	state    *state
	hub      *hub
	limit    *limiter
	faults   []*Fault
	expected []*Expectation
	calls    []Call
	listener *gatedListener
	server   *http.Server
	closed   bool
	changed  chan struct{}
	wg       sync.WaitGroup
}

// New starts a server that fails t on anything unexpected, and ends with it.
func New(t fakes.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append([]Option{OnUnexpected(func(what string) { t.Errorf("mattermost: %s", what) })}, opts...)...)
	if err != nil {
		t.Fatalf("start a mattermost server: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server outside of a test; the caller closes it. Without
// OnUnexpected what is unexpected is only answered, not reported.
func Start(opts ...Option) (*Server, error) {
	s := &Server{
		opt:     options{unexpected: func(string) {}, now: time.Now, timing: recordedTiming()},
		gate:    newGate(),
		changed: make(chan struct{}),
	}
	for _, o := range opts {
		o(&s.opt)
	}
	s.outgoing = &http.Client{Timeout: s.opt.timing.Outgoing, CheckRedirect: keepMethod}
	s.state = newState()
	s.hub = newHub(s)
	s.routes = s.allRoutes()
	s.found()
	if err := s.listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.URL = "http://" + s.listener.Addr().String()
	return s, nil
}

// found makes the first team and its administrator.
func (s *Server) found() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.state.newTeam("engineering", s.now())
	admin := s.state.newUser(User{Username: "root", Roles: "system_admin system_user"}, s.now())
	s.joinTeam(t, admin)
	s.Team, s.Admin = t.public(), s.publicUser(admin)
}

func (s *Server) listen(addr string) error {
	var lc net.ListenConfig
	raw, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	l := newGatedListener(raw, s.gate)
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	s.listener, s.server = l, server
	s.mu.Unlock()
	s.wg.Go(func() { _ = server.Serve(l) })
	return nil
}

// Close ends the server, and reports expectations that were not used.
func (s *Server) Close() {
	s.mu.Lock()
	unused := s.unused()
	report := s.opt.unexpected
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	s.gate.lift()
	s.Stop()
	s.wg.Wait()
	if already {
		return
	}
	for _, what := range unused {
		report(what)
	}
}

// Stop ends the server as SIGTERM does: every connection gets a FIN and no close
// frame, new ones are refused, and what could be resumed is forgotten. State stays.
func (s *Server) Stop() {
	s.mu.Lock()
	l, server := s.listener, s.server
	s.hub.forget()
	s.mu.Unlock()
	_ = server.Close()
	_ = l.Close()
	l.cutAll()
}

// Resume lets a stopped server listen again at the same address.
func (s *Server) Resume() error {
	s.mu.Lock()
	addr := s.listener.Addr().String()
	s.hub.forget()
	s.mu.Unlock()
	var err error
	// Another program may hold the port for a moment; give it a chance to go.
	for wait := range 20 {
		if err = s.listen(addr); err == nil {
			return nil
		}
		<-time.After(time.Duration(wait) * 10 * time.Millisecond)
	}
	return err
}

// Restart stops the server and lets it listen again after down.
func (s *Server) Restart(down time.Duration) error {
	s.Stop()
	if down > 0 {
		<-time.After(down)
	}
	return s.Resume()
}

// Freeze makes every connection half-open: bytes are taken by the kernel, nothing
// is answered. Thaw lets all go on.
func (s *Server) Freeze() { s.gate.shut() }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.gate.lift() }

// CutConnections ends every connection, of REST and of sockets, with a FIN; new ones
// are taken, and sockets can be resumed.
func (s *Server) CutConnections() {
	s.mu.Lock()
	l := s.listener
	s.mu.Unlock()
	l.cutAll()
}

// now is the time in the server's milliseconds.
func (s *Server) now() int64 { return s.opt.now().UnixMilli() }

// touch wakes those that wait for a change. The caller holds mu.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Wait returns when cond is true, which is asked after every change of the server's
// state; or with the context's error.
func (s *Server) Wait(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait on mattermost: %w", context.Cause(ctx))
		}
	}
}

// keepMethod follows redirects as the server's client does: a 302 becomes a GET, a
// 307 keeps the body, both end after ten.
func keepMethod(_ *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

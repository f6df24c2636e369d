// Package gitlab is a strict, stateful stand-in for GitLab: the REST API as far as
// OpsBot uses it, git over smart HTTP, webhooks with their deliveries, access tokens
// with scopes, groups with roles, rate limits, and the deletion of projects in both
// of GitLab's ways.
//
// A request that no client should send fails the test: one to an address that is not
// listed, with a parameter that GitLab does not know, or without one that it needs.
// What GitLab refuses is refused in its words.
//
// Answers are built from own maps and never from a client library's types: a mistake
// of the library must not cancel itself out.
package gitlab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"opsbot/bot"
)

// object is a JSON object.
type object = map[string]any

// TB is what a Server needs of a test; *testing.T has it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	TempDir() string
}

// Server is a fake GitLab. Safe for concurrent use.
type Server struct {
	// URL is the server's root, without a slash at its end.
	URL string
	// Token is a token of the account Login with the scope api.
	Token, Login string

	cfg    config
	clock  bot.Clock
	web    *http.Server
	dir    string // bare repositories, by id
	routes []route
	wg     sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc

	mu        sync.Mutex
	closed    bool
	ids       int64
	spaces    []*namespace
	projects  []*project
	tokens    map[string]*token
	faults    []*Fault
	calls     []Call
	expected  []*expectation
	surprises []string
	window    time.Time // of the rate limit
	used      int
}

// Call is a request that was answered.
type Call struct {
	Method    string
	Operation string // path template, or "git"
	Path      string // as asked for
	Status    int
	Body      map[string]any
}

// New starts a server that is closed, and whose expectations are checked, when the
// test ends. What no client should send fails the test.
func New(t TB, opts ...Option) *Server {
	t.Helper()
	defaults := []Option{WithDir(t.TempDir()), OnUnexpected(func(what string) { t.Errorf("fake gitlab: %s", what) })}
	s, err := Start(append(defaults, opts...)...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server without a test; the caller closes it. What is unexpected
// goes to OnUnexpected, and to Unexpected.
func Start(opts ...Option) (*Server, error) {
	cfg := defaults()
	for _, o := range opts {
		o(&cfg)
	}
	s := &Server{cfg: cfg, clock: cfg.clock, Login: "opsbot", Token: cfg.token, ids: 100, tokens: map[string]*token{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.routes = s.table()
	var err error
	if s.dir, err = os.MkdirTemp(cfg.dir, "fake-gitlab-"); err != nil {
		return nil, fmt.Errorf("fake gitlab: make a folder: %w", err)
	}
	s.AddUser(s.Login)
	s.AddToken(s.Token, s.Login, "api")
	if err := s.listen(); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", s.cfg.listen)
	if err != nil {
		return fmt.Errorf("fake gitlab: listen: %w", err)
	}
	s.URL = "http://" + ln.Addr().String()
	s.web = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	if s.cfg.tls != nil {
		s.URL = "https://" + ln.Addr().String()
		s.web.TLSConfig = s.cfg.tls
		s.wg.Go(func() { _ = s.web.ServeTLS(ln, "", "") })
		return nil
	}
	s.wg.Go(func() { _ = s.web.Serve(ln) }) // ends with ErrServerClosed
	return nil
}

// Close ends all connections and deliveries, and reports expectations that were not
// met. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	missing := s.unmet()
	s.mu.Unlock()
	for _, m := range missing {
		s.unexpected("%s", m)
	}
	s.stop()
	_ = s.web.Close()
	s.wg.Wait()
	_ = os.RemoveAll(s.dir)
}

// Calls lists what was answered so far, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Count tells how many calls of an operation ("POST /projects") had an answer with a
// status below 300.
func (s *Server) Count(operation string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Method+" "+c.Operation == operation && c.Status < 300 {
			n++
		}
	}
	return n
}

// Unexpected lists what no client should have sent, and expectations not met.
func (s *Server) Unexpected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.surprises...)
}

// unexpected must not be called with the lock held.
func (s *Server) unexpected(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.surprises = append(s.surprises, what)
	s.mu.Unlock()
	if s.cfg.unexpected != nil {
		s.cfg.unexpected(what)
	}
}

// newID gives ids that are never given twice. The lock is held.
func (s *Server) newID() int64 {
	s.ids++
	return s.ids
}

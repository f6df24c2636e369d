// Package github is a strict, stateful stand-in for GitHub: the REST API as far as
// OpsBot uses it, git over smart HTTP, webhooks with their deliveries, GitHub Apps
// with installation tokens, rate limits, scopes and single sign-on.
//
// It looks like an Enterprise Server: the API is below URL+"/api/v3/", repositories
// and their clone URLs below URL. A request that no client should send fails the test.
// What GitHub refuses is refused in its words. Tests start it by openapi.New, which
// holds requests, and answers of ours, to GitHub's own OpenAPI description.
//
// Answers are built from own maps and never from a client library's types: a mistake
// of the library must not cancel itself out.
package github

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/test/fakes"
)

// object is a JSON object.
type object = map[string]any

// Server is a fake GitHub. Safe for concurrent use.
type Server struct {
	// URL is the server's root, without a slash at its end.
	URL string
	// Token is a classic token of the account Login, with all scopes that OpsBot needs.
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
	owners    []*owner
	repos     []*repo
	tokens    map[string]*token
	apps      []*app
	faults    []*Fault
	calls     []Call
	expected  []*expectation
	surprises []string
	meters    map[string]*meter // by token
}

// Call is a request that was answered.
type Call struct {
	Method    string
	Operation string // path template of the OpenAPI description, or "git"
	Path      string // as asked for
	Status    int
	Body      object
}

// Operation is one of the API: its method and the path's template.
type Operation struct{ Method, Template string }

// Contract is a description of the API that requests and answers are held to. Safe
// for concurrent use.
type Contract interface {
	// Has tells whether the description knows an operation.
	Has(op Operation) bool
	// Request says what of a request the description does not allow.
	Request(r *http.Request, body []byte, op Operation, params map[string]string) error
	// Answer says what of an answer of ours the description does not allow.
	Answer(r *http.Request, op Operation, params map[string]string, status int, header http.Header, body []byte) error
}

// New starts a server that is closed, and whose expectations are checked, when the
// test ends. What no client should send fails the test; openapi.New checks more.
func New(t fakes.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append([]Option{OnUnexpected(func(what string) { t.Errorf("fake github: %s", what) })}, opts...)...)
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
	s := &Server{
		cfg: cfg, clock: cfg.clock, Login: "opsbot", Token: cfg.token, ids: 1000,
		tokens: map[string]*token{}, meters: map[string]*meter{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	var err error
	if s.routes, err = s.described(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp(cfg.dir, "fake-github-"); err != nil {
		return nil, fmt.Errorf("fake github: make a folder: %w", err)
	}
	s.AddUser(s.Login)
	s.AddToken(s.Token, s.Login, allScopes()...)
	if err := s.listen(); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

// described gives the table of operations, each of which the contract must know.
func (s *Server) described() ([]route, error) {
	table := s.table()
	for _, r := range table {
		if s.cfg.contract != nil && !s.cfg.contract.Has(r.operation()) {
			return nil, fmt.Errorf("fake github: the description has no %s %s", r.method, r.template)
		}
	}
	return table, nil
}

func (s *Server) listen() error {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", s.cfg.listen)
	if err != nil {
		return fmt.Errorf("fake github: listen: %w", err)
	}
	s.URL = "http://" + ln.Addr().String()
	s.web = &http.Server{Handler: s.cfg.through(http.HandlerFunc(s.serve)), ReadHeaderTimeout: 10 * time.Second}
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

// APIURL is the API's root, with a slash at its end.
func (s *Server) APIURL() string { return s.URL + apiRoot }

// Calls lists what was answered so far, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Count tells how many calls of an operation ("POST /orgs/{org}/repos") had an
// answer with a status below 300.
func (s *Server) Count(operation string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Method+" "+c.Operation == operation && c.Status < 300 {
			n++
		}
	}
	return n
}

// ForgetCalls empties Calls.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
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

// Package jenkins is a strict, stateful stand-in for Jenkins 2.460 with Pipeline,
// Multibranch, Git and the branch sources of the forges: jobs, folders, indexing,
// crumbs and tokens, the queue, builds with their logs, stages, tests, artifacts
// and input steps, and what goes wrong with them. It answers as a real one did:
// see the recordings that its tests replay.
//
// A test makes a Server, adds users and repositories whose commits say what their
// Jenkinsfile does, and points a client at URL. Time is the clock's: nothing
// happens between two requests that would not have happened by itself, and nothing
// runs in the background. What no client should send fails the test.
package jenkins

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/test/fakes"
)

// object is a JSON object.
type object = map[string]any

// Server is a fake Jenkins. Safe for concurrent use.
type Server struct {
	// URL is the server's root, without a slash at its end.
	URL string

	cfg   config
	clock bot.Clock
	web   *http.Server
	wg    sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	users     map[string]*User
	sessions  map[string]string // cookie -> user
	session   string            // X-Jenkins-Session: changes with every start
	root      *item
	repos     map[string]*Repo
	commits   int
	queue     []*queued
	lastQueue int
	quieting  bool
	downUntil time.Time
	upAt      time.Time
	faults    []*Fault
	calls     []Call
	expected  []*Expectation
	surprises []string
	notes     []Notification
}

type config struct {
	clock        bot.Clock
	quiet        time.Duration
	indexing     time.Duration
	listen       string
	missing      []string
	encode       func(branch string) string
	onUnexpected func(string)
	through      func(http.Handler) http.Handler
	found        func(url string) (heads func() map[string]string, p *Program)
}

// Option changes how a Server is made.
type Option func(*config)

// Clock is where the server's time comes from; the machine's by default.
func Clock(c bot.Clock) Option { return func(o *config) { o.clock = c } }

// Quiet is the quiet period; 5 s by default, as in every Jenkins.
func Quiet(d time.Duration) Option { return func(o *config) { o.quiet = d } }

// Indexing is how long a scan takes; none by default.
func Indexing(d time.Duration) Option { return func(o *config) { o.indexing = d } }

// Listen is the address; a free port of 127.0.0.1 by default.
func Listen(address string) Option { return func(o *config) { o.listen = address } }

// Without leaves plugins out: "github-branch-source", "gitea",
// "gitlab-branch-source", "git", "pipeline-stage-view", "junit".
func Without(plugins ...string) Option {
	return func(o *config) { o.missing = append(o.missing, plugins...) }
}

// Finding asks about repositories that nobody has added: heads as for Repo.Follow, nil
// for none, and what each branch's commit does.
func Finding(find func(url string) (heads func() map[string]string, p *Program)) Option {
	return func(o *config) { o.found = find }
}

// Through puts something between the server and its clients, such as a slow network.
func Through(wrap func(http.Handler) http.Handler) Option {
	return func(o *config) { o.through = wrap }
}

// Encode is how a branch's name becomes its job's, for Jenkinses of other times.
func Encode(f func(branch string) string) Option { return func(o *config) { o.encode = f } }

// OnUnexpected is told what no client should have sent.
func OnUnexpected(f func(what string)) Option { return func(o *config) { o.onUnexpected = f } }

// New starts a server that is closed, and whose expectations are checked, when the
// test ends. What no client should send fails the test.
func New(t fakes.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append([]Option{OnUnexpected(func(what string) { t.Errorf("fake jenkins: %s", what) })}, opts...)...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server without a test; the caller closes it.
func Start(opts ...Option) (*Server, error) {
	cfg := config{clock: bot.SystemClock{}, quiet: 5 * time.Second, listen: "127.0.0.1:0", encode: encodeName, through: func(h http.Handler) http.Handler { return h }}
	for _, o := range opts {
		o(&cfg)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", cfg.listen)
	if err != nil {
		return nil, fmt.Errorf("fake jenkins: listen: %w", err)
	}
	s := &Server{
		URL: "http://" + ln.Addr().String(), cfg: cfg, clock: cfg.clock,
		users: map[string]*User{}, sessions: map[string]string{}, session: "915d8238",
		repos: map[string]*Repo{}, lastQueue: 100,
	}
	s.root = &item{server: s, kind: kindRoot}
	s.web = &http.Server{Handler: cfg.through(http.HandlerFunc(s.serve)), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() { _ = s.web.Serve(ln) }) // ends with ErrServerClosed
	return s, nil
}

// Close ends the server and reports expectations that were not met. It may be
// called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	var missed []string
	for _, e := range s.expected {
		if e.left > 0 {
			missed = append(missed, fmt.Sprintf("%s %s was expected %d more time(s)", e.method, e.path, e.left))
		}
	}
	s.mu.Unlock()
	for _, m := range missed {
		s.unexpected("%s", m)
	}
	_ = s.web.Close()
	s.wg.Wait()
}

func (s *Server) unexpected(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.surprises = append(s.surprises, what)
	s.mu.Unlock()
	if s.cfg.onUnexpected != nil {
		s.cfg.onUnexpected(what)
	}
}

// Unexpected lists what no client should have sent.
func (s *Server) Unexpected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.surprises)
}

// Call is one request that came in.
type Call struct {
	Method string
	Path   string // as sent, without query
	Query  string
	User   string
	Status int
}

// Calls lists the requests so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Expectation is a request that must come.
type Expectation struct {
	method, path string
	left         int
}

// Expect wants a request of that method and path (as sent, without query) to come
// at least times times before Close.
func (s *Server) Expect(method, path string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = append(s.expected, &Expectation{method: method, path: path, left: times})
}

// QuietDown makes Jenkins prepare for a shutdown: nothing leaves the queue.
func (s *Server) QuietDown(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.quieting = on
}

// Restart takes the server down: connections break for the time down, then every
// answer is 503 for the time starting. Jobs, builds and the queue survive, left
// queue items and sessions do not.
func (s *Server) Restart(down, starting time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	now := s.clock.Now()
	s.downUntil, s.upAt = now.Add(down), now.Add(down+starting)
	s.sessions = map[string]string{}
	s.session = fmt.Sprintf("%08x", now.UnixNano()&0xffffffff)
	s.queue = slices.DeleteFunc(s.queue, func(q *queued) bool { return q.left() })
}

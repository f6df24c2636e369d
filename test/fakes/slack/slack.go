// Package slack is a strict, stateful stand-in for Slack: the Web API, the Events
// API over HTTP, Socket Mode, interactivity, slash commands, modals and the App
// Home, with the people who use them.
//
// A test makes a Server, adds users and channels, points the bot at URL+"/api/",
// lets people do things (Say, Click, Slash, Submit, ...) and looks at what they see
// (Messages, Ephemerals, View, ...) or at what was asked of the API (Calls). What no
// client should send fails the test; what Slack refuses is refused in its words.
//
// Answers are built from own maps and never from a client library's types: a
// mistake of the library must not cancel itself out.
package slack

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/test/fakes"
)

// object is a JSON object.
type object = map[string]any

// Server is a fake workspace with one app installed. Safe for concurrent use.
type Server struct {
	// URL is the server's root, without a slash at its end; the Web API is URL+"/api/".
	URL string
	// BotToken (xoxb-) and AppToken (xapp-) are valid until they are revoked;
	// SigningSecret signs what comes over HTTP.
	BotToken, AppToken, SigningSecret string
	// TeamID, AppID, BotID and BotUserID are the installation's identity.
	TeamID, AppID, BotID, BotUserID string

	cfg   config
	clock bot.Clock
	web   *http.Server
	wg    sync.WaitGroup // every goroutine of the server
	ctx   context.Context
	stop  context.CancelFunc
	grams blockRules

	mu         sync.Mutex
	closed     bool
	changed    chan struct{} // closed and replaced whenever anything changes
	ids        int
	lastTS     int64
	users      list[*User]
	groups     list[*Group]
	channels   list[*channel]
	files      list[*file]
	views      list[*view]
	homes      map[string]*view // by user
	triggers   map[string]*trigger
	responses  map[string]*response
	tokens     tokens
	lines      lines
	sockets    sockets
	requestURL RequestURLs
	public     string // where clients are told to go, "" = URL
	meters     meters
	faults     []*Fault
	calls      []Call
	expected   []*Expectation
	surprises  []string
}

// New starts a server that is closed, and whose expectations are checked, when the
// test ends. What no client should send fails the test.
func New(t fakes.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(append([]Option{OnUnexpected(func(what string) { t.Errorf("fake slack: %s", what) })}, opts...)...)
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
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", cfg.listen)
	if err != nil {
		return nil, fmt.Errorf("fake slack: listen: %w", err)
	}
	s := &Server{
		URL:      "http://" + ln.Addr().String(),
		BotToken: cfg.botToken, AppToken: cfg.appToken, SigningSecret: cfg.secret,
		TeamID: cfg.team, AppID: "A0OPSBOT", BotID: "B0OPSBOT", BotUserID: "U0OPSBOT",
		cfg: cfg, clock: cfg.clock, grams: newBlockRules(), changed: make(chan struct{}),
		homes: map[string]*view{}, triggers: map[string]*trigger{}, responses: map[string]*response{},
		requestURL: cfg.urls,
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.tokens = tokens{s.BotToken: &token{scopes: cfg.scopes}, s.AppToken: &token{app: true, scopes: cfg.appScopes}}
	s.lines = lines{work: map[string][]*delivery{}, busy: map[string]bool{}}
	s.sockets = sockets{acks: map[string]*ack{}, tickets: map[string]bool{}}
	s.meters = meters{calls: map[string][]time.Time{}, rooms: map[string]*bucket{}}
	s.users.add(s.BotUserID, &User{ID: s.BotUserID, Name: cfg.botName, RealName: cfg.botName, DisplayName: cfg.botName, Bot: true})
	s.web = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() { _ = s.web.Serve(ln) }) // ends with ErrServerClosed
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveAPI)
	mux.HandleFunc("POST /upload/{id}", s.serveUpload)
	mux.HandleFunc("GET /files/{id}/{name}", s.serveFile)
	mux.HandleFunc("POST /respond/{kind}/{team}/{id}", s.serveResponse)
	mux.HandleFunc("GET /link/", s.serveSocket)
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>Sign in</body></html>"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.unexpected("%s %s: there is nothing at this address", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	return mux
}

// Close ends all connections and deliveries, and reports expectations that were not
// met. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	missed := s.unmet()
	s.mu.Unlock()
	for _, m := range missed {
		s.unexpected("%s", m)
	}
	s.mu.Lock()
	s.closed = true
	conns := s.sockets.conns
	s.mu.Unlock()
	s.stop()
	for _, c := range conns {
		c.cut()
	}
	_ = s.web.Close()
	s.wg.Wait()
}

// Unexpected lists what no client should have sent, in order.
func (s *Server) Unexpected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.surprises...)
}

// unexpected reports what should not have been sent. The lock must not be held.
func (s *Server) unexpected(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.surprise(format, args...)
}

// surprise is unexpected for those who hold the lock.
func (s *Server) surprise(format string, args ...any) {
	if s.closed {
		return
	}
	what := fmt.Sprintf(format, args...)
	s.surprises = append(s.surprises, what)
	s.cfg.unexpected(what)
	s.touch()
}

// misuse reports a mistake of the test itself. The lock is held.
func (s *Server) misuse(format string, args ...any) { s.surprise("the test itself: "+format, args...) }

// touch tells those who wait that something changed. The lock is held.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await returns nil as soon as ok says so; it asks at once and after each change of
// the workspace, and gives up with ctx.
func (s *Server) Await(ctx context.Context, ok func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fake slack: wait for a change: %w", ctx.Err())
		}
	}
}

// newID gives "U0000000001" and so on. The lock is held.
func (s *Server) newID(prefix string) string {
	s.ids++
	return fmt.Sprintf("%s%010d", prefix, s.ids)
}

// newTS gives the next timestamp: by the clock, increasing. The lock is held.
func (s *Server) newTS() string {
	s.lastTS = max(s.clock.Now().UnixMicro(), s.lastTS+100)
	return formatTS(s.lastTS)
}

func formatTS(micros int64) string { return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6) }

// list is a map that keeps the order in which things were added.
type list[T any] struct {
	by    map[string]T
	order []string
}

func (l *list[T]) add(id string, v T) {
	if l.by == nil {
		l.by = map[string]T{}
	}
	if _, ok := l.by[id]; !ok {
		l.order = append(l.order, id)
	}
	l.by[id] = v
}

func (l *list[T]) all() []T {
	out := make([]T, 0, len(l.order))
	for _, id := range l.order {
		out = append(out, l.by[id])
	}
	return out
}

// Package proxy routes requests to running apps by host name and switches a host
// from one instance of its app to the next without an error for any client.
//
// New requests go to the new instance at once. The old one keeps its requests,
// streamed responses and WebSockets until they are over or its drain limit is.
package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

const (
	// retryAfter is what clients of an app without a healthy instance are told.
	retryAfter = "2"
	// idleTime is how long an unused connection to an app is kept.
	idleTime = 60 * time.Second
	// cutTime bounds the wait for requests that were cut.
	cutTime = 2 * time.Second
	// idleConns is how many unused connections to one instance are kept.
	idleConns = 64
)

// Options configure a Proxy.
type Options struct {
	// CookiePrefix begins the names of cookies that never pass in either direction:
	// those of the console, which browsers may send to every port of a host.
	// Empty means that all cookies pass.
	CookiePrefix string
	// Log gets the errors of apps.
	Log *slog.Logger
}

// Proxy is an http.Handler for the hosts of all apps. Safe for concurrent use.
type Proxy struct {
	opt     Options
	reverse *httputil.ReverseProxy

	mu    sync.Mutex
	hosts map[string]*Instance // nil value: known, but nothing is healthy
}

// New returns a Proxy that knows no host.
func New(opt Options) *Proxy {
	p := &Proxy{opt: opt, hosts: map[string]*Instance{}}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      roundTripper{},
		FlushInterval:  -1, // pass on every write: what apps stream is meant to be seen
		ModifyResponse: p.modifyResponse,
		ErrorHandler:   p.fail,
		ErrorLog:       slog.NewLogLogger(opt.Log.Handler(), slog.LevelDebug),
	}
	return p
}

// Instance is one running instance of an app. Make one per started app.
type Instance struct {
	name   string
	pooled *http.Transport
	fresh  *http.Transport
	ctx    context.Context //nolint:containedctx // ends the requests of this instance when it must go
	cut    context.CancelFunc

	mu       sync.Mutex
	requests int
	retired  bool
	idle     chan struct{} // closed when retired and without requests
}

// NewInstance returns an instance that is reached by dial. Name is for the log.
func NewInstance(name string, dial func(ctx context.Context) (net.Conn, error)) *Instance {
	ctx, cut := context.WithCancel(context.Background())
	i := &Instance{name: name, ctx: ctx, cut: cut, idle: make(chan struct{})}
	transport := func() *http.Transport {
		return &http.Transport{
			DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableCompression:  true,
			MaxIdleConnsPerHost: idleConns,
			IdleConnTimeout:     idleTime,
		}
	}
	i.pooled, i.fresh = transport(), transport()
	// A request that must not be sent twice gets a connection of its own: a kept one
	// may be closed by the app in the very moment that the request is written.
	i.fresh.DisableKeepAlives = true
	return i
}

// Switch sends new requests for host to next; nil means that nothing is healthy
// there and clients are told to come again. The previous instance, nil if there
// was none, gets no more requests: call its Drain before ending it.
func (p *Proxy) Switch(host string, next *Instance) (previous *Instance) {
	p.mu.Lock()
	previous = p.hosts[canonical(host)]
	p.hosts[canonical(host)] = next
	p.mu.Unlock()
	if previous == next {
		return nil
	}
	if previous != nil {
		previous.retire()
	}
	return previous
}

// Remove forgets host and returns its instance like Switch.
func (p *Proxy) Remove(host string) (previous *Instance) {
	previous = p.Switch(host, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.hosts, canonical(host))
	return previous
}

// Drain waits until the last request of a retired instance is over. When ctx ends
// first, it cuts the remaining ones, waits a moment for that, and returns how many it
// cut.
func (i *Instance) Drain(ctx context.Context) (cut int) {
	defer i.close()
	select {
	case <-i.idle:
		return 0
	case <-ctx.Done():
	}
	i.mu.Lock()
	cut = i.requests
	i.mu.Unlock()
	i.cut()
	select {
	case <-i.idle:
	case <-time.After(cutTime): // a hijacked connection whose client reads nothing
	}
	return cut
}

func (i *Instance) close() {
	i.cut()
	i.pooled.CloseIdleConnections()
	i.fresh.CloseIdleConnections()
}

// Requests returns how many requests the instance is working on.
func (i *Instance) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

func (i *Instance) retire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retired = true
	if i.requests == 0 {
		close(i.idle)
	}
}

func (i *Instance) done() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests--
	if i.requests == 0 && i.retired {
		close(i.idle)
	}
}

// acquire counts a request in for the host's instance. Under the lock of Switch, so
// that no request reaches an instance after it was retired.
func (p *Proxy) acquire(host string) (i *Instance, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, known = p.hosts[canonical(host)]
	if i != nil {
		i.mu.Lock()
		i.requests++
		i.mu.Unlock()
	}
	return i, known
}

// canonical gives a host name without port, root dot and upper case.
func canonical(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

type instanceKey struct{}

// ServeHTTP passes the request to the host's current instance.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i, known := p.acquire(r.Host)
	switch {
	case !known:
		answer(w, http.StatusNotFound, fmt.Sprintf("There is no app at %q.\n\nApps answer at http://NAME.ENVIRONMENT.HOST; `status` in the chat lists what is deployed where.\n", canonical(r.Host)))
		return
	case i == nil:
		w.Header().Set("Retry-After", retryAfter)
		answer(w, http.StatusServiceUnavailable, "This app has no healthy instance right now. Try again in a moment.\n")
		return
	}
	defer i.done()
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), instanceKey{}, i))
	defer cancel()
	c := &cutter{w: w, cancel: cancel}
	defer c.finish()
	defer context.AfterFunc(i.ctx, c.cut)() //nolint:contextcheck // the instance's end ends its requests
	p.reverse.ServeHTTP(w, r.WithContext(ctx))
}

// cutter ends one request from outside.
type cutter struct {
	cancel   context.CancelFunc
	mu       sync.Mutex
	w        http.ResponseWriter
	finished bool
}

// cut ends the request, also one that waits for its client to read. Once the
// request is over the connection serves the next one and is left alone.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished {
		return
	}
	c.cancel()
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Unix(1, 0)) // not possible once hijacked
}

func (c *cutter) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
}

// roundTripper sends a request to the instance that was acquired for it.
type roundTripper struct{}

func (roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	i, ok := r.Context().Value(instanceKey{}).(*Instance)
	if !ok {
		return nil, fmt.Errorf("proxy: send %s %s: no instance", r.Method, r.URL.Path)
	}
	if repeatable(r) {
		return i.pooled.RoundTrip(r)
	}
	return i.fresh.RoundTrip(r)
}

// repeatable requests are sent again by the transport when a kept connection turns
// out to be closed.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return (r.Body == nil || r.Body == http.NoBody) && r.Header.Get("Upgrade") == ""
	}
	return false
}

// fail answers for an app that did not.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		p.opt.Log.Warn("an app did not answer", "host", canonical(r.Host), "method", r.Method, "error", err)
	}
	w.Header().Set("Retry-After", retryAfter)
	answer(w, http.StatusBadGateway, "This app did not answer. Try again in a moment.\n")
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text) //nolint:gosec // plain text, and never sniffed
}

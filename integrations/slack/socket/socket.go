// Package socket keeps connections of Slack's Socket Mode open: several at a time, each
// replaced before Slack closes it, and given up when nothing is heard on it any more.
//
// It does not use the vendor's socketmode package, which closes a connection before
// it opens the next one, acknowledges through a queue that outlives connections, and
// keeps one only.
package socket

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/bot"
)

// Envelope is what Slack sends.
type Envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"` // events_api, slash_commands, interactive; hello and disconnect are dealt with here
	Payload json.RawMessage `json:"payload"`
	Reason  string          `json:"reason"` // of a disconnect
	Attempt int             `json:"retry_attempt"`
	Why     string          `json:"retry_reason"`
	Accepts bool            `json:"accepts_response_payload"`
}

// Options configure a Pool. All without a remark are required.
type Options struct {
	// Open asks Slack for the address of a new connection.
	Open func(ctx context.Context) (string, error)
	// Handle deals with an envelope. It is acknowledged, with what Handle gives unless
	// that is nil, when the error is nil; else Slack sends it again. In order is called for
	// one envelope of a connection after the other, others at the same time.
	Handle func(ctx context.Context, e Envelope) (any, error)
	// InOrder reports which envelopes must not overtake each other.
	InOrder func(e Envelope) bool
	Clock   bot.Clock
	Log     *slog.Logger
	Count   int // of connections
	// Plain allows connections without encryption, to this machine only.
	Plain bool
	// Quiet is how long a connection may say nothing, pings included, before it counts as
	// dead; 0 = 30 s. By the machine's clock, as all of the network's deadlines.
	Quiet time.Duration
}

// Pool keeps the connections. Safe for concurrent use.
type Pool struct {
	o      Options
	dialer *websocket.Dialer
	up     atomic.Int32

	mu   sync.Mutex
	last string // why the last connection could not be opened; "" = it could
}

// New makes a pool; Run opens the connections.
func New(o Options) *Pool {
	if o.Quiet == 0 {
		o.Quiet = 30 * time.Second
	}
	return &Pool{o: o, dialer: &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: dialTime,
		// Slack does not put messages together that come in several frames.
		WriteBufferSize: 32 << 10,
	}}
}

const (
	dialTime  = 10 * time.Second
	writeTime = 5 * time.Second
	maxFrame  = 4 << 20
	firstWait = time.Second
	lastWait  = time.Minute
	longWait  = 5 * time.Minute // when only a person can help
)

// Up tells how many connections are open, and why the last attempt to open one
// failed, "" if it did not.
func (p *Pool) Up() (n int, problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.up.Load()), p.last
}

// Run keeps the connections open until ctx ends, and returns when all that was begun
// is done.
func (p *Pool) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range p.o.Count {
		all.Go(func() { p.keep(ctx, &all) })
	}
	all.Wait()
	return nil
}

// keep has one connection open at all times. What a connection that is to be replaced
// still brings is heard beside the new one.
func (p *Pool) keep(ctx context.Context, all *sync.WaitGroup) {
	failures := 0
	for ctx.Err() == nil {
		c, err := p.connect(ctx)
		if err != nil {
			failures++
			p.rest(ctx, p.failed(ctx, err, failures))
			continue
		}
		failures = 0
		p.note("")
		p.up.Add(1)
		ended := make(chan string, 1)
		all.Go(func() {
			reason := c.serve(ctx)
			p.up.Add(-1)
			ended <- reason
		})
		select {
		case reason := <-ended:
			p.rest(ctx, p.closed(ctx, reason))
		case <-c.expiring: // the next one first: c goes on until Slack ends it
		case <-ctx.Done():
		}
	}
}

// rest waits, unless ctx ends.
func (p *Pool) rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-p.o.Clock.After(d):
	case <-ctx.Done():
	}
}

// failed says how long to wait after an attempt to connect failed.
func (p *Pool) failed(ctx context.Context, err error, failures int) time.Duration {
	var ended endedError
	if ctx.Err() != nil {
		return 0
	}
	if errors.As(err, &ended) {
		return max(p.closed(ctx, ended.reason), jitter(min(firstWait<<min(failures-1, 10), lastWait)))
	}
	wait := jitter(min(firstWait<<min(failures-1, 10), lastWait))
	class, after := bot.RetryOf(err)
	switch {
	case class == bot.RetryAfter:
		wait = max(wait, after)
	case class == bot.RetryNever || bot.CodeOf(err) == bot.CodeUnauthenticated:
		wait = jitter(longWait)
	}
	if p.note(err.Error()) || failures%10 == 0 {
		p.o.Log.Warn("a connection to slack could not be opened", "failures", failures, "again_in", wait, "error", err)
	}
	return wait
}

// note keeps why connecting fails; it reports whether that is news.
func (p *Pool) note(problem string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.last != problem
	p.last = problem
	return news
}

// closed says how long to wait after a connection ended.
func (p *Pool) closed(ctx context.Context, reason string) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	switch reason {
	case "too_many_websockets":
		p.note("there are too many connections of this app: others use its token, too")
		p.o.Log.Error("slack refuses a connection: this app has too many; does another OpsBot use its token?")
		return jitter(longWait)
	case "link_disabled":
		p.note("Socket Mode is turned off for this app")
		p.o.Log.Error("slack ended a connection: Socket Mode is turned off for this app")
		return jitter(longWait)
	}
	p.o.Log.Info("a connection to slack ended; it is opened again", "reason", reason)
	return jitter(firstWait)
}

// jitter takes a random part, up to a half, off a wait: many clients must not come
// back at one moment.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d/2)+1)) //nolint:gosec // spreads load, guards nothing
}

var errAddress = errors.New("slack gave an address for a connection that is not encrypted")

// connect opens a connection and waits until Slack greets.
func (p *Pool) connect(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*dialTime)
	defer cancel()
	address, err := p.o.Open(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "wss" && !(p.o.Plain && u.Scheme == "ws" && net.ParseIP(u.Hostname()).IsLoopback()) {
		return nil, errAddress // and not the address itself: it lets in whoever has it
	}
	ws, resp, err := p.dialer.DialContext(ctx, address, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // of a refusal; there is none otherwise
	}
	if err != nil {
		return nil, errors.New("slack did not open the connection: " + withoutAddress(err))
	}
	ws.SetReadLimit(maxFrame)
	c := &conn{p: p, ws: ws, expiring: make(chan struct{})}
	if err := c.greeted(ctx); err != nil {
		_ = ws.Close() // never used
		return nil, err
	}
	return c, nil
}

// withoutAddress tells what went wrong while dialing: not where, which is secret.
func withoutAddress(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + " " + op.Net + ": " + op.Err.Error()
	}
	var wire *url.Error
	if errors.As(err, &wire) {
		return wire.Err.Error()
	}
	return err.Error()
}

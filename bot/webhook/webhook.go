// Package webhook is the HTTP edge for deliveries from outside: it bounds the
// body, verifies it, stores it once and acknowledges it. A 2xx means that the
// delivery is on disk; what it means is worked out later by the relay.
//
// Everything that is not needed for verifying stays out of the store: headers
// pass an allow list, and what looks like a token in the address is masked.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"opsbot/bot"
)

// Bounds that hold unless Options say otherwise.
const (
	// MaxBody is the largest body taken: what GitHub caps its own deliveries at.
	MaxBody = 25 << 20
	// MaxInFlight is how many bytes of unverified bodies may be held at once, so
	// that strangers cannot fill the memory.
	MaxInFlight = 256 << 20
	// BodyTimeout is how long a sender may take for one body.
	BodyTimeout = 30 * time.Second
)

// RootHeader carries the root cause of a delivery made inside this process (see
// RoundTripper). It is ignored on requests that came over the network: nobody
// outside may file events under somebody's command.
const RootHeader = "Opsbot-Root"

// Accepter stores deliveries. Safe for concurrent use; it may put many callers'
// rows into one commit.
type Accepter interface {
	// Accept returns how many rows were new once all are on disk. A row whose
	// (Instance, Key) is known is left out. CodeStorageFull when there is no space.
	Accept(ctx context.Context, rows ...bot.InboxRow) (added int, err error)
}

// AcceptFunc is an Accepter of a function.
type AcceptFunc func(ctx context.Context, rows ...bot.InboxRow) (added int, err error)

var _ Accepter = AcceptFunc(nil)

// Accept calls f.
func (f AcceptFunc) Accept(ctx context.Context, rows ...bot.InboxRow) (added int, err error) {
	return f(ctx, rows...)
}

// Observer is told of every request, for metrics. Safe for concurrent use.
type Observer interface {
	// Delivered gets the instance ("" = none of that name), the outcome, the size of
	// the body in bytes and the time from first byte to answer.
	Delivered(instance string, outcome Outcome, bytes int, took time.Duration)
}

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	OutcomeAccepted  Outcome = "accepted"
	OutcomeDuplicate Outcome = "duplicate"
	OutcomeRefused   Outcome = "refused"  // not genuine
	OutcomeRejected  Outcome = "rejected" // too large, wrong type, no such instance
	OutcomeBusy      Outcome = "busy"     // over MaxInFlight, or the sender gave up
	OutcomeFull      Outcome = "full"     // no space left
	OutcomeFailed    Outcome = "failed"   // our own fault
)

// Options configure an Edge. Integrations, Accepter, Clock and Log are required.
type Options struct {
	Integrations bot.Integrations
	Accepter     Accepter
	Clock        bot.Clock
	Log          *slog.Logger
	Observer     Observer // nil: nobody is told
	// Headers are names stored with a delivery besides the built-in allow list.
	Headers     []string
	MaxBody     int64         // 0 = MaxBody
	MaxInFlight int64         // 0 = MaxInFlight
	BodyTimeout time.Duration // 0 = BodyTimeout
}

// Edge answers POST /hooks/INSTANCE[/...]. Safe for concurrent use.
type Edge struct {
	o       Options
	engine  *gin.Engine
	keep    headerFilter
	budget  *budget
	refused *quiet
}

var _ bot.Routes = (*Edge)(nil)

// New makes the edge.
func New(o Options) *Edge {
	if o.MaxBody == 0 {
		o.MaxBody = MaxBody
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = MaxInFlight
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = BodyTimeout
	}
	e := &Edge{o: o, keep: newHeaderFilter(o.Headers), budget: newBudget(o.MaxInFlight), refused: newQuiet(o.Clock)}
	e.engine = e.routes()
	return e
}

// Prefix is the part of the public listener that the edge answers.
func (e *Edge) Prefix() string { return "/hooks/" }

// Listener is the public one: senders are outside.
func (e *Edge) Listener() bot.Listener { return bot.ListenPublic }

// Handler serves paths below Prefix.
func (e *Edge) Handler() http.Handler { return e.engine }

func (e *Edge) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // otherwise gin prints its routes to the terminal
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false // a redirected POST loses its body with some senders
	engine.UseRawPath = true
	engine.Use(e.contain)
	engine.POST("/hooks/:instance", e.receive)
	engine.POST("/hooks/:instance/*path", e.receive)
	engine.NoMethod(func(c *gin.Context) {
		c.String(http.StatusMethodNotAllowed, "Deliveries come by POST.\n")
	})
	engine.NoRoute(func(c *gin.Context) {
		c.String(http.StatusNotFound, "There is nothing here.\n")
	})
	return engine
}

// contain turns a panic of a parser into a 500 for this one request.
func (e *Edge) contain(c *gin.Context) {
	defer func() {
		if v := recover(); v != nil {
			e.o.Log.Error("webhook: request panicked", "instance", c.Param("instance"), "panic", v, "stack", stack())
			c.AbortWithStatus(http.StatusInternalServerError)
		}
	}()
	c.Next()
}

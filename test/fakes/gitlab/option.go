package gitlab

import (
	"crypto/tls"
	"net/http"

	"opsbot/bot"
)

// Deletion is how a server deletes projects.
type Deletion int

// The ways of deletion, from the newest on.
const (
	// DeleteRenaming marks and renames the project; it can be deleted at once on demand.
	DeleteRenaming Deletion = iota
	// DeleteLate is DeleteRenaming where deleting at once is switched off, as on gitlab.com.
	DeleteLate
	// DeleteMarking marks the project and keeps its name, as servers of the paid tiers
	// did; deleting at once is switched off.
	DeleteMarking
	// DeleteNow deletes at once, as the free tier did before 18.0.
	DeleteNow
)

type config struct {
	clock      bot.Clock
	listen     string
	dir        string
	token      string
	tls        *tls.Config
	unexpected func(string)
	deletion   Deletion
	limit      int // requests a minute, 0: none
	slow       bool
	receive    func(Delivery) int
	deliver    http.RoundTripper
}

func defaults() config {
	return config{
		clock: bot.SystemClock{}, listen: "127.0.0.1:0", token: "glpat-" + bot.NewToken(),
		receive: func(Delivery) int { return http.StatusOK },
	}
}

// Option changes how a Server is made.
type Option func(*config)

// OnUnexpected is told of what no client should send.
func OnUnexpected(f func(what string)) Option { return func(c *config) { c.unexpected = f } }

// WithClock sets the time by which limits, tokens and deliveries go.
func WithClock(clock bot.Clock) Option { return func(c *config) { c.clock = clock } }

// WithListen sets host:port to listen on; by default any port of the loopback.
func WithListen(address string) Option { return func(c *config) { c.listen = address } }

// WithDir sets the folder in which the repositories' own is made; by default the
// system's for temporary files.
func WithDir(dir string) Option { return func(c *config) { c.dir = dir } }

// WithToken sets Server.Token.
func WithToken(token string) Option { return func(c *config) { c.token = token } }

// WithTLS serves HTTPS.
func WithTLS(conf *tls.Config) Option { return func(c *config) { c.tls = conf } }

// WithDeletion sets how projects are deleted; by default DeleteRenaming.
func WithDeletion(d Deletion) Option { return func(c *config) { c.deletion = d } }

// WithLimit sets how many requests a minute are answered, for all tokens together.
func WithLimit(aMinute int) Option { return func(c *config) { c.limit = aMinute } }

// Slow lets the server notice a push late: the default branch stays what the
// settings say until somebody changes it.
func Slow() Option { return func(c *config) { c.slow = true } }

// WithReceiver lets f receive the webhooks, at once, and answer with a status; 0
// means that the connection failed. By default all are received with 200.
func WithReceiver(f func(Delivery) int) Option { return func(c *config) { c.receive = f } }

// WithDeliveries sends webhooks over HTTP to where their hooks point.
func WithDeliveries(via http.RoundTripper) Option { return func(c *config) { c.deliver = via } }

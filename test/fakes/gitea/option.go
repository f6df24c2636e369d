package gitea

import (
	"crypto/tls"
	"net/http"

	"opsbot/bot"
)

type config struct {
	clock      bot.Clock
	listen     string
	dir        string
	token      string
	version    string
	tls        *tls.Config
	unexpected func(string)
	receive    func(Delivery) int
	deliver    http.RoundTripper
}

func defaults() config {
	return config{
		clock: bot.SystemClock{}, listen: "127.0.0.1:0", token: bot.NewToken() + bot.NewToken(), version: "1.24.3",
		receive: func(Delivery) int { return http.StatusOK },
	}
}

// Option changes how a Server is made.
type Option func(*config)

// OnUnexpected is told of what no client should send.
func OnUnexpected(f func(what string)) Option { return func(c *config) { c.unexpected = f } }

// WithClock sets the time that things are dated by.
func WithClock(clock bot.Clock) Option { return func(c *config) { c.clock = clock } }

// WithListen sets host:port to listen on; by default any port of the loopback.
func WithListen(address string) Option { return func(c *config) { c.listen = address } }

// WithDir sets the folder in which the repositories' own is made; by default the
// system's for temporary files.
func WithDir(dir string) Option { return func(c *config) { c.dir = dir } }

// WithToken sets Server.Token.
func WithToken(token string) Option { return func(c *config) { c.token = token } }

// WithVersion sets what the server says that it is; with "+gitea-" in it, as
// "12.0.1+gitea-1.22.0", it is a Forgejo, and its deliveries have Forgejo's fields.
func WithVersion(version string) Option { return func(c *config) { c.version = version } }

// WithTLS serves HTTPS.
func WithTLS(conf *tls.Config) Option { return func(c *config) { c.tls = conf } }

// WithReceiver lets f receive the webhooks, at once, and answer with a status; 0
// means that the connection failed. By default all are received with 200.
func WithReceiver(f func(Delivery) int) Option { return func(c *config) { c.receive = f } }

// WithDeliveries sends webhooks over HTTP to where their hooks point.
func WithDeliveries(via http.RoundTripper) Option { return func(c *config) { c.deliver = via } }

package github

import (
	"crypto/tls"
	"net/http"
	"time"

	"opsbot/bot"
)

type config struct {
	clock      bot.Clock
	listen     string
	dir        string
	token      string
	tls        *tls.Config
	unexpected func(string)
	latency    time.Duration
	primary    int // requests an hour
	perMinute  int // content writes
	perHour    int
	tokenLife  time.Duration
	receive    func(Delivery) int
	deliver    http.RoundTripper
	contract   Contract
	called     func(Call)
	through    func(http.Handler) http.Handler
}

func defaults() config {
	return config{
		clock: bot.SystemClock{}, listen: "127.0.0.1:0", token: "ghp_" + bot.NewToken() + bot.NewToken(),
		primary: 5000, perMinute: 80, perHour: 500, tokenLife: time.Hour,
		through: func(h http.Handler) http.Handler { return h },
		receive: func(Delivery) int { return http.StatusOK },
	}
}

// Option changes how a Server is made.
type Option func(*config)

// OnUnexpected is told of what no client should send.
func OnUnexpected(f func(what string)) Option { return func(c *config) { c.unexpected = f } }

// OnCall is told of each call once it is answered. It may call the server.
func OnCall(f func(Call)) Option { return func(c *config) { c.called = f } }

// Through puts something between the server and its clients, such as a slow network.
func Through(wrap func(http.Handler) http.Handler) Option {
	return func(c *config) { c.through = wrap }
}

// WithContract holds requests and answers to a description of the API.
func WithContract(c Contract) Option { return func(o *config) { o.contract = c } }

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

// WithLatency delays each answer, by the server's clock.
func WithLatency(d time.Duration) Option { return func(c *config) { c.latency = d } }

// WithLimits sets requests an hour (5000) and content writes a minute (80) and an
// hour (500), for each token.
func WithLimits(requests, writesAMinute, writesAnHour int) Option {
	return func(c *config) { c.primary, c.perMinute, c.perHour = requests, writesAMinute, writesAnHour }
}

// WithTokenLife sets how long installation tokens live, by the machine's clock, as
// the client library looks at that; default an hour.
func WithTokenLife(d time.Duration) Option { return func(c *config) { c.tokenLife = d } }

// WithReceiver lets f receive the webhooks, at once, and answer with a status; 0
// means that the connection failed. By default all are received with 200.
func WithReceiver(f func(Delivery) int) Option { return func(c *config) { c.receive = f } }

// WithDeliveries sends webhooks over HTTP to where their hooks point.
func WithDeliveries(via http.RoundTripper) Option { return func(c *config) { c.deliver = via } }

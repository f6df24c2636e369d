package slack

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// Door is how the app gets events, commands and interactions.
type Door int

// The doors. Both sends everything twice, as no real Slack does on purpose: it
// stands for an app whose settings changed while it ran.
const (
	SocketMode Door = iota
	HTTP
	Both
)

// RequestURLs are the app's addresses for the HTTP door.
type RequestURLs struct {
	Events, Commands, Interactions string
}

// Option changes a Server before it starts.
type Option func(*config)

type config struct {
	listen                     string
	team, domain, teamName     string
	botName                    string
	botToken, appToken, secret string
	scopes, appScopes, events  []string
	clock                      bot.Clock
	door                       Door
	urls                       RequestURLs
	unexpected                 func(string)
	limits                     bool
	burst                      int
	ackIn                      time.Duration
	backoff                    []time.Duration
	ping                       time.Duration
}

func defaults() config {
	return config{
		listen: "127.0.0.1:0",
		team:   "T0ACME", domain: "acme", teamName: "Acme", botName: "opsbot",
		botToken: "xoxb-" + rand.Text(), appToken: "xapp-" + rand.Text(), secret: strings.ToLower(rand.Text()),
		scopes: DefaultScopes(), appScopes: []string{"connections:write"}, events: DefaultEvents(),
		clock: bot.SystemClock{}, unexpected: func(string) {},
		burst: 5, ackIn: 3 * time.Second, ping: 5 * time.Second,
		backoff: []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond},
	}
}

// DefaultScopes are the bot scopes that a ChatOps bot needs.
func DefaultScopes() []string {
	return []string{
		"app_mentions:read", "channels:history", "channels:join", "channels:manage", "channels:read", "chat:write",
		"commands", "files:write", "groups:history", "groups:read", "groups:write", "im:history", "im:read", "im:write",
		"mpim:history", "mpim:read", "mpim:write", "reactions:read", "reactions:write", "team:read", "usergroups:read",
		"users:read", "users:read.email",
	}
}

// DefaultEvents are the subscriptions of a ChatOps bot.
func DefaultEvents() []string {
	return []string{
		"app_home_opened", "app_mention", "app_uninstalled", "channel_archive", "channel_rename", "channel_unarchive",
		"group_archive", "group_rename", "group_unarchive", "member_joined_channel", "member_left_channel",
		"message.channels", "message.groups", "message.im", "message.mpim", "reaction_added", "reaction_removed",
		"subteam_members_changed", "subteam_updated", "tokens_revoked", "user_change",
	}
}

// OnUnexpected is told what no client should send. It must be safe for concurrent
// use and must not call the server.
func OnUnexpected(f func(what string)) Option { return func(c *config) { c.unexpected = f } }

// SetPublicURL tells under which address clients reach the server, if there is a
// proxy in between: connections, uploads and answers are sent there from now on.
func (s *Server) SetPublicURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.public = strings.TrimSuffix(url, "/")
}

// base is the address to give to clients. The lock is held.
func (s *Server) base() string { return cmp.Or(s.public, s.URL) }

// Listen sets the address to listen at instead of a free port of 127.0.0.1.
func Listen(addr string) Option { return func(c *config) { c.listen = addr } }

// WithTeam sets the workspace's id, and the first part of its address.
func WithTeam(id, domain string) Option { return func(c *config) { c.team, c.domain = id, domain } }

// WithBotName sets the bot user's name, "opsbot" otherwise.
func WithBotName(name string) Option { return func(c *config) { c.botName = name } }

// WithTokens sets the bot token (xoxb-...), the app token (xapp-...) and the signing secret.
func WithTokens(bot, app, secret string) Option {
	return func(c *config) { c.botToken, c.appToken, c.secret = bot, app, secret }
}

// WithScopes sets the bot token's scopes instead of DefaultScopes.
func WithScopes(scopes ...string) Option {
	return func(c *config) { c.scopes = slices.Clone(scopes) }
}

// WithAppScopes sets the app token's scopes instead of connections:write.
func WithAppScopes(scopes ...string) Option {
	return func(c *config) { c.appScopes = slices.Clone(scopes) }
}

// WithEvents sets the subscribed events ("message.im", "app_mention", ...) instead
// of DefaultEvents.
func WithEvents(events ...string) Option {
	return func(c *config) { c.events = slices.Clone(events) }
}

// WithClock sets the clock of timestamps, rate limits, expiry and deadlines. Pings
// go by the machine's clock, since clients watch them by theirs.
func WithClock(clock bot.Clock) Option { return func(c *config) { c.clock = clock } }

// Via sets the door, SocketMode otherwise.
func Via(door Door) Option { return func(c *config) { c.door = door } }

// WithRequestURLs sets where the HTTP door leads; see also SetRequestURLs.
func WithRequestURLs(urls RequestURLs) Option { return func(c *config) { c.urls = urls } }

// WithLimits enforces Slack's rate limits: a message a second and channel, with
// burst messages at once, and each method's tier.
func WithLimits(burst int) Option {
	return func(c *config) { c.limits, c.burst = true, burst }
}

// WithAckTimeout sets how long the app may take to answer, 3 s otherwise.
func WithAckTimeout(d time.Duration) Option { return func(c *config) { c.ackIn = d } }

// WithBackoff sets the pauses before an event is sent again, one per retry. Slack's
// own are 0, 1 and 5 minutes; a test's are milliseconds otherwise.
func WithBackoff(pauses ...time.Duration) Option {
	return func(c *config) { c.backoff = slices.Clone(pauses) }
}

// WithPing sets how often connections are pinged, every 5 s otherwise; 0 for never.
func WithPing(every time.Duration) Option { return func(c *config) { c.ping = every } }

// Package slack is the chat of a Slack workspace, as an app that is installed there.
//
// What people say and press comes in through two doors, Socket Mode and the Events
// API over HTTP, that share one decoder and may be open at once. What is worth
// keeping is stored before it is acknowledged; what Slack sends twice has the same
// id and counts once. What the bot says goes out as Block Kit, found again after a
// crash by the metadata that each post carries.
//
// The parts: wire reads what Slack sends, block renders what the bot says, web calls
// the Web API, socket keeps the connections of Socket Mode, cache keeps answers.
package slack

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/integrations/slack/cache"
	"opsbot/integrations/slack/web"
)

// Config is the section of a Slack workspace.
type Config struct {
	BotToken      config.Secret `yaml:"bot_token" required:"true" example:"env:SLACK_BOT_TOKEN" doc:"The bot token of the installed app (xoxb-...)."`
	AppToken      config.Secret `yaml:"app_token" example:"env:SLACK_APP_TOKEN" doc:"The app-level token (xapp-..., scope connections:write): opens Socket Mode, which needs no public address."`
	SigningSecret config.Secret `yaml:"signing_secret" example:"env:SLACK_SIGNING_SECRET" doc:"The app's signing secret: opens the Events API over HTTP, at /NAME/events, /NAME/commands and /NAME/interactions of public_url."`
	APIURL        string        `yaml:"api_url" default:"https://slack.com/api/" format:"url" doc:"Where the Web API is."`
	Connections   int           `yaml:"connections" default:"2" doc:"How many connections Socket Mode keeps open, 1 to 10."`
	Command       string        `yaml:"command" default:"/ops" doc:"The slash command of the app."`
}

var commandForm = regexp.MustCompile(`^/[a-z0-9_-]{1,32}$`)

// complete fills in defaults for a decoder without them, and checks.
func (c *Config) complete() error {
	if c.APIURL == "" {
		c.APIURL = "https://slack.com/api/"
	}
	if c.Connections == 0 {
		c.Connections = 2
	}
	if c.Command == "" {
		c.Command = "/ops"
	}
	u, err := url.Parse(c.APIURL)
	switch {
	case c.BotToken.IsZero():
		return bot.Errorf(bot.CodeInvalid, "bot_token is missing")
	case c.AppToken.IsZero() && c.SigningSecret.IsZero():
		return bot.Errorf(bot.CodeInvalid, "app_token (Socket Mode) or signing_secret (Events API over HTTP) is needed: without one of them nothing comes in")
	case err != nil || u.Scheme != "https" && !loopback(u):
		return bot.Errorf(bot.CodeInvalid, "api_url must begin with https://")
	case c.Connections < 1 || c.Connections > 10:
		return bot.Errorf(bot.CodeInvalid, "connections must be from 1 to 10")
	case !commandForm.MatchString(c.Command):
		return bot.Errorf(bot.CodeInvalid, "command must be like /ops")
	}
	return nil
}

// loopback reports addresses of this machine, where a test's server may answer
// without encryption.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Chat is one workspace. Safe for concurrent use.
type Chat struct {
	env bot.IntegrationEnv
	cfg Config
	web *web.Client
	key []byte // signs what forms carry

	arrivals lateness
	moving   sync.Mutex // held from asking how a room is until that is kept

	mu       sync.Mutex
	identity *web.Identity // nil until Slack said it
	flights  map[string]*flight
	groups   groups
	revoked  string // why the app is of no use, as an event said; "" = it is

	sent   *cache.Cache[string, string]    // where posts are: channel and key -> message id
	files  *cache.Cache[string, bool]      // uploads that were seen in their thread
	people *cache.Cache[string, bot.Facts] // by user id, without groups
	teams  *cache.Cache[string, string]    // user id -> team id
	rooms  *cache.Cache[string, room]      // by channel id
	direct *cache.Cache[string, string]    // user id -> conversation with the bot
	names  *cache.Cache[string, string]    // channel name -> id
	caught *cache.Cache[string, string]    // thread or channel -> up to where it was caught up with
	doors  *doors
}

var (
	_ bot.Chat        = (*Chat)(nil)
	_ bot.Threader    = (*Chat)(nil)
	_ bot.Ephemeral   = (*Chat)(nil)
	_ bot.Uploader    = (*Chat)(nil)
	_ bot.Directory   = (*Chat)(nil)
	_ bot.RoomKeeper  = (*Chat)(nil)
	_ bot.Forms       = (*Chat)(nil)
	_ bot.Service     = (*Chat)(nil)
	_ bot.Routes      = (*Chat)(nil)
	_ bot.Prober      = (*Chat)(nil)
	_ bot.DisplayName = (*Chat)(nil)
)

// Kind lists Slack in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "slack", Summary: "the chat of a Slack workspace", Config: &Config{},
		New: func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// Bounds of what is kept in memory.
const (
	keptPosts  = 20000
	keptPeople = 5000
	keptRooms  = 5000
	factsLife  = 5 * time.Minute
)

// New makes the chat of a workspace; it does no I/O besides its own folder.
func New(env bot.IntegrationEnv) (*Chat, error) {
	c := &Chat{
		env: env, flights: map[string]*flight{},
		sent:   cache.New[string, string](env.Clock, keptPosts, 0),
		files:  cache.New[string, bool](env.Clock, keptPosts, 0),
		people: cache.New[string, bot.Facts](env.Clock, keptPeople, factsLife),
		teams:  cache.New[string, string](env.Clock, keptPeople, 0),
		rooms:  cache.New[string, room](env.Clock, keptRooms, factsLife),
		direct: cache.New[string, string](env.Clock, keptPeople, time.Hour),
		names:  cache.New[string, string](env.Clock, keptRooms, time.Minute),
		caught: cache.New[string, string](env.Clock, keptRooms, lookBack),
	}
	if err := env.Config.Decode(&c.cfg); err != nil {
		return nil, err
	}
	if err := c.cfg.complete(); err != nil {
		return nil, err
	}
	var err error
	if c.key, err = keepKey(filepath.Join(env.Dir, "form-key")); err != nil {
		return nil, fmt.Errorf("slack: key of forms: %w", err)
	}
	c.web, err = web.New(web.Options{
		URL: c.cfg.APIURL, BotToken: c.cfg.BotToken, AppToken: c.cfg.AppToken, Clock: env.Clock, Log: env.Log, BotName: env.BotName,
	})
	c.doors = newDoors(c)
	return c, err
}

// keepKey reads the key that signs forms, making it the first time.
func keepKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) >= 32 {
		return key, nil
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand.Read never fails since Go 1.24
	return key, os.WriteFile(path, key, 0o600)
}

// DisplayName implements bot.DisplayName.
func (c *Chat) DisplayName() string { return web.Service }

// Limits implements bot.Chat: a message a second and channel, less what the way there
// makes them come closer together.
func (c *Chat) Limits() bot.ChatLimits { return bot.ChatLimits{PerSecond: 0.95, Burst: 1} }

// ThreadOf implements bot.Threader: any message that is in no thread starts one.
func (c *Chat) ThreadOf(messageID string) string { return messageID }

// Uploads implements bot.Uploader.
func (c *Chat) Uploads() bool { return true }

// OpensForms implements bot.Forms.
func (c *Chat) OpensForms() bool { return true }

// who gives the bot's own identity, asking Slack for it until it has said so.
func (c *Chat) who(ctx context.Context) (web.Identity, error) {
	c.mu.Lock()
	known := c.identity
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	a, err := c.web.Auth(ctx)
	if err != nil {
		return web.Identity{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity = &a.Identity
	return a.Identity, nil
}

// ref names a conversation of the workspace.
func (c *Chat) ref(id web.Identity, channel string) bot.RoomRef {
	return bot.RoomRef{Instance: c.env.Name, Workspace: id.TeamID, ID: channel}
}

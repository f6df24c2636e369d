// Package mattermost is the Mattermost chat: what people say comes over a WebSocket
// that is resumed, or caught up with, after every interruption; posts, forms and
// files go out over REST; clicks, forms and the slash command come in over HTTP.
package mattermost

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/rest"
	"opsbot/integrations/mattermost/api"
	"opsbot/integrations/mattermost/markup"
)

// Config is the section of a Mattermost server.
type Config struct {
	URL          string        `yaml:"url" doc:"The server's address." example:"https://chat.example.com"`
	Token        config.Secret `yaml:"token" doc:"The bot account's access token." example:"env:MATTERMOST_TOKEN"`
	CommandToken config.Secret `yaml:"command_token" doc:"The token that Mattermost shows when the slash command is made; without it there is none." example:"env:MATTERMOST_COMMAND_TOKEN"`
	Channels     []string      `yaml:"channels" doc:"Ids of channels whose members are a policy group, channel/ID." example:"[dc4mnyn913r77pht9pzoyihnbh]"`
	PingInterval time.Duration `yaml:"ping_interval" doc:"How often the socket is asked whether it is alive; default: 30s." example:"30s"`
}

// Chat is one server, seen as one bot account. Safe for concurrent use.
type Chat struct {
	env  bot.IntegrationEnv
	cfg  Config
	mask *rest.Mask
	api  *api.Client
	time timing

	me     *account   // the bot's own account and rights
	rooms  *rooms     // where it is
	people *directory // who is who
	sent   *outgoing  // what it has posted
	clicks *lru[string, *click]
	failed *lru[string, int] // what came in and could not be taken, by its id
	socket *status
	cursor *cursor
	locks  keyed
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

// timing are the clocks of the way in; tests shorten them.
type timing struct {
	ping     time.Duration
	again    time.Duration // before the first attempt to connect again; it doubles
	longest  time.Duration // between two attempts
	refused  time.Duration // between two attempts with a token that was refused
	identify time.Duration // how long Prepare may take
}

// Kind lists Mattermost in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "mattermost", Summary: "a Mattermost server, as a bot account",
		Config: &Config{}, New: func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// New makes an instance; it does no I/O.
func New(env bot.IntegrationEnv) (*Chat, error) {
	c := &Chat{
		env: env, mask: &rest.Mask{}, sent: newOutgoing(), clicks: newLRU[string, *click](mostClicks), failed: newLRU[string, int](mostClicks), socket: &status{}, cursor: &cursor{},
		time: timing{ping: 30 * time.Second, again: time.Second, longest: time.Minute, refused: time.Minute, identify: 5 * time.Second},
	}
	if err := env.Config.Decode(&c.cfg); err != nil {
		return nil, err
	}
	c.cfg.URL = strings.TrimRight(c.cfg.URL, "/")
	switch {
	case c.cfg.URL == "":
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url is needed: the address of the Mattermost server", env.Name)
	case c.cfg.Token.IsZero():
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.token is needed: env:NAME or file:PATH of the bot account's access token", env.Name)
	case c.cfg.PingInterval != 0 && c.cfg.PingInterval < time.Second:
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.ping_interval must be at least 1s", env.Name)
	case c.cfg.PingInterval > 0:
		c.time.ping = c.cfg.PingInterval
	}
	for _, id := range c.cfg.Channels {
		if !model.IsValidId(id) {
			return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.channels: %q is no id of a channel (Channel > View Info shows it)", env.Name, bot.Shorten(id, 40))
		}
	}
	made, err := api.New(api.Options{
		Service: c.DisplayName(), URL: c.cfg.URL, Token: c.cfg.Token.Resolve, Clock: env.Clock, Mask: c.mask,
	})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url: %s", env.Name, bot.MessageOf(err))
	}
	c.api = made
	c.me, c.rooms, c.people = &account{}, newRooms(), newDirectory()
	return c, nil
}

// DisplayName is what people call it.
func (c *Chat) DisplayName() string { return "Mattermost" }

// Limits: Mattermost has none per room; this is what people can read.
func (c *Chat) Limits() bot.ChatLimits { return bot.ChatLimits{PerSecond: 2, Burst: 5} }

// ThreadOf is the message itself: replies name the first post of their thread.
func (c *Chat) ThreadOf(messageID string) string { return messageID }

// Uploads implements bot.Uploader.
func (c *Chat) Uploads() bool { return true }

// OpensForms implements bot.Forms.
func (c *Chat) OpensForms() bool { return true }

// Prefix implements bot.Routes.
func (c *Chat) Prefix() string { return "/" + c.env.Name + "/" }

// Listener implements bot.Routes: the server must reach it.
func (c *Chat) Listener() bot.Listener { return bot.ListenPublic }

// Handler implements bot.Routes.
func (c *Chat) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+c.Prefix()+"actions", c.serveAction)
	mux.HandleFunc("POST "+c.Prefix()+"dialogs", c.serveDialog)
	mux.HandleFunc("POST "+c.Prefix()+"command", c.serveCommand)
	return mux
}

// ref names a channel of this server.
func (c *Chat) ref(channel string) bot.RoomRef { return bot.RoomRef{Instance: c.env.Name, ID: channel} }

// account is the bot's own account, as the server said last.
type account struct {
	mu  sync.Mutex
	now identity
}

type identity struct {
	id, username string
	isBot        bool
	// whispers tells whether it may post for one person alone.
	whispers bool
	// emails: addresses of this server's accounts are verified.
	emails bool
}

func (a *account) get() identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *account) set(now identity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
}

func (a *account) setWhispers(may bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now.whispers = may
}

// self is how the bot is called here and in texts.
func (c *Chat) self() markup.Self {
	return markup.Self{Username: c.me.get().username, BotName: c.env.BotName}
}

// identify learns who the bot is and what it may do; it fails with a token that is
// not accepted.
func (c *Chat) identify(ctx context.Context) error {
	user, err := c.api.Me(ctx)
	if err != nil {
		return err
	}
	whispers, err := c.mayWhisper(ctx, strings.Fields(user.Roles))
	if err != nil {
		return err
	}
	settings, err := c.api.Config(ctx)
	if err != nil {
		return err
	}
	c.me.set(identity{
		id: user.Id, username: user.Username, isBot: user.IsBot, whispers: whispers, emails: settings["RequireEmailVerification"] == "true",
	})
	return nil
}

// known is the bot's account id, asked for if nobody has yet.
func (c *Chat) known(ctx context.Context) (string, error) {
	if id := c.me.get().id; id != "" {
		return id, nil
	}
	if err := c.identify(ctx); err != nil {
		return "", err
	}
	return c.me.get().id, nil
}

// mayWhisper asks the roles of the account for the permission to post for one person
// alone; bots don't have it from the start.
func (c *Chat) mayWhisper(ctx context.Context, roles []string) (bool, error) {
	for _, name := range roles {
		if name == "system_admin" {
			return true, nil
		}
		if name == "system_user" {
			continue // never holds it
		}
		role, err := c.api.Role(ctx, name)
		switch bot.CodeOf(err) {
		case "":
		case bot.CodeNotFound, bot.CodeForbidden:
			continue
		default:
			return false, err
		}
		for _, permission := range role.Permissions {
			if permission == "create_post_ephemeral" {
				return true, nil
			}
		}
	}
	return false, nil
}

// Prepare looks who and where the bot is. A server that is down is no error: Run goes
// on trying.
func (c *Chat) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.time.identify)
	defer cancel()
	err := c.identify(ctx)
	if err == nil {
		err = c.arrive(ctx)
	}
	if err != nil {
		c.env.Log.Warn("mattermost is not ready; it is tried again", "error", c.mask.Error(err))
	}
	return nil
}

// Package console is the chat that needs no account anywhere: rooms in the store,
// a page in the browser, and the owner's Unix socket behind `opsbot say`.
package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"slices"
	"strings"
	"sync"

	"opsbot/bot"
)

// Config is the section of a console.
type Config struct {
	Rooms []string `yaml:"rooms" doc:"The rooms that are there from the start; default: general." example:"[general, deployments]"`
}

// Console is a chat whose rooms live in the store. Safe for concurrent use.
type Console struct {
	env   bot.IntegrationEnv
	cfg   Config
	pages *template.Template

	stop    sync.Once
	stopped chan struct{} // closed when open streams are to end
}

var (
	_ bot.Chat      = (*Console)(nil)
	_ bot.Threader  = (*Console)(nil)
	_ bot.Uploader  = (*Console)(nil)
	_ bot.Ephemeral = (*Console)(nil)
	_ bot.Service   = (*Console)(nil)
)

// Kind lists the console in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "console", Summary: "the built-in chat: a page in the browser and `opsbot say`",
		Config: &Config{}, New: func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// New makes a console.
func New(env bot.IntegrationEnv) (*Console, error) {
	c := &Console{env: env, stopped: make(chan struct{})}
	if err := env.Config.Decode(&c.cfg); err != nil {
		return nil, err
	}
	if len(c.cfg.Rooms) == 0 {
		c.cfg.Rooms = []string{"general"}
	}
	pages, err := parsePages()
	c.pages = pages
	return c, err
}

// Run ends the open pages' streams when ctx ends: they would last for ever, and a
// stop would wait for them in vain. The pages connect again by themselves.
func (c *Console) Run(ctx context.Context) error {
	<-ctx.Done()
	c.stop.Do(func() { close(c.stopped) })
	return nil
}

// Room gives the reference of a room of this console.
func (c *Console) Room(id string) bot.RoomRef { return bot.RoomRef{Instance: c.env.Name, ID: id} }

// entryID makes a message id of a post's key: the same post is the same message,
// however often it is sent.
func entryID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "b" + hex.EncodeToString(sum[:12])
}

// Send stores a post as an entry of its room. Sending it again changes nothing.
func (c *Console) Send(ctx context.Context, p bot.Post) (string, error) {
	id := entryID(p.Key)
	return id, c.store(ctx, id, p, false)
}

// SendEphemeral stores a post that only p.To is shown.
func (c *Console) SendEphemeral(ctx context.Context, p bot.Post) error {
	_, err := c.Send(ctx, p)
	return err
}

// Edit replaces the post of an entry.
func (c *Console) Edit(ctx context.Context, id string, p bot.Post) error {
	return c.store(ctx, id, p, true)
}

func (c *Console) store(ctx context.Context, id string, p bot.Post, edit bool) error {
	now := c.env.Clock.Now()
	e := bot.RoomEntry{
		Room: p.Room, ID: id, Thread: p.Thread, Bot: true, Post: &p, PostKey: p.Key, SentAt: now, Root: p.Root,
		Author: bot.Account{Instance: c.env.Name, ID: "opsbot", Name: "opsbot"},
	}
	if edit {
		e.EditedAt = now
	}
	if p.To != nil {
		e.To = p.To.ID
	}
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Rooms.Append(ctx, e)
		return err
	})
}

// Limits: a console is as fast as its store.
func (c *Console) Limits() bot.ChatLimits { return bot.ChatLimits{} }

// ThreadOf is the message itself: every message can start a thread.
func (c *Console) ThreadOf(messageID string) string { return messageID }

// Uploads: files are served from Blobs by the page.
func (c *Console) Uploads() bool { return true }

// Input is something a person said or pressed on the page or over the socket.
type Input struct {
	Account bot.Account
	Owner   bool // over the owner's socket
	Room    string
	Thread  string
	Text    string
	Action  string // a button's action instead of a text
	ID      string // the client's own id: the same input twice counts once; "" = new
}

// maxText bounds what a person can say at once, in bytes.
const maxText = 16 << 10

// Rooms names the configured rooms; there is at least one.
func (c *Console) Rooms() []string { return slices.Clone(c.cfg.Rooms) }

// Say shows what a person said in the room and hands it to the router, in one: when it
// returns nil, it will be run, once.
func (c *Console) Say(ctx context.Context, in Input) (root string, err error) {
	if len(in.Text) > maxText {
		return "", bot.Errorf(bot.CodeTooLarge, "A message has at most %d characters.", maxText)
	}
	if strings.TrimSpace(in.Text) == "" && in.Action == "" {
		return "", bot.Errorf(bot.CodeInvalid, "There is nothing to say.")
	}
	now := c.env.Clock.Now()
	id := in.ID
	if id == "" {
		id = bot.NewID(now)
	}
	room := c.Room(in.Room)
	m := bot.Message{ID: id, Room: room, Thread: in.Thread, Author: in.Account, Text: in.Text, SentAt: now, Owner: in.Owner, Action: in.Action, Root: bot.NewID(now)}
	text := in.Text // the page shows what may be kept
	if redactor, ok := c.env.Inbound.(bot.Redactor); ok {
		kept, err := redactor.Redact(ctx, m)
		if err != nil {
			return "", err
		}
		text = kept.Text
	}
	return c.env.Inbound.Receive(ctx, m, func(ctx context.Context, tx *bot.Tx) error {
		if _, err := knownRoom(ctx, tx, room); err != nil || in.Action != "" {
			return err
		}
		_, err := tx.Rooms.Append(ctx, bot.RoomEntry{Room: room, ID: id, Thread: in.Thread, Author: in.Account, Text: text, SentAt: now, Root: m.Root})
		return err
	})
}

// Prepare makes the configured rooms.
func (c *Console) Prepare(ctx context.Context) error {
	return c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, name := range c.cfg.Rooms {
			if err := bot.ChangeRoom(ctx, tx, c.Room(name), func(r *bot.Room) { r.Name, r.Style = name, "" }); err != nil {
				return err
			}
		}
		return nil
	})
}

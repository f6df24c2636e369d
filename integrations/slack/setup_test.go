package slack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	fake "opsbot/test/fakes/slack"
)

// inbox takes messages as the router does: once each, on disk.
type inbox struct {
	work bot.UnitOfWork

	mu     sync.Mutex
	got    []bot.Message
	wants  func(m bot.Message) bool // nil: all
	broken error                    // nothing is received as long as it is set
	tries  int
	told   chan struct{} // something was received
}

func (i *inbox) Wants(_ context.Context, m bot.Message) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.wants == nil || i.wants(m), nil
}

func (i *inbox) Receive(ctx context.Context, m bot.Message, _ ...func(ctx context.Context, tx *bot.Tx) error) (root string, err error) {
	i.mu.Lock()
	i.tries++
	broken := i.broken
	i.mu.Unlock()
	if broken != nil {
		return "", broken
	}
	var added bool
	err = i.work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		root, added, err = tx.Messages.Add(ctx, m, m.SentAt)
		return err
	})
	if err != nil || !added {
		return root, err
	}
	i.mu.Lock()
	i.got = append(i.got, m)
	i.mu.Unlock()
	select {
	case i.told <- struct{}{}:
	default:
	}
	return root, nil
}

func (i *inbox) breaks(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.broken = err
}

func (i *inbox) messages() []bot.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]bot.Message(nil), i.got...)
}

// desk is a router's desk whose answers a test sets.
type desk struct {
	mu     sync.Mutex
	form   func(m bot.Message) (*bot.Form, error)
	check  func(m bot.Message) (map[string]string, error)
	home   func(a bot.Account, room bot.RoomRef) ([]bot.Post, error)
	checks []bot.Message
}

func (d *desk) Form(_ context.Context, m bot.Message) (*bot.Form, error) {
	if d.form == nil {
		return nil, nil
	}
	return d.form(m)
}

func (d *desk) Check(_ context.Context, m bot.Message) (map[string]string, error) {
	d.mu.Lock()
	d.checks = append(d.checks, m)
	d.mu.Unlock()
	if d.check == nil {
		return nil, nil
	}
	return d.check(m)
}

func (d *desk) Home(_ context.Context, a bot.Account, room bot.RoomRef) ([]bot.Post, error) {
	if d.home == nil {
		return nil, errors.New("no home")
	}
	return d.home(a, room)
}

// section is a configuration section that a test fills in.
type section Config

func (s section) Decode(into any) error {
	*into.(*Config) = Config(s)
	return nil
}

// rig is a Slack workspace with a channel, and the chat over it and a real store.
type rig struct {
	*fake.Server
	t     *testing.T
	chat  *Chat
	store *store.Store
	inbox *inbox
	desk  *desk
	clock bot.Clock
	log   *logs
	cfg   Config
	env   map[string]string // where secrets are

	alice, bob, dev string
}

// setup starts a workspace that gives the app what it says it uses and nothing else.
func setup(t *testing.T, opts ...fake.Option) *rig {
	t.Helper()
	return setupAt(t, bot.SystemClock{}, opts...)
}

func setupAt(t *testing.T, clock bot.Clock, opts ...fake.Option) *rig {
	t.Helper()
	var scopes []string
	for _, s := range Scopes() {
		scopes = append(scopes, s.Name)
	}
	r := &rig{t: t, clock: clock, desk: &desk{}, log: &logs{}}
	r.Server = fake.New(t, append([]fake.Option{fake.WithScopes(scopes...), fake.WithEvents(Events()...), fake.WithClock(clock)}, opts...)...)
	r.store = storetest.Open(t, func(o *store.Options) { o.Clock = clock })
	r.inbox = &inbox{work: r.store, told: make(chan struct{}, 1)}
	r.alice = r.AddUser(fake.User{Name: "alice", Email: "alice@acme.example.com"})
	r.bob = r.AddUser(fake.User{Name: "bob"})
	r.dev = r.AddChannel(fake.Channel{Name: "dev", Members: []string{r.alice, r.bob, r.BotUserID}})
	r.env = map[string]string{"BOT": r.BotToken, "APP": r.AppToken, "SIGN": r.SigningSecret}
	r.cfg = Config{BotToken: r.secret("BOT"), AppToken: r.secret("APP"), SigningSecret: r.secret("SIGN"), APIURL: r.URL + "/api/"}
	r.chat = r.newChat(t.TempDir())
	t.Cleanup(r.noSecrets)
	return r
}

func (r *rig) secret(name string) config.Secret {
	r.t.Helper()
	s, err := config.NewSecret("env:"+name, func(name string) (string, bool) { v, ok := r.env[name]; return v, ok })
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// newChat makes a chat over the rig, as a restart does.
func (r *rig) newChat(dir string) *Chat {
	r.t.Helper()
	c, err := New(bot.IntegrationEnv{
		Name: "slack", Config: section(r.cfg), Clock: r.clock, Log: slog.New(r.log), Work: r.store, Waker: r.store, Blobs: r.store.Blobs(),
		Inbound: r.inbox, Desk: r.desk, BotName: "opsbot", Dir: dir, PublicURL: "https://opsbot.example.com",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// run lets the chat work until the test ends, and waits until it is connected.
func (r *rig) run() {
	r.t.Helper()
	if err := r.chat.Prepare(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.start(r.chat)
	r.await("connections", func() bool { return r.Connections() >= r.chat.cfg.Connections })
}

func (r *rig) start(c *Chat) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	r.t.Cleanup(func() { cancel(); <-done })
}

// door opens the HTTP door and points the workspace at it.
func (r *rig) door() *httptest.Server {
	r.t.Helper()
	srv := httptest.NewServer(r.chat.Handler())
	r.t.Cleanup(srv.Close)
	r.SetRequestURLs(fake.RequestURLs{Events: srv.URL + "/slack/events", Commands: srv.URL + "/slack/commands", Interactions: srv.URL + "/slack/interactions"})
	return srv
}

func (r *rig) within() context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

// await looks again and again: some of what is waited for makes no noise.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	ctx := r.within()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-ctx.Done():
			r.t.Fatalf("%s: waited in vain\n%s", what, r.log)
		}
	}
}

// received waits for n messages and gives them.
func (r *rig) received(n int) []bot.Message {
	r.t.Helper()
	ctx := r.within()
	for {
		got := r.inbox.messages()
		if len(got) >= n {
			if len(got) > n {
				r.t.Fatalf("%d messages, want %d: %+v", len(got), n, got)
			}
			return got
		}
		select {
		case <-r.inbox.told:
		case <-ctx.Done():
			r.t.Fatalf("%d messages, want %d: %+v\n%s", len(got), n, got, r.log)
		}
	}
}

// settled waits until Slack has been answered on everything.
func (r *rig) settled() {
	r.t.Helper()
	if err := r.Settle(r.within()); err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
}

func (r *rig) room(channel string) bot.RoomRef {
	return bot.RoomRef{Instance: "slack", Workspace: r.TeamID, ID: channel}
}

func (r *rig) account(user string) bot.Account {
	return bot.Account{Instance: "slack", Workspace: r.TeamID, ID: user}
}

func (r *rig) post(key string, text bot.Text) bot.Post {
	return bot.Post{Key: key, Room: r.room(r.dev), Text: []bot.Text{text}}
}

// send posts and fails the test if that can't be done.
func (r *rig) send(p bot.Post) string {
	r.t.Helper()
	id, err := r.chat.Send(r.within(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// kept gives a room as the store has it.
func (r *rig) kept(channel string) (room bot.Room) {
	r.t.Helper()
	err := r.store.Read(r.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		room, err = tx.Rooms.Get(ctx, r.room(channel))
		return err
	})
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		r.t.Fatal(err)
	}
	return room
}

// noSecrets fails a test whose log tells one.
func (r *rig) noSecrets() {
	for _, s := range []string{r.BotToken, r.AppToken, r.SigningSecret, "ticket="} {
		if strings.Contains(r.log.String(), s) {
			r.t.Errorf("the log tells %q:\n%s", s, r.log)
		}
	}
}

// logs is a log that can be read while it is written.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

var _ slog.Handler = (*logs)(nil)

func (*logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *logs) WithGroup(string) slog.Handler          { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.WriteString(r.Level.String() + " " + r.Message)
	r.Attrs(func(a slog.Attr) bool { l.b.WriteString(" " + a.String()); return true })
	l.b.WriteString("\n")
	return nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count tells how many lines hold a text.
func (l *logs) count(part string) int { return strings.Count(l.String(), part) }

// client is for tests that call the HTTP door themselves.
func client() *http.Client { return &http.Client{Timeout: 20 * time.Second} }

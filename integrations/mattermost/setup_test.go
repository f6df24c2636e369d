package mattermost

import (
	"context"
	"io"
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
	fake "opsbot/test/fakes/mattermost"
)

const patience = 20 * time.Second

// rig is a chat on the strict server, with a store and stubs of what lies behind it.
type rig struct {
	*Chat
	t     *testing.T
	srv   *fake.Server
	bot   fake.User
	alice fake.User
	ops   fake.Channel
	inbox *inbox
	desk  *desk
	store *store.Store
	log   *journal
	ctx   context.Context
}

// setup gives a chat whose bot is in the channel ops together with alice.
func setup(t *testing.T, change ...func(c *Config)) *rig {
	t.Helper()
	return on(t, fake.New(t), change...)
}

func on(t *testing.T, srv *fake.Server, change ...func(c *Config)) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	r := &rig{t: t, srv: srv, ctx: ctx, desk: &desk{}, log: &journal{}}
	r.bot, r.alice = srv.AddBot("opsbot"), srv.AddUser("alice")
	r.ops = srv.AddChannel("ops", r.bot.ID, r.alice.ID)
	r.store = storetest.Open(t, func(o *store.Options) { o.Clock = bot.SystemClock{} })
	r.inbox = &inbox{work: r.store, changed: make(chan struct{})}
	r.Chat = r.another(change...)
	return r
}

// decoder fills in a configuration.
type decoder func(into any) error

func (d decoder) Decode(into any) error { return d(into) }

// another is a second life of the chat, over the same store.
func (r *rig) another(change ...func(c *Config)) *Chat {
	r.t.Helper()
	var c *Chat
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { c.Handler().ServeHTTP(w, req) }))
	r.t.Cleanup(public.Close)
	made, err := New(bot.IntegrationEnv{
		Name: "mm", Clock: bot.SystemClock{}, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Work: r.store, Waker: r.store, Blobs: r.store.Blobs(), Inbound: r.inbox, Desk: r.desk, BotName: "opsbot", Dir: r.t.TempDir(),
		PublicURL: public.URL,
		Config: decoder(func(into any) error {
			cfg, _ := into.(*Config)
			cfg.URL, cfg.Token = r.srv.URL, secret(r.t, r.bot.Token)
			for _, f := range change {
				f(cfg)
			}
			return nil
		}),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	made.time.again, made.time.longest, made.time.refused = 5*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	c = made
	return made
}

func secret(t *testing.T, value string) config.Secret {
	t.Helper()
	s, err := config.NewSecret("env:X", func(string) (string, bool) { return value, true })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run lets the chat listen until the test, or stop, ends it, and waits for its socket.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Chat.Run(ctx); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	r.log.wait(r.t, "mattermost: connected")
	return stop
}

func (r *rig) room() bot.RoomRef { return r.ref(r.ops.ID) }

func (r *rig) post(key string, lines ...bot.Text) bot.Post {
	return bot.Post{Key: key, Room: r.room(), Text: lines}
}

func (r *rig) send(p bot.Post) string {
	r.t.Helper()
	id, err := r.Send(r.ctx, p)
	if err != nil {
		r.t.Fatalf("send: %v", err)
	}
	return id
}

// texts are the messages of the bot in ops.
func (r *rig) texts() []string {
	var out []string
	for _, p := range r.srv.Channel(r.ops.ID).Posts() {
		if p.UserID == r.bot.ID && p.Type == "" {
			out = append(out, p.Message)
		}
	}
	return out
}

// inbox takes messages as the router does: once each.
type inbox struct {
	work bot.UnitOfWork

	mu      sync.Mutex
	got     []bot.Message
	fail    error  // of the next Receive
	poison  string // text that is never taken
	wanted  func(m bot.Message) bool
	changed chan struct{}
}

func (i *inbox) Wants(_ context.Context, m bot.Message) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.wanted != nil {
		return i.wanted(m), nil
	}
	return m.Action != "" || m.Reaction != "" || m.Direct || m.Addressed, nil
}

func (i *inbox) Receive(ctx context.Context, m bot.Message, _ ...func(ctx context.Context, tx *bot.Tx) error) (root string, err error) {
	i.mu.Lock()
	fail := i.fail
	i.fail = nil
	if i.poison != "" && m.Text == i.poison {
		fail = bot.Errorf(bot.CodeInvalid, "poison")
	}
	i.mu.Unlock()
	if fail != nil {
		return "", fail
	}
	var added bool
	err = i.work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		root, added, err = tx.Messages.Add(ctx, m, m.SentAt)
		return err
	})
	if err == nil && added {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.got = append(i.got, m)
		close(i.changed)
		i.changed = make(chan struct{})
	}
	return root, err
}

func (i *inbox) failNext(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = err
}

func (i *inbox) all() []bot.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]bot.Message(nil), i.got...)
}

// wait waits for the message with that text and gives all so far.
func (i *inbox) wait(t *testing.T, text string) []bot.Message {
	t.Helper()
	deadline := time.After(patience)
	for {
		i.mu.Lock()
		got, changed := append([]bot.Message(nil), i.got...), i.changed
		i.mu.Unlock()
		for _, m := range got {
			if m.Text == text {
				return got
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q did not come; got %v", text, saidIn(got))
		}
	}
}

func saidIn(all []bot.Message) []string {
	var out []string
	for _, m := range all {
		out = append(out, m.Text)
	}
	return out
}

// desk answers what waiting people ask.
type desk struct {
	mu    sync.Mutex
	form  func(m bot.Message) (*bot.Form, error)
	check func(m bot.Message) (map[string]string, error)
}

func (d *desk) Form(_ context.Context, m bot.Message) (*bot.Form, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.form == nil {
		return nil, nil
	}
	return d.form(m)
}

func (d *desk) Check(_ context.Context, m bot.Message) (map[string]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.check == nil {
		return nil, nil
	}
	return d.check(m)
}

func (d *desk) Home(context.Context, bot.Account, bot.RoomRef) ([]bot.Post, error) { return nil, nil }

// journal keeps the log, and can be waited on.
type journal struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

var _ io.Writer = (*journal)(nil)

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(p)
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return len(p), nil
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

func (j *journal) wait(t *testing.T, text string) {
	t.Helper()
	j.waitFor(t, text, 1)
}

// waitFor waits until the log has text n times.
func (j *journal) waitFor(t *testing.T, text string, n int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		j.mu.Lock()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		have, changed := strings.Count(j.text.String(), text), j.changed
		all := j.text.String()
		j.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the log has %q %d times, want %d:\n%s", text, have, n, all)
		}
	}
}

package gitlab

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
	fake "opsbot/test/fakes/gitlab"
)

const hookSecret = "Qm3vX9tK2hN8sB5wZ1rY7c"

// world is a forge on a real store, and the GitLab that it talks to.
type world struct {
	t     *testing.T
	lab   *fake.Server
	forge *Forge
	env   bot.IntegrationEnv
	cfg   Config
	store *store.Store
	clock *clock
	log   *bytes.Buffer
	via   http.RoundTripper
}

// section gives the configuration as it is.
type section struct{ config Config }

func (s section) Decode(into any) error {
	*into.(*Config) = s.config
	return nil
}

// clock is moved by hand; what waits goes on at once, as if the time had passed.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.now = c.now.Add(d)
	ch <- c.now
	return ch
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// setup makes a world with the group foo and its subgroup foo/bar, whose owner the
// token's account is.
func setup(t *testing.T, change func(*Config), opts ...fake.Option) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), log: &bytes.Buffer{}}
	w.lab = fake.New(t, append([]fake.Option{fake.WithClock(w.clock)}, opts...)...)
	w.lab.AddGroup("foo", fake.GroupRules{}, map[string]int{w.lab.Login: fake.Owner})
	w.lab.AddGroup("foo/bar", fake.GroupRules{}, nil)
	db, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.store = db
	w.cfg = Config{
		URL: w.lab.URL, Owners: []string{"foo", "foo/bar", "opsbot"}, Token: secret(t, w.lab.Token), WebhookSecret: secret(t, hookSecret),
	}
	if change != nil {
		change(&w.cfg)
	}
	w.env = bot.IntegrationEnv{
		Name: "gitlab", Clock: w.clock, Work: db, PublicURL: "https://opsbot.example.com", Dir: t.TempDir(), Owner: "node1:a",
		Log: slog.New(slog.NewTextHandler(&locked{w: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.restart()
	return w
}

// restart makes the forge anew, as a new process would.
func (w *world) restart() {
	w.t.Helper()
	w.env.Config = section{w.cfg}
	f, err := New(w.env, w.via)
	if err != nil {
		w.t.Fatal(err)
	}
	w.forge = f
}

func secret(t *testing.T, value string) config.Secret {
	t.Helper()
	s, err := config.NewSecret("env:X", func(string) (string, bool) { return value, true })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func spec(name string) bot.RepoSpec {
	return bot.RepoSpec{
		ProjectID: "0190-project", Owner: "foo", Name: name, Description: "A test", DefaultBranch: "main", Operation: "op-1",
	}
}

func request(repo bot.Repository, content string) bot.PushRequest {
	return bot.PushRequest{
		Repository: repo, Branch: "main", Operation: "op-1", At: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC),
		Author: bot.Signature{Name: "Alice", Email: "alice@example.com"}, Message: "Initial commit",
		Tree: bot.Tree{Files: []bot.TreeFile{{Path: "README.md", Data: []byte(content)}, {Path: "bin/run", Executable: true, Data: []byte("#!/bin/sh\n")}}},
	}
}

func hookOf(repo bot.Repository) bot.HookSpec {
	return bot.HookSpec{Repository: repo, ResourceID: "0190-resource", URL: "https://opsbot.example.com/hooks/gitlab/0190-resource"}
}

// made makes a project with its first commit.
func (w *world) made(name string) (bot.Repository, string) {
	w.t.Helper()
	repo, err := w.forge.EnsureRepository(w.t.Context(), spec(name))
	if err != nil {
		w.t.Fatal(err)
	}
	commit, err := w.forge.Push(w.t.Context(), request(repo, "hello"))
	if err != nil {
		w.t.Fatal(err)
	}
	return repo, commit
}

func (w *world) project(path string) fake.Project {
	w.t.Helper()
	p, ok := w.lab.Project(path)
	if !ok {
		w.t.Fatalf("there is no %s", path)
	}
	return p
}

package github

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	fake "opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
)

const hookSecret = "it is a secret to everybody"

// world is a forge on a real store, and the GitHub that it talks to.
type world struct {
	t     *testing.T
	hub   *fake.Server
	forge *Forge
	env   bot.IntegrationEnv
	cfg   Config
	store lateStore
	clock *clock
	log   *bytes.Buffer
	via   http.RoundTripper
}

// lateStore is a real store, opened when it is first needed: few tests do, and that
// takes longer than most.
type lateStore func() *store.Store

// Write implements bot.UnitOfWork.
func (s lateStore) Write(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	return s().Write(ctx, fn)
}

// Read implements bot.UnitOfWork.
func (s lateStore) Read(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	return s().Read(ctx, fn)
}

// section gives the configuration as it is.
type section struct{ config Config }

func (s section) Decode(into any) error {
	*into.(*Config) = s.config
	return nil
}

// clock is moved by hand; what waits goes on at once, as if the time had passed.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	wait bool // what waits does so until the test ends
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
	if !c.wait {
		c.now = c.now.Add(d)
		ch <- c.now
	}
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

// memory is a folder that is on no disk, where the machine has one: git writes many
// small files. The server removes its own in the end.
func memory() string {
	const shared = "/dev/shm"
	if info, err := os.Stat(shared); err == nil && info.IsDir() {
		return shared
	}
	return ""
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// setup makes a world with the organisation foo-org, whose member the token's
// account is.
func setup(t *testing.T, change func(*Config), opts ...fake.Option) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), log: &bytes.Buffer{}}
	w.hub = openapi.New(t, append([]fake.Option{fake.WithClock(w.clock), fake.WithDir(memory())}, opts...)...)
	w.hub.AddOrg("foo-org", fake.OrgRules{MembersCreate: true, Teams: []string{"developers"}}, w.hub.Login)
	w.store = sync.OnceValue(func() *store.Store { return storetest.Open(t) })
	w.cfg = Config{
		URL: w.hub.URL, Owners: []string{"foo-org", "opsbot"}, Token: secret(t, w.hub.Token), WebhookSecret: secret(t, hookSecret),
	}
	if change != nil {
		change(&w.cfg)
	}
	w.env = bot.IntegrationEnv{
		Name: "github", Clock: w.clock, Work: w.store, PublicURL: "https://opsbot.example.com", Dir: t.TempDir(), Owner: "node1:a",
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
		ProjectID: "0190-project", Owner: "foo-org", Name: name, Description: "A test", DefaultBranch: "main", Operation: "op-1",
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
	return bot.HookSpec{Repository: repo, ResourceID: "0190-resource", URL: "https://opsbot.example.com/hooks/github/0190-resource"}
}

// made makes a repository with its first commit.
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

func (w *world) hubRepo(full string) fake.Repo {
	w.t.Helper()
	r, ok := w.hub.Repo(full)
	if !ok {
		w.t.Fatalf("there is no %s", full)
	}
	return r
}

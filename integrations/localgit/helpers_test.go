package localgit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
)

// world is a forge on a real store behind a real HTTP server.
type world struct {
	t     *testing.T
	env   bot.IntegrationEnv
	forge *Forge
	store *store.Store
	clock *clock
	edge  *edge
	url   string
	log   *bytes.Buffer
	user  bot.User
	token string
}

type section struct{ maxPush int64 }

func (s section) Decode(into any) error {
	into.(*Config).MaxPush = config.Size(s.maxPush)
	return nil
}

type setting func(*bot.IntegrationEnv, *Options)

func withMaxPush(n int64) setting {
	return func(env *bot.IntegrationEnv, _ *Options) { env.Config = section{n} }
}

func setup(t *testing.T, settings ...setting) *world {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{
		t: t, store: db, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{},
		edge: &edge{seen: map[string]bool{}, arrived: make(chan struct{}, 1000)},
	}
	var handler http.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.forge.Handler().ServeHTTP(rw, r) })
	ts := httptest.NewServer(handler)
	t.Cleanup(ts.Close)
	w.url = ts.URL
	w.env = bot.IntegrationEnv{
		Name: "localgit", Config: section{}, Clock: w.clock, Work: db, Waker: db, Edge: w.edge,
		Log: slog.New(slog.NewTextHandler(&locked{w: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dir: t.TempDir(), Owner: "node1:a", PublicURL: ts.URL, Owners: []string{"foo-org", "Bar"},
	}
	w.restart(settings...)
	w.user, w.token = w.person("alice")
	return w
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

// restart makes a new forge on the same folder and store, as a new process would.
func (w *world) restart(settings ...setting) {
	w.t.Helper()
	var opts Options
	for _, s := range settings {
		s(&w.env, &opts)
	}
	f, err := New(w.env, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.edge.mu.Lock()
	w.forge, w.edge.forge = f, f
	w.edge.mu.Unlock()
}

func (w *world) person(name string) (u bot.User, token string) {
	w.t.Helper()
	err := w.store.Write(w.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		u, err = tx.Users.ByAccount(ctx, bot.Account{Instance: "console", ID: name, Name: name}, w.clock.Now())
		return err
	})
	if err == nil {
		token, err = w.forge.IssueToken(w.t.Context(), u.ID, "laptop")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return u, token
}

func (w *world) repo(name string, change ...func(*bot.RepoSpec)) bot.Repository {
	w.t.Helper()
	spec := bot.RepoSpec{Owner: "foo-org", Name: name, DefaultBranch: "main", Operation: "op-" + name}
	for _, c := range change {
		c(&spec)
	}
	r, err := w.forge.EnsureRepository(w.t.Context(), spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func private(s *bot.RepoSpec) { s.Private = true }

// hooked makes a repository with a webhook.
func (w *world) hooked(name string) bot.Repository {
	w.t.Helper()
	r := w.repo(name)
	if _, err := w.forge.EnsureHook(w.t.Context(), w.hookSpec(r, "res-1")); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) hookSpec(r bot.Repository, id string) bot.HookSpec {
	return bot.HookSpec{Repository: r, ResourceID: id, URL: "https://opsbot.example.com/base/hooks/localgit/" + id}
}

// as gives a clone URL with credentials, which only the tests' own git sees.
func as(clone, user, token string) string {
	u, err := url.Parse(clone)
	if err != nil {
		return clone
	}
	u.User = url.UserPassword(user, token)
	return u.String()
}

func (w *world) mine(r bot.Repository) string { return as(r.CloneURL, "alice", w.token) }

// git runs the program as a developer would, with a configuration that a clean forge
// must not care about.
func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.tryGit(dir, args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

func (w *world) tryGit(dir string, args ...string) (string, error) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = dir
	date := fmt.Sprintf("%d +0000", w.clock.Now().Unix())
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + w.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@example.com", "GIT_COMMITTER_DATE=" + date,
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copyOf makes a working copy with one commit on main, remote origin set.
func (w *world) copyOf(r bot.Repository) string {
	w.t.Helper()
	dir := w.t.TempDir()
	w.git(dir, "init", "-q", "-b", "main")
	w.git(dir, "remote", "add", "origin", w.mine(r))
	w.git(dir, "config", "core.compression", "0") // what is pushed matters here, not how long it takes
	w.commit(dir, "first.txt", "First")
	return dir
}

func (w *world) commit(dir, file, message string) string {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(message), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.git(dir, "add", "-A")
	w.git(dir, "commit", "-q", "-m", message)
	return w.git(dir, "rev-parse", "HEAD")
}

func (w *world) reconcile() {
	w.t.Helper()
	if err := w.forge.Reconcile(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func request(r bot.Repository, text string) bot.PushRequest {
	return bot.PushRequest{
		Repository: r, Branch: "main", Author: bot.Signature{Name: "Alice", Email: "a@example.com"},
		Tree:    bot.Tree{Files: []bot.TreeFile{{Path: "README.md", Data: []byte(text)}, {Path: "bin/run", Data: []byte("#!/bin/sh\n"), Executable: true}}},
		Message: "Initial commit", At: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC), Operation: "op-1",
	}
}

func wantCode(t *testing.T, err error, code bot.Code) {
	t.Helper()
	if got := bot.CodeOf(err); got != code {
		t.Fatalf("error %v has code %q, want %q", err, got, code)
	}
}

func (w *world) get(path string, header ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(body)
}

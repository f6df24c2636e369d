package localrun

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/sandbox"
	"opsbot/bot/store"
)

// skipped counts the tests that could not run without a sandbox.
var skipped atomic.Int32

// TestMain lets the test binary be the child that the sandbox starts, and the app.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec-child" {
		os.Exit(sandbox.ExecChild(os.Args[2:], os.Stderr))
	}
	if len(os.Args) > 2 && os.Args[1] == "testapp" {
		os.Exit(testApp(os.Args[2]))
	}
	code := m.Run()
	if n := skipped.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "!!! %d LOCALRUN TESTS SKIPPED: bubblewrap does not work on this machine\n", n)
	}
	os.Exit(code)
}

// testApp is the app: it answers with its version and behaves as its mode says.
func testApp(mode string) int {
	fmt.Println("hello from", os.Getenv("OPSBOT_VERSION"), mode)
	if mode == "dies" {
		fmt.Fprintln(os.Stderr, "no database here")
		return 3
	}
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if mode == "never" || mode == "sickens" && asked.Add(1) > 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	born := time.Now().UnixNano()
	mux.HandleFunc("/born", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, born) })
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(9) })
	tellSecrets(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("OPSBOT_VERSION")) })
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("LISTEN_PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { <-ctx.Done(); _ = server.Close() }()
	_ = server.ListenAndServe()
	return 0
}

type decoder func(*Config)

func (d decoder) Decode(into any) error {
	c, ok := into.(*Config)
	if !ok {
		return fmt.Errorf("decode into %T", into)
	}
	d(c)
	return nil
}

// bench is one deployer with everything around it.
type bench struct {
	*Service
	t     *testing.T
	store *store.Store
	dir   string
	front *httptest.Server
	app   bot.Artifact
	stop  func()
	seq   int
	// secrets are what the apps may see.
	secrets *keeper
	// full makes every content unreadable for want of space.
	full atomic.Bool
}

// blobs are the store's while the disk has space.
type blobs struct {
	bot.Blobs
	full *atomic.Bool
}

func (b blobs) Open(ctx context.Context, digest string) (io.ReadSeekCloser, error) {
	if b.full.Load() {
		return nil, &fs.PathError{Op: "open", Path: digest, Err: syscall.ENOSPC}
	}
	return b.Blobs.Open(ctx, digest)
}

func setup(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), secrets: &keeper{}}
	var err error
	if b.store, err = store.Open(t.Context(), store.Options{DataDir: filepath.Join(b.dir, "data"), NoSync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.store.Close() })
	b.boot("node:1", change...)
	if err := b.runner.Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("bubblewrap is missing: %v", err)
		}
		skipped.Add(1)
		t.Skipf("SKIPPED, NOT PROVED HERE: %v", err)
	}
	binary, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	digest, size, err := b.env.Blobs.Put(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	b.app = bot.Artifact{Kind: bot.ArtifactArchive, Name: "dist/app", Digest: digest, Bytes: size}
	t.Cleanup(func() { b.stop() })
	return b
}

// boot makes and runs an instance over the bench's store, as a process of owner.
func (b *bench) boot(owner string, change ...func(*Config)) {
	b.t.Helper()
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = os.RemoveAll(run) })
	files := filepath.Join(b.dir, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.Service, err = New(bot.IntegrationEnv{
		Name: "local", Clock: bot.SystemClock{}, Log: slog.New(slog.NewTextHandler(b.t.Output(), nil)), Work: b.store, Waker: b.store,
		Blobs: blobs{b.store.Blobs(), &b.full}, Secrets: b.secrets, Dir: files, RunDir: run, Self: os.Args[0], Owner: owner, AppsListen: "127.0.0.1:8081",
		Config: decoder(func(c *Config) {
			c.StartTimeout, c.Watch, c.Drain = 10*time.Second, 200*time.Millisecond, 5*time.Second
			for _, f := range change {
				f(c)
			}
		}),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.poll = 20 * time.Millisecond
	b.front = httptest.NewServer(b.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s, front := b.Service, b.front
	go func() { done <- s.Run(ctx) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		front.Close()
		s.runner.Close()
	}
}

func project() bot.Project { return bot.Project{ID: "p1", Slug: "shop"} }

// request asks for a new deployment of a version that behaves as mode says.
func (b *bench) request(label, mode string) bot.DeployRequest {
	b.seq++
	return bot.DeployRequest{
		DeploymentID: fmt.Sprintf("d%d", b.seq), Project: project(), Environment: "staging", Cause: bot.Cause{Cause: "op", Root: "root"},
		Version: bot.Version{
			ID: "v-" + label, Label: label, Commit: "c-" + label, Branch: "main", Artifacts: []bot.Artifact{b.app},
			Spec: bot.RunSpec{Artifact: b.app.Name, Run: []string{"./app", "testapp", mode}, PortEnv: "LISTEN_PORT", Health: "/healthz"},
		},
	}
}

func (b *bench) apply(req bot.DeployRequest) {
	b.t.Helper()
	if id, err := b.Apply(b.t.Context(), req); err != nil || id != req.DeploymentID {
		b.t.Fatalf("apply %s: %q, %v", req.DeploymentID, id, err)
	}
}

// end waits for the end of a deployment.
func (b *bench) end(req bot.DeployRequest) bot.Observation {
	b.t.Helper()
	var got bot.Observation
	b.await("the end of "+req.DeploymentID, func() bool {
		var err error
		if got, err = b.Observe(b.t.Context(), req); err != nil {
			b.t.Fatal(err)
		}
		return got.State.Final()
	})
	return got
}

// deploy applies a deployment and expects it to end in that state.
func (b *bench) deploy(label, mode string, want bot.DeploymentState) bot.Observation {
	b.t.Helper()
	req := b.request(label, mode)
	b.apply(req)
	got := b.end(req)
	if got.State != want {
		b.t.Fatalf("deploying %s ended as %+v, want %s; log:\n%s", label, got, want, b.log())
	}
	return got
}

// await polls: what is waited for happens in other processes.
func (b *bench) await(what string, check func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for !check() {
		select {
		case <-tick.C:
		case <-end:
			b.t.Fatalf("waited in vain for %s; log:\n%s", what, b.log())
		}
	}
}

// get asks the app through the front.
func (b *bench) get(path string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.front.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = "shop.staging.localhost:8081"
	return b.ask(req)
}

func (b *bench) ask(req *http.Request) (int, string) {
	b.t.Helper()
	res, err := b.front.Client().Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Error(err)
	}
	return res.StatusCode, string(body)
}

func (b *bench) answers(want string) {
	b.t.Helper()
	if code, got := b.get("/"); code != http.StatusOK || got != want {
		b.t.Errorf("the app answers %d %q, want %q", code, got, want)
	}
}

func (b *bench) log() string {
	r, err := b.ReadLog(b.t.Context(), bot.LogRef{ProjectID: "p1", Environment: "staging"}, 0)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	all, _ := io.ReadAll(r)
	return string(all)
}

// events lists what was told to the relay, as "TYPE VERSION DEPLOYMENT TEXT".
func (b *bench) events() []bot.Event {
	b.t.Helper()
	var all []bot.Event
	err := b.store.Write(b.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Inbox.Claim(ctx, "test", time.Now().Add(time.Hour), time.Nanosecond, 1000)
		all = nil
		for _, r := range rows {
			all = append(all, *r.Event)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bench) told() string {
	b.t.Helper()
	var lines []string
	for _, e := range b.events() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Type, e.VersionID, e.DeploymentID, e.Commit)))
	}
	return strings.Join(lines, "\n")
}

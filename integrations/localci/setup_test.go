package localci

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/sandbox"
)

// TestMain lets the test binary be the child that the sandbox starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec-child" {
		os.Exit(sandbox.ExecChild(os.Args[2:], os.Stderr))
	}
	os.Exit(m.Run())
}

// bench is one instance of localci with everything around it.
type bench struct {
	*Service
	store *memory
	clock *stubClock
	blobs *blobs
	repo  *repository
	job   bot.Job
}

type yamlConfig func(into any) error

func (c yamlConfig) Decode(into any) error { return c(into) }

// setup gives an instance with the job "shop" over a repository whose branch main
// has a Jenkinsfile. Nothing was built yet but indexing has queued main #1.
func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: newMemory(), clock: newStubClock(), blobs: &blobs{kept: map[string]string{}}, repo: newRepository(t)}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": "pipeline {}"})
	b.Service = b.start(t, "node1:1", t.TempDir())
	b.store.ops["op1"] = &bot.Operation{ID: "op1", Cause: bot.Cause{Root: "root1"}}
	job, err := b.EnsureJob(t.Context(), b.spec())
	if err != nil {
		t.Fatal(err)
	}
	b.job = job
	return b
}

func (b *bench) spec() bot.JobSpec {
	return bot.JobSpec{
		ProjectID: "p1", Name: "shop", Branch: "main", Operation: "op1",
		Source: bot.CloneSource{URL: b.repo.bare, Path: true},
	}
}

// start makes an instance on the bench's store, as a process of the given owner.
func (b *bench) start(t *testing.T, owner, dir string) *Service {
	t.Helper()
	s, err := New(bot.IntegrationEnv{
		Name: "ci", Config: yamlConfig(func(any) error { return nil }), Clock: b.clock,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), Work: b.store, Waker: b.store, Blobs: b.blobs,
		Dir: dir, RunDir: t.TempDir(), Self: os.Args[0], Owner: owner, Edge: http.NewFileTransport(http.Dir(dir)),
		PublicURL: "http://hooks.example.com", ConsoleURL: "http://127.0.0.1:8080",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.runner.Close)
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// serve runs the instance in the background until the test ends or stop is called.
func serve(t *testing.T, s *Service) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func (b *bench) ref(branch string, number int) bot.BuildRef {
	return bot.BuildRef{Job: "shop", Branch: branch, Number: number}
}

func (b *bench) status(t *testing.T, branch string, number int) bot.Build {
	t.Helper()
	build, err := b.Status(t.Context(), b.ref(branch, number))
	if err != nil {
		t.Fatal(err)
	}
	return build
}

func (b *bench) finished(t *testing.T, branch string, number int) bot.Build {
	t.Helper()
	b.store.await(t, fmt.Sprintf("the end of %s #%d", branch, number), func() bool {
		build, err := b.Status(t.Context(), b.ref(branch, number))
		return err == nil && build.State == bot.BuildFinished
	})
	return b.status(t, branch, number)
}

func (b *bench) logOf(t *testing.T, branch string, number int) string {
	t.Helper()
	r, err := b.ReadLog(t.Context(), bot.LogRef{Build: b.ref(branch, number)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (b *bench) handle(t *testing.T, e bot.Event) {
	t.Helper()
	e.ProjectID = "p1"
	err := b.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return b.HandleEvent(ctx, tx, &e, &bot.Change{Cause: bot.Cause{Root: "change-root"}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// repository is a bare repository and a clone to commit in.
type repository struct{ bare, work string }

func newRepository(t *testing.T) *repository {
	t.Helper()
	dir := t.TempDir()
	r := &repository{bare: filepath.Join(dir, "shop.git"), work: filepath.Join(dir, "work")}
	r.git(t, dir, "init", "-q", "--bare", "-b", "main", r.bare)
	r.git(t, dir, "init", "-q", "-b", "main", r.work)
	return r
}

func (r *repository) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit adds files to a branch, made if it is new, and pushes it.
func (r *repository) commit(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	r.git(t, r.work, "checkout", "-q", "-B", branch)
	for name, text := range files {
		path := filepath.Join(r.work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.git(t, r.work, "add", "-A")
	r.git(t, r.work, "commit", "-q", "--allow-empty", "-m", "change")
	r.git(t, r.work, "push", "-q", "-f", r.bare, "HEAD:refs/heads/"+branch)
	return r.git(t, r.work, "rev-parse", "HEAD")
}

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

// fakeHost runs no process: what a script does is the test's.
type fakeHost struct {
	mu       sync.Mutex
	lines    []string
	stages   []string
	messages []engine.Message
	held     int // workspaces not released
	files    map[string]string

	ask    func(ctx context.Context, q bot.Input) (bot.InputAnswer, error)
	kept   map[string]string // files with secrets that are there
	onLine func(line string)
	shell  func(ctx context.Context, s engine.Script) (engine.Exit, error)
	tests  func(engine.TestStep) (engine.Totals, error)
	send   error
	broken error // what Checkout fails with
}

var (
	_ engine.Host      = (*fakeHost)(nil)
	_ engine.Asker     = (*fakeHost)(nil)
	_ engine.Keeper    = (*fakeHost)(nil)
	_ engine.Workspace = (*fakeSpace)(nil)
	_ engine.Files     = (*fakeSpace)(nil)
)

func (h *fakeHost) Allocate(_ context.Context, req engine.WorkspaceRequest) (engine.Workspace, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held++
	path := "/ws"
	if req.Custom != "" {
		path = "/" + req.Custom
	}
	return &fakeSpace{h, path}, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.held--
	}, nil
}

func (h *fakeHost) Ask(ctx context.Context, q bot.Input) (bot.InputAnswer, error) {
	if h.ask == nil {
		<-ctx.Done()
		return bot.InputAnswer{}, ctx.Err()
	}
	return h.ask(ctx, q)
}

func (h *fakeHost) KeepSecret(_ context.Context, name, content string) (string, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept == nil {
		h.kept = map[string]string{}
	}
	h.kept[name] = content
	return "/secrets/" + name, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.kept, name)
	}, nil
}

func (h *fakeHost) Send(_ context.Context, m engine.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, m)
	return h.send
}

func (h *fakeHost) Line(line string) {
	h.lines = append(h.lines, line)
	if h.onLine != nil {
		h.onLine(line)
	}
}

func (h *fakeHost) Stage(s *engine.Stage) {
	h.stages = append(h.stages, strings.Join(s.Path, "/")+" "+string(s.Status))
}

type fakeSpace struct {
	host *fakeHost
	path string
}

func (w *fakeSpace) Path() string { return w.path }

func (w *fakeSpace) Checkout(context.Context, string, io.Writer) (engine.Revision, error) {
	return engine.Revision{Commit: "c0ffee", URL: "http://git.example.com/a.git"}, w.host.broken
}

func (w *fakeSpace) Shell(ctx context.Context, s engine.Script) (engine.Exit, error) {
	if w.host.shell == nil {
		fmt.Fprintf(s.Stdout, "ran %s in %s\n", s.Text, s.Dir)
		return engine.Exit{}, nil
	}
	return w.host.shell(ctx, s)
}

func (w *fakeSpace) Tests(_ context.Context, step engine.TestStep, say func(string)) (engine.Totals, error) {
	say("Recording test results")
	return w.host.tests(step)
}

func (w *fakeSpace) Archive(_ context.Context, step engine.ArchiveStep, say func(string)) ([]string, error) {
	say("Archiving artifacts")
	return strings.Split(step.Artifacts, ","), nil
}

func (w *fakeSpace) Exists(_ context.Context, name string) (bool, error) {
	_, ok := w.host.files[name]
	return ok, nil
}

func (w *fakeSpace) ReadFile(_ context.Context, name string) (string, error) {
	text, ok := w.host.files[name]
	if !ok {
		return "", errors.New("no file " + name)
	}
	return text, nil
}

func (w *fakeSpace) WriteFile(_ context.Context, name, text string) error {
	w.host.files[name] = text
	return nil
}

func (w *fakeSpace) Remove(_ context.Context, dir string) error {
	for name := range w.host.files {
		if strings.HasPrefix(name, dir+"/") {
			delete(w.host.files, name)
		}
	}
	return nil
}

// stubClock fires every wait at once, or never.
type stubClock struct {
	never bool
	now   time.Time
}

func (c *stubClock) Now() time.Time { return c.now }

func (c *stubClock) After(time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	if !c.never {
		ch <- c.now
	}
	return ch
}

func parse(t *testing.T, src string) *jenkinsfile.File {
	t.Helper()
	file, errs := jenkinsfile.Parse([]byte(src))
	if len(errs) > 0 {
		t.Fatalf("refused: %v", errs)
	}
	return file
}

func someBuild() engine.Build {
	return engine.Build{
		Job: "shop", Branch: "feature/login", Number: 3, URL: "http://ci.example.com/", Home: "/home/ci",
		Machine: map[string]string{"PATH": "/bin", "HOME": "/root"},
	}
}

// runOn runs a file on the host with waits that don't end by themselves.
func runOn(t *testing.T, h *fakeHost, src string) engine.Outcome {
	t.Helper()
	if h.files == nil {
		h.files = map[string]string{}
	}
	out := engine.Run(t.Context(), parse(t, src), someBuild(), h, &stubClock{never: true})
	if h.held != 0 {
		t.Errorf("%d workspaces are still held", h.held)
	}
	return out
}

// steps is a pipeline with these steps.
func steps(lines ...string) string {
	return pipeline("stage('S') { steps {\n" + strings.Join(lines, "\n") + "\n} }")
}

// pipeline is one with these stages.
func pipeline(stages string, sections ...string) string {
	return "pipeline {\nagent any\n" + strings.Join(sections, "\n") + "\nstages {\n" + stages + "\n}\n}\n"
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("log\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

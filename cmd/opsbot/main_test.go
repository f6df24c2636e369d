package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary stand for OpsBot itself, whose children are started
// through its own executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec-child" || os.Getenv("OPSBOT_TEST_AS_MAIN") != "" {
		os.Exit(run(os.Args[1:], os.LookupEnv, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
	}
	os.Exit(m.Run())
}

const stack = `
listen: 127.0.0.1:0
console: 127.0.0.1:0
apps: 127.0.0.1:0
integrations:
  console: { type: console }
  localgit: { type: localgit }
  localci: { type: localci }
  localrun: { type: localrun, watch: 200ms, drain: 200ms }
defaults: { forge: localgit, pipeline: localci, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun, auto: main }
  - { name: production, deployer: localrun, after: staging }
`

// bench is a data folder and a configuration to run the program with.
type bench struct {
	t            *testing.T
	config, data string
	env          map[string]string
}

func setup(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, config: filepath.Join(dir, "opsbot.yaml"), data: filepath.Join(dir, "data"), env: map[string]string{"HOME": dir, "XDG_STATE_HOME": dir}}
	b.write(b.config, stack)
	return b
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) environ(key string) (string, bool) {
	v, ok := b.env[key]
	return v, ok
}

// call runs the program to its end.
func (b *bench) call(args ...string) (code int, out, problems string) {
	b.t.Helper()
	return b.bare(append([]string{"--config", b.config, "--data", b.data}, args...)...)
}

func (b *bench) bare(args ...string) (code int, out, problems string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	var o, e bytes.Buffer
	code = execute(ctx, args, b.environ, streams{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

// ok runs the program, which must end well.
func (b *bench) ok(args ...string) string {
	b.t.Helper()
	code, out, problems := b.call(args...)
	if code != 0 {
		b.t.Fatalf("opsbot %q: exit %d\n%s%s", args, code, out, problems)
	}
	return out
}

// expect runs the program and checks its exit status and a part of what it says.
func (b *bench) expect(want int, part string, args ...string) {
	b.t.Helper()
	code, out, problems := b.call(args...)
	if code != want || !strings.Contains(out+problems, part) {
		b.t.Errorf("opsbot %q: exit %d, want %d and %q\n%s%s", args, code, want, part, out, problems)
	}
}

// greeting collects what a server says until it is ready.
type greeting struct {
	mu    sync.Mutex
	text  strings.Builder
	ready chan struct{}
	once  sync.Once
}

func (g *greeting) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.text.Write(p)
	if strings.Contains(g.text.String(), "Then say:") {
		g.once.Do(func() { close(g.ready) })
	}
	return len(p), nil
}

// after finds the word behind a label of the greeting.
func (g *greeting) after(label string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, rest, _ := strings.Cut(g.text.String(), label)
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	return word
}

// serve runs the server in this process; stop ends it as a signal does.
func (b *bench) serve() (g *greeting, stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g = &greeting{ready: make(chan struct{})}
	done := make(chan string, 1)
	go func() {
		var e bytes.Buffer
		code := execute(ctx, []string{"serve", "--config", b.config, "--data", b.data}, b.environ, streams{in: strings.NewReader(""), out: g, err: &e})
		done <- fmt.Sprintf("exit %d: %s", code, e.String())
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if end := <-done; !strings.HasPrefix(end, "exit 0") {
			b.t.Errorf("the server ended badly: %s", end)
		}
	})
	select {
	case <-g.ready:
	case end := <-done:
		cancel()
		b.t.Fatalf("the server did not start: %s", end)
	case <-time.After(time.Minute):
		b.t.Fatal("the server does not get ready")
	}
	b.t.Cleanup(stop)
	return g, stop
}

var _ io.Writer = (*greeting)(nil)

// poll waits for what another process or the network brings about.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("it never came that %s", what)
		case <-tick.C:
		}
	}
}

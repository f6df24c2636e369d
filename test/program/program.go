// Package program runs the real binary for tests: it is built once per test
// process, started on data folders of the test's own, and spoken to as a person
// would.
package program

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Binary is the built program; the zero value is ready. Safe for concurrent use.
type Binary struct {
	once sync.Once
	dir  string
	err  error
}

// Path builds the program on first use and gives its path.
func (b *Binary) Path(t testing.TB) string {
	t.Helper()
	b.once.Do(func() {
		// Not the test's own folder: the binary serves all tests of the process.
		if b.dir, b.err = os.MkdirTemp("", "opsbot-test-"); b.err != nil { //nolint:usetesting // see above
			return
		}
		out, err := exec.CommandContext(context.Background(), "go", "build", "-o", b.path(), "opsbot/cmd/opsbot").CombinedOutput()
		if err != nil {
			b.err = fmt.Errorf("build opsbot: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path()
}

func (b *Binary) path() string { return filepath.Join(b.dir, "opsbot") }

// Remove removes what was built; for TestMain.
func (b *Binary) Remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a leftover in the system's temporary folder
	}
}

// Configuration is the embedded stack on ports of the system's choice, with the
// blueprint that builds fastest; extra lines are added as they are.
func Configuration(extra ...string) string {
	return `listen: 127.0.0.1:0
console: 127.0.0.1:0
apps: 127.0.0.1:0
integrations:
  console: { type: console }
  localgit: { type: localgit }
  localci: { type: localci }
  localrun: { type: localrun, watch: 1s }
defaults: { forge: localgit, pipeline: localci, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun, auto: main }
  - { name: production, deployer: localrun, after: staging }
` + strings.Join(extra, "\n") + "\n"
}

// Server is a running program.
type Server struct {
	Page  string // address of the page
	Git   string // address of hooks and git
	Login string // one-time link; "" when somebody has logged in before
	Apps  string // port of the deployed apps

	bin, config, data string
	cmd               *exec.Cmd
	log               *buffer
	stop              func()
}

var (
	pageLine = regexp.MustCompile(`Page:\s+(http://\S+)`)
	gitLine  = regexp.MustCompile(`Hooks and git:\s+(http://\S+)`)
	linkLine = regexp.MustCompile(`http://\S+/login\?token=\S+`)
	appsLine = regexp.MustCompile(`Apps:\s+http://NAME\.ENV\.localhost:(\d+)/`)
)

// Serve starts the program and waits until it says that it is ready. It is
// stopped at the end of the test.
func Serve(t testing.TB, bin, config, data string) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "serve", "--config", config, "--data", data)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	s := &Server{bin: bin, config: config, data: data, cmd: cmd, log: &buffer{}}
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	})
	t.Cleanup(s.stop)
	if !s.ready(out) {
		s.stop()
		t.Fatalf("the server did not get ready:\n%s", s.log)
	}
	return s
}

// ready reads the greeting.
func (s *Server) ready(out io.Reader) bool {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		for _, want := range []struct {
			form *regexp.Regexp
			into *string
		}{{pageLine, &s.Page}, {gitLine, &s.Git}, {appsLine, &s.Apps}} {
			if m := want.form.FindStringSubmatch(lines.Text()); m != nil {
				*want.into = m[1]
			}
		}
		if m := linkLine.FindString(lines.Text()); m != "" {
			s.Login = m
		}
		if strings.HasPrefix(lines.Text(), "Then say") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // keeps the pipe empty
			return true
		}
	}
	return false
}

// Stop ends the server as Ctrl-C does.
func (s *Server) Stop() { s.stop() }

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

// Say says texts to the server and gives what was printed and the exit status.
func (s *Server) Say(ctx context.Context, texts ...string) (out string, code int) {
	args := append([]string{"say", "--config", s.config, "--data", s.data}, texts...)
	return s.Run(ctx, args...)
}

// Run runs another command of the binary on the server's data folder.
func (s *Server) Run(ctx context.Context, args ...string) (out string, code int) {
	cmd := exec.CommandContext(ctx, s.bin, args...)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// buffer is written by the child and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Package program runs the real binary for tests: it is built once per test
// process, started on folders of the test's own, and spoken to as a person would.
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

// Main runs the tests, removes what they built, and gives the exit status; for
// TestMain.
func (b *Binary) Main(m *testing.M) int {
	defer func() { _ = os.RemoveAll(b.dir) }() // a leftover in the system's temporary folder
	return m.Run()
}

// Path builds the program on first use and gives its path.
func (b *Binary) Path(t testing.TB) string {
	t.Helper()
	path := func() string { return filepath.Join(b.dir, "opsbot") }
	b.once.Do(func() {
		// Not the test's own folder: the binary serves all tests of the process.
		if b.dir, b.err = os.MkdirTemp("", "opsbot-test-"); b.err != nil { //nolint:usetesting // see above
			return
		}
		out, err := exec.CommandContext(context.Background(), "go", "build", "-o", path(), "opsbot/cmd/opsbot").CombinedOutput()
		if err != nil {
			b.err = fmt.Errorf("build opsbot: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return path()
}

// Server is a running program.
type Server struct {
	Page  string // address of the page
	Git   string // address of hooks and git
	Login string // one-time link; "" when somebody has logged in before
	Apps  string // port of the deployed apps

	cmd  *exec.Cmd
	log  buffer
	stop func()
}

var (
	pageLine = regexp.MustCompile(`Page:\s+(http://\S+)`)
	gitLine  = regexp.MustCompile(`Hooks and git:\s+(http://\S+)`)
	linkLine = regexp.MustCompile(`http://\S+/login\?token=\S+`)
	appsLine = regexp.MustCompile(`Apps:\s+http://NAME\.ENV\.localhost:(\d+)/`)
)

const (
	mostStart = time.Minute
	mostStop  = 30 * time.Second
)

// Start starts the program with the command, which is one that serves, and waits
// until it says that it is ready. Whoever starts it stops it. The command's Stderr,
// where it is set, gets the log too.
func Start(cmd *exec.Cmd) (*Server, error) {
	s := &Server{cmd: cmd}
	cmd.WaitDelay = time.Second // for what holds the log besides it
	if cmd.Stderr == nil {
		cmd.Stderr = &s.log
	} else {
		cmd.Stderr = io.MultiWriter(&s.log, cmd.Stderr)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start opsbot: %w", err)
	}
	s.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt) // gone is what we want
		late := time.AfterFunc(mostStop, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait() // how it ended stands in its log
	})
	late := time.AfterFunc(mostStart, s.stop)
	ready := s.ready(out)
	if !late.Stop() || !ready {
		s.stop()
		return nil, fmt.Errorf("opsbot did not get ready:\n%s", s.Log())
	}
	return s, nil
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

// Kill ends the server as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // gone is what we want
	s.stop()
}

// Stop ends the server as Ctrl-C does.
func (s *Server) Stop() { s.stop() }

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

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

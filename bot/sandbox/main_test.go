package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// skipped counts the tests that could not run without bubblewrap.
var skipped atomic.Int32

// TestMain lets the test binary stand in for OpsBot's: as exec-child and as the
// programs that run below it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exec-child" {
		os.Exit(ExecChild(os.Args[2:], os.Stderr))
	}
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		os.Exit(helper(os.Args[2], os.Args[3:]))
	}
	// A secret and a descriptor that no child may ever see.
	_ = os.Setenv("OPSBOT_TEST_SECRET", "leaked")
	leak, err := unix.Open(os.Args[0], unix.O_RDONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = unix.Close(leak)
	if n := skipped.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "!!! %d SANDBOX TESTS SKIPPED: bubblewrap does not work on this machine\n", n)
	}
	os.Exit(code)
}

// lineWriter hands out what is written line by line.
type lineWriter struct {
	mu    sync.Mutex
	rest  []byte
	all   bytes.Buffer
	lines chan string
}

func newLines() *lineWriter { return &lineWriter{lines: make(chan string, 1000)} }

func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.lines <- string(line)
		w.rest = rest
	}
}

func (w *lineWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// next returns the next line or fails the test.
func (w *lineWriter) next(t *testing.T) string {
	t.Helper()
	select {
	case l := <-w.lines:
		return l
	case <-time.After(30 * time.Second):
		t.Fatalf("no line within 30 s; so far:\n%s", w)
		return ""
	}
}

// setup holds a runner with and one without bubblewrap.
type setup struct {
	safe, unsafe *Runner
	dir          string
}

func newSetup(t *testing.T) setup {
	t.Helper()
	dir := t.TempDir()
	safe, err := New(Options{StateDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	unsafe, err := New(Options{StateDir: filepath.Join(dir, "unsafe"), Bwrap: "/nonexistent/bwrap", Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(safe.Close)
	t.Cleanup(unsafe.Close)
	return setup{safe: safe, unsafe: unsafe, dir: dir}
}

func needBwrap(t *testing.T, r *Runner) {
	t.Helper()
	if err := r.Available(); err != nil {
		skipped.Add(1)
		t.Skipf("SKIPPED, NOT PROVED HERE: %v", err)
	}
}

// eachWay runs f for the three ways.
func eachWay(t *testing.T, f func(t *testing.T, r *Runner, iso *Isolation, s setup)) {
	t.Helper()
	for _, c := range []struct {
		name string
		w    way
	}{{"direct", wayDirect}, {"bwrap", wayBwrap}, {"guard", wayGuard}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			switch c.w {
			case wayDirect:
				f(t, s.safe, nil, s)
			case wayBwrap:
				needBwrap(t, s.safe)
				f(t, s.safe, &Isolation{}, s)
			case wayGuard:
				f(t, s.unsafe, &Isolation{}, s)
			}
		})
	}
}

// eventually waits for a condition of the outside world that
// nothing signals. It polls with a deadline.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// unlocked reports whether nobody holds the lock on path.
func unlocked(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// startApp starts the test's service and waits until it listens.
func startApp(t *testing.T, r *Runner, iso *Isolation, ctx context.Context) (*Process, *lineWriter) { //nolint:revive // t first
	t.Helper()
	out := newLines()
	p, err := r.Start(ctx, Spec{
		Name: "app", Self: true, Args: []string{"helper", "app", "tell"}, Stdout: out, Stderr: out,
		Isolation: iso, Service: &Service{}, Grace: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	out.next(t)
	return p, out
}

func clientOf(p *Process) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) },
	}}
}

func get(ctx context.Context, c *http.Client, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app"+path, nil)
	if err != nil {
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestServiceAnswersManyConnections(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		p, _ := startApp(t, r, iso, t.Context())
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				c := clientOf(p)
				defer c.CloseIdleConnections()
				for j := range 5 {
					path := fmt.Sprintf("/%d/%d", i, j)
					if got, err := get(t.Context(), c, path); err != nil || got != "hello "+path {
						t.Errorf("%s: %q, %v", path, got, err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestServiceKeepsHalfClosedConnections(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		p, _ := startApp(t, r, iso, t.Context())
		c, err := p.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		data := append([]byte("echo"), make([]byte, 3<<20)...)
		_, _ = rand.Read(data[4:])
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		half, ok := c.(interface{ CloseWrite() error })
		if !ok {
			t.Fatalf("%T cannot be half-closed", c)
		}
		if err := half.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d of %d bytes came back: %v", len(got), len(data), err)
		}
	})
}

func TestServiceLearnsOfAHangUp(t *testing.T) {
	t.Parallel()
	outer, remote, err := socketPair(1)
	if err != nil {
		t.Fatal(err)
	}
	a, err := unixConn(outer)
	if err != nil {
		t.Fatal(err)
	}
	b, err := unixConn(remote)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if hungUp(b) {
		t.Error("an open connection counts as hung up")
	}
	if err := a.CloseWrite(); err != nil || hungUp(b) {
		t.Errorf("a half-closed connection counts as hung up (%v)", err)
	}
	if err := a.Close(); err != nil || !hungUp(b) {
		t.Errorf("a closed connection does not count as hung up (%v)", err)
	}
}

func TestServiceGetsTermOnceAndItsStatusCounts(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		p, out := startApp(t, r, iso, ctx)
		cancel()
		res, err := p.Wait()
		if err != nil || res.ExitCode != 5 || !res.Cancelled {
			t.Errorf("%+v, %v", res, err)
		}
		if got := out.String(); got != "listening\nterm\n" {
			t.Errorf("the app said %q", got)
		}
		if _, err := p.Dial(t.Context()); err == nil {
			t.Error("a gone service can be dialled")
		}
	})
}

func TestServiceThatDoesNotListenClosesConnections(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		p, err := r.Start(t.Context(), Spec{Name: "deaf", Args: []string{"sleep", "1000"}, Isolation: iso, Service: &Service{PortVar: "P"}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Stop()
		c, err := p.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d, %v", n, err)
		}
	})
}

func TestOnlyServicesCanBeDialled(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	p, err := s.safe.Start(t.Context(), Spec{Name: "plain", Args: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if _, err := p.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "not started as a service") {
		t.Errorf("error is %v", err)
	}
}

// TestKilledParentTakesItsChildrenAlong kills a real parent with signal 9; what its
// children and their daemons had locked must get free.
func TestKilledParentTakesItsChildrenAlong(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	if err := os.Mkdir(s.dir+"/locks", 0o700); err != nil {
		t.Fatal(err)
	}
	out := newLines()
	parent := exec.CommandContext(t.Context(), os.Args[0], "helper", "parent", s.dir)
	parent.Stdout, parent.Stderr = out, out
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	for line := ""; line != "ready"; {
		line = out.next(t)
	}
	locks := []string{"direct-child", "guard-child", "guard-daemon"}
	if s.safe.Available() == nil {
		locks = append(locks, "bwrap-child", "bwrap-daemon")
	}
	for _, l := range locks {
		if unlocked(t, s.dir+"/locks/"+l) {
			t.Errorf("%s does not hold its lock before the kill", l)
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for _, l := range locks {
		eventually(t, l+" has ended", func() bool { return unlocked(t, s.dir+"/locks/"+l) })
	}
}

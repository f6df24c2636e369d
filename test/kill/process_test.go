package kill_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is one life of the program: from its start to its end or its killing.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it says so
	gone   chan struct{} // closed when it has ended
	once   sync.Once
	killed atomic.Bool // by us
}

// start runs `opsbot serve` on the run's data folder. at is called with every
// moment that the program announces; it may kill it.
func (r *trial) start(t *testing.T, at func(p *process, point string)) *process {
	t.Helper()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{ready: make(chan struct{}), gone: make(chan struct{})}
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(r.program, "serve", "--config", r.config, "--data", r.data)
	p.cmd.Env = append(os.Environ(), append(r.env, "OPSBOT_BOUNDARY_FD=3")...)
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stdout, p.cmd.Stderr = in, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _, _ = theirs.Close(), in.Close(), log.Close() // the child has its own
	var reading sync.WaitGroup
	reading.Go(func() { p.listen(ours, at) })
	reading.Go(func() { p.awaitReady(out) })
	go func() {
		_ = p.cmd.Wait() // how it ended is told by killed
		// Whoever else holds the descriptors must not keep the readers.
		_, _ = ours.Close(), out.Close()
		reading.Wait()
		close(p.gone)
	}()
	return p
}

// listen passes every announced moment to at and lets the program go on.
func (p *process) listen(conn net.Conn, at func(*process, string)) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		at(p, lines.Text())
		if _, err := conn.Write([]byte{'x'}); err != nil {
			return
		}
	}
}

func (p *process) awaitReady(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "OpsBot is ready") {
			close(p.ready)
		}
	}
}

// kill ends the program, and in a group everything below it, as a power cut does.
func (p *process) kill(group bool) {
	p.once.Do(func() {
		p.killed.Store(true)
		pid := p.cmd.Process.Pid
		if !group {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return
		}
		// Children have groups of their own: "the group" is all that descends from it.
		below := descendants(pid)
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		for _, child := range below {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	})
}

// stop ends the program as an operator does.
func (p *process) stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // a process that is gone is what we want
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		p.kill(true)
		return errors.New("the program did not stop when it was told to")
	}
}

// socketPair gives our end and the one that the child inherits.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	file := os.NewFile(uintptr(fds[0]), "boundaries")
	defer file.Close()
	conn, err := net.FileConn(file)
	return conn, os.NewFile(uintptr(fds[1]), "boundaries"), err
}

// patience bounds everything that one run waits for.
const patience = time.Minute

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// privatePort is the port of every app that has a loopback of its own.
const privatePort = 8080

// supervise runs the target below this process, passes TERM on to its group and
// returns its exit status. A guard (no sandbox around it) also ends everything that
// the target started, and everything at once when OpsBot dies.
func supervise(t target, status *os.File, guard bool) (int, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	cmd, err := startTarget(t, status)
	if err != nil {
		return childFailed, err
	}
	_ = status.Close()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	var kill <-chan time.Time
	for {
		select {
		case <-exited:
			return endOfTarget(cmd, guard), nil
		case s := <-signals:
			if s == unix.SIGHUP && guard {
				killDescendants(os.Getpid())
				return childFailed, nil
			}
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGTERM)
			if kill == nil {
				kill = time.After(t.Grace)
			}
		case <-kill:
			if guard {
				killDescendants(os.Getpid())
			} else {
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			}
		}
	}
}

func endOfTarget(cmd *exec.Cmd, guard bool) int {
	if guard {
		killDescendants(os.Getpid())
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		return exitStatus(s)
	}
	return childFailed
}

// startTarget starts the last exec-child, and for a service the bridge to it.
func startTarget(t target, status *os.File) (*exec.Cmd, error) {
	if t.PortVar != "" {
		port, err := choosePort(t.Private)
		if err != nil {
			return nil, err
		}
		t.Env = append(t.Env, t.PortVar+"="+strconv.Itoa(port))
		if err := startBridge(port); err != nil {
			return nil, err
		}
		t.PortVar = ""
	}
	order, err := jsonFile("target", t)
	if err != nil {
		return nil, err
	}
	defer order.Close()
	none, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer none.Close()
	cmd := exec.Command("/proc/self/exe", "exec-child", "enter") //nolint:noctx // its end is ours, by signal
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{none, status, order} // for fdStart (unused), fdStatus, fdTarget
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start target: %w", err)
	}
	return cmd, nil
}

// choosePort returns a fixed port on a loopback of our own, else one that is free now.
func choosePort(private bool) (int, error) {
	if private {
		return privatePort, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // returns at once
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: not a TCP address")
	}
	return addr.Port, nil
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// killWait bounds one wait for killed processes to leave the process table.
const killWait = time.Second

// reapGrace is the time a leftover has between TERM and KILL.
const reapGrace = 3 * time.Second

// record is what a child writes about itself before its target is executed.
type record struct {
	PID   int
	Start uint64 // clock ticks since boot
	Boot  string // the machine's boot id
	ID    string // value of ChildVar
	Name  string
	Way   way
	Serve bool
}

// writeRecord records the calling process.
func writeRecord(order startOrder) error {
	self, err := readProc(os.Getpid())
	if err != nil {
		return fmt.Errorf("read own start time: %w", err)
	}
	data, err := json.Marshal(record{
		PID: self.pid, Start: self.start, Boot: bootID(), ID: order.ID,
		Name: order.Name, Way: order.Way, Serve: order.Serve,
	})
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if err := writeFile(order.Record, data); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// bootID names this run of the machine; pids and start times mean nothing in another.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Reap ends the children that an earlier OpsBot left behind and returns the names
// of those it found. Call it before anything resumes and before the first Start on
// this state folder. A process is ended only if pid and start time are the recorded
// ones or its environment carries the recorded id: first TERM, then KILL, with
// everything below it. A missing folder means that there is nothing to do.
func Reap(ctx context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: list leftovers: %w", err)
	}
	var left []leftover
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(e.Name()) {
		case ".tmp": // its writer died before its target began
			errs = append(errs, os.Remove(path))
		case ".json":
			l, err := readLeftover(path)
			errs = append(errs, err)
			if err == nil {
				left = append(left, l)
			}
		}
	}
	names, err := endAll(ctx, left)
	return names, errors.Join(append(errs, err)...)
}

func recordPath(dir, id string) string { return filepath.Join(dir, id+".json") }

type leftover struct {
	record
	path string
}

func readLeftover(path string) (leftover, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return leftover{}, fmt.Errorf("sandbox: read leftover: %w", err)
	}
	l := leftover{path: path}
	if err := json.Unmarshal(data, &l.record); err != nil {
		// Records are renamed into place, so this one is not from us.
		return leftover{}, fmt.Errorf("sandbox: read leftover %s: %w", path, err)
	}
	return l, nil
}

// endAll ends all leftovers side by side, so that one grace is enough for all.
func endAll(ctx context.Context, left []leftover) ([]string, error) {
	boot := bootID()
	var names []string
	var asked []proc
	for _, l := range left {
		found := l.find(boot)
		if len(found) > 0 {
			names = append(names, l.Name)
		}
		l.terminate(found)
		asked = append(asked, found...)
	}
	deadline := reapGrace
	if d, ok := ctx.Deadline(); ok {
		deadline = min(deadline, time.Until(d))
	}
	awaitGone(asked, deadline)
	var errs []error
	for _, l := range left {
		if err := l.kill(boot); err != nil {
			errs = append(errs, err)
			continue
		}
		dropGroup(l.ID)
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("sandbox: remove record: %w", err))
		}
	}
	return names, errors.Join(errs...)
}

// find returns the living processes that are surely the leftover's own.
func (l leftover) find(boot string) []proc {
	if l.Boot != boot || l.PID <= 1 {
		return nil
	}
	all, err := processes()
	if err != nil {
		return nil
	}
	var found []proc
	for _, p := range all {
		switch {
		case p.dead() || p.pid == os.Getpid():
		case p.pid == l.PID && p.start == l.Start:
			found = append(found, p)
			found = append(found, descendantsOf(all, p.pid)...)
		case hasMarker(p.pid, l.ID):
			found = append(found, p)
		}
	}
	return found
}

// terminate asks what was found to end.
func (l leftover) terminate(found []proc) {
	for _, p := range found {
		if p.pid == l.PID && l.Way == wayBwrap {
			terminateSandbox(p.pid, l.Serve)
			return
		}
	}
	ask := unix.SIGTERM
	if l.Way == wayBwrap { // a sandbox without its bubblewrap: nothing in it would hear
		ask = unix.SIGKILL
	}
	for _, p := range found {
		signalSame(p, ask)
	}
}

// kill kills until nothing is found any more.
func (l leftover) kill(boot string) error {
	for range 100 {
		found := l.find(boot)
		if len(found) == 0 {
			return nil
		}
		for _, p := range found {
			signalSame(p, unix.SIGKILL)
		}
		awaitGone(found, killWait)
	}
	return fmt.Errorf("sandbox: end leftover %s: process %d does not go away", l.Name, l.PID)
}

// signalSame signals p and nobody who got its pid meanwhile: the descriptor holds
// on to one process, whose start time is then compared.
func signalSame(p proc, s unix.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if now, err := readProc(p.pid); err != nil || now.start != p.start {
		return
	}
	_ = unix.PidfdSendSignal(fd, s, nil, 0)
}

// awaitGone waits until all of ps have ended, or for d.
func awaitGone(ps []proc, d time.Duration) {
	end := time.Now().Add(d)
	for _, p := range ps {
		awaitOne(p, time.Until(end))
	}
}

// awaitOne waits on a process descriptor, which gets readable when p ends.
func awaitOne(p proc, d time.Duration) {
	if d <= 0 {
		return
	}
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if now, err := readProc(p.pid); err != nil || now.start != p.start {
		return
	}
	awaitPidfd(fd, d)
}

// awaitPidfd waits until the process of a descriptor has ended, or for d.
func awaitPidfd(fd int, d time.Duration) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, int(d.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

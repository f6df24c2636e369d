package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// proc is one line of the process table.
type proc struct {
	pid, ppid, pgrp, session int
	state                    byte
	// start is the start time in clock ticks since boot; with pid it names a
	// process for as long as the machine runs.
	start uint64
}

func (p proc) dead() bool { return p.state == 'Z' || p.state == 'X' }

// processes lists what /proc shows.
func processes() ([]proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []proc
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := readProc(pid); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// readProc reads /proc/PID/stat.
func readProc(pid int) (proc, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return proc{}, err
	}
	return parseStat(string(b))
}

// parseStat reads pid, state, ppid, pgrp, session and start time. The program's
// name stands in parentheses and may itself hold spaces and parentheses.
func parseStat(s string) (proc, error) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 1 || end < open {
		return proc{}, fmt.Errorf("parse process status %q: no name", s)
	}
	fields := strings.Fields(s[end+1:])
	if len(fields) < 20 {
		return proc{}, fmt.Errorf("parse process status %q: too short", s)
	}
	p := proc{state: fields[0][0]}
	var errs [5]error
	p.pid, errs[0] = strconv.Atoi(strings.TrimSpace(s[:open]))
	p.ppid, errs[1] = strconv.Atoi(fields[1])
	p.pgrp, errs[2] = strconv.Atoi(fields[2])
	p.session, errs[3] = strconv.Atoi(fields[3])
	p.start, errs[4] = strconv.ParseUint(fields[19], 10, 64)
	return p, errors.Join(errs[:]...)
}

func childrenOf(all []proc, pid int) []proc {
	var out []proc
	for _, p := range all {
		if p.ppid == pid {
			out = append(out, p)
		}
	}
	return out
}

// descendantsOf returns the living processes below pid, parents first.
func descendantsOf(all []proc, pid int) []proc {
	var out []proc
	for _, c := range childrenOf(all, pid) {
		if !c.dead() {
			out = append(out, c)
		}
		out = append(out, descendantsOf(all, c.pid)...)
	}
	return out
}

// killDescendants kills everything below pid and returns when nothing is left of it.
// New children may appear while we look, so it looks until it finds none.
func killDescendants(pid int) {
	for range 1000 {
		all, err := processes()
		if err != nil {
			return
		}
		below := descendantsOf(all, pid)
		if len(below) == 0 {
			return
		}
		for _, d := range below {
			_ = unix.Kill(d.pid, unix.SIGKILL)
		}
		awaitGone(below, killWait)
	}
}

// killTree kills everything below pid, then pid and its group.
func killTree(pid int) {
	killDescendants(pid)
	_ = unix.Kill(-pid, unix.SIGKILL)
	_ = unix.Kill(pid, unix.SIGKILL)
}

// hasMarker tells whether the environment that a process was started with carries
// the id of one of our children.
func hasMarker(pid int, id string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	want := []byte(ChildVar + "=" + id)
	for kv := range bytes.SplitSeq(b, []byte{0}) {
		if bytes.Equal(kv, want) {
			return true
		}
	}
	return false
}

// terminateSandbox sends TERM to the processes in the sandbox of the bubblewrap
// outer. Bubblewrap itself would end at once and take the sandbox with it. A
// service's exec-child passes the signal on itself.
func terminateSandbox(outer int, service bool) {
	all, err := processes()
	if err != nil {
		return
	}
	sent := false
	for _, init := range childrenOf(all, outer) {
		for _, first := range childrenOf(all, init.pid) {
			sent = true
			_ = unix.Kill(first.pid, unix.SIGTERM)
			if service {
				continue
			}
			for _, d := range descendantsOf(all, first.pid) {
				_ = unix.Kill(d.pid, unix.SIGTERM)
			}
		}
	}
	if !sent {
		terminateEarly(outer)
	}
}

// terminateEarly ends a bubblewrap that has not started anything yet. Its inner
// process asks to die with it only some time after it was made: it is ended by
// itself, while the outer one stands still and makes no other.
func terminateEarly(outer int) {
	_ = unix.Kill(outer, unix.SIGSTOP)
	if all, err := processes(); err == nil {
		for _, init := range childrenOf(all, outer) {
			_ = unix.Kill(init.pid, unix.SIGKILL)
		}
	}
	_ = unix.Kill(outer, unix.SIGTERM)
	_ = unix.Kill(outer, unix.SIGCONT)
}

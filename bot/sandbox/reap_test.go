package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// leftoverOf starts a process and records it as if an earlier OpsBot had.
func leftoverOf(t *testing.T, dir string, change func(*record), env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	self, err := readProc(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	rec := record{PID: self.pid, Start: self.start, Boot: bootID(), ID: rand.Text(), Name: "left"}
	change(&rec)
	data, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	path := recordPath(dir, rec.ID)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return cmd, path
}

func TestReapEndsOnlyExactMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*record)
		env    []string
		ends   bool
	}{
		{"same process", func(*record) {}, nil, true},
		{"other start time", func(r *record) { r.Start++ }, nil, false},
		{"before the last boot", func(r *record) { r.Boot = "another" }, nil, false},
		{"leader gone, environment matches", func(r *record) { r.PID, r.ID = 1<<21, "marked" }, []string{ChildVar + "=marked"}, true},
		{"bubblewrap gone, its second process is there", func(r *record) { r.PID, r.ID, r.Way = 1<<21, "marked", wayBwrap }, []string{ChildVar + "=marked"}, true},
		{"leader gone, another's environment", func(r *record) { r.PID, r.ID = 1<<21, "marked" }, []string{ChildVar + "=marked2"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd, path := leftoverOf(t, dir, c.change, c.env...)
			gone := make(chan struct{})
			go func() { _ = cmd.Wait(); close(gone) }()
			names, err := Reap(t.Context(), dir)
			if err != nil || slices.Contains(names, "left") != c.ends {
				t.Errorf("reaped %q, %v", names, err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the record is still there")
			}
			if c.ends {
				<-gone // hangs, and fails by the test's time limit, if it was not ended
				return
			}
			if p, err := readProc(cmd.Process.Pid); err != nil || p.dead() {
				t.Errorf("a stranger was ended: %+v, %v", p, err)
			}
			_ = cmd.Process.Kill()
			<-gone
		})
	}
}

// TestReapEndsWholeChildren reaps children that ignore TERM, with daemons of their
// own, while their parent still lives: nothing but Reap ends them.
func TestReapEndsWholeChildren(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, s setup) {
		t.Helper()
		if iso != nil {
			iso.ReadWrite = []Mount{{Host: s.dir}}
		}
		self := filepath.Join(s.dir, "self")
		copyFile(t, os.Args[0], self)
		out := newLines()
		p, err := r.Start(t.Context(), Spec{
			Name: "stubborn", Stdout: out, Stderr: out, Isolation: iso,
			Args: shell("trap '' TERM; setsid " + self + " helper lock " + s.dir + "/daemon & " + self + " helper lock " + s.dir + "/child & wait"),
		})
		if err != nil {
			t.Fatal(err)
		}
		out.next(t)
		out.next(t)
		begin := time.Now()
		names, err := Reap(t.Context(), r.state)
		if err != nil || !slices.Equal(names, []string{"stubborn"}) {
			t.Errorf("reaped %q, %v", names, err)
		}
		if took := time.Since(begin); took < reapGrace {
			t.Errorf("KILL came after %s, before the grace was over", took)
		}
		for _, lock := range []string{"daemon", "child"} {
			if !unlocked(t, filepath.Join(s.dir, lock)) {
				t.Errorf("%s survived", lock)
			}
		}
		if res, _ := p.Wait(); res.ExitCode != 137 {
			t.Errorf("result is %+v", res)
		}
	})
}

func TestReapOfNothing(t *testing.T) {
	t.Parallel()
	if names, err := Reap(t.Context(), filepath.Join(t.TempDir(), "none")); err != nil || names != nil {
		t.Errorf("%q, %v", names, err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"half.json.tmp": "{", "foreign.json": "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Reap(t.Context(), dir); err == nil {
		t.Error("an unreadable record is no error")
	}
	if _, err := os.Stat(filepath.Join(dir, "half.json.tmp")); err == nil {
		t.Error("half a record is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "foreign.json")); err != nil {
		t.Error("an unreadable record was removed")
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	tail := " S 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 10"
	for _, name := range []string{"sh", "a b", ")", "(x) S 1 1 1", ""} {
		got, err := parseStat("42 (" + name + ")" + tail)
		want := proc{pid: 42, ppid: 7, pgrp: 8, session: 9, state: 'S', start: 12345}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh", "42 (sh) S 1", "x (sh)" + tail} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

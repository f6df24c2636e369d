package sandbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
)

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestChildSeesOnlyWhatItWasGiven(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		var out bytes.Buffer
		res, err := r.Run(t.Context(), Spec{
			Name: "env", Args: []string{"env"}, Env: []string{"A=1", "PATH=/usr/bin:/bin"}, Stdout: &out, Isolation: iso,
		})
		if err != nil || res.ExitCode != 0 {
			t.Fatalf("env: %+v, %v", res, err)
		}
		got := strings.Fields(out.String())
		slices.Sort(got)
		want := []string{"A=1", "PATH=/usr/bin:/bin"}
		if iso == nil || r.Unsafe() {
			want = []string{"A=1", "OPSBOT_CHILD", "PATH=/usr/bin:/bin"}
			got[1], _, _ = strings.Cut(got[1], "=")
		} else {
			want = slices.Insert(want, 1, "HOME="+homePath)
			got = slices.DeleteFunc(got, func(kv string) bool { return kv == "PWD=/" }) // set by bubblewrap's chdir
		}
		if !slices.Equal(got, want) {
			t.Errorf("environment is %q, want %q", got, want)
		}
	})
}

func TestChildHasOnlyThreeDescriptorsAndNoInput(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		var out bytes.Buffer
		// The fourth is the shell's own handle on the folder it lists.
		res, err := r.Run(t.Context(), Spec{
			Name: "fds", Args: shell("cat; for f in /proc/$$/fd/*; do echo ${f##*/}; done"), Stdout: &out, Isolation: iso,
		})
		if err != nil || res.ExitCode != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		got := strings.Fields(out.String())
		if len(got) < 3 || !slices.Equal(got[:3], []string{"0", "1", "2"}) {
			t.Fatalf("descriptors are %q", got)
		}
		for _, fd := range got[3:] {
			if n, _ := strconv.Atoi(fd); n < 10 && fd != "3" {
				t.Errorf("descriptor %s is open in the child", fd)
			}
		}
		if len(got) > 4 {
			t.Errorf("too many descriptors are open in the child: %q", got)
		}
	})
}

func TestStdinIsPassedOnWhenGiven(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		var out bytes.Buffer
		in := strings.Repeat("input ", 50_000)
		if _, err := r.Run(t.Context(), Spec{Name: "cat", Args: []string{"cat"}, Stdin: strings.NewReader(in), Stdout: &out, Isolation: iso}); err != nil {
			t.Fatal(err)
		}
		if out.String() != in {
			t.Errorf("%d bytes came back of %d", out.Len(), len(in))
		}
	})
}

func TestResultTellsHowItEnded(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		for _, c := range []struct {
			script string
			want   Result
		}{
			{"exit 0", Result{}},
			{"exit 3", Result{ExitCode: 3}},
			{"kill -SEGV $$", Result{ExitCode: 139, Signal: syscall.SIGSEGV}},
			{"kill -KILL $$", Result{ExitCode: 137, Signal: syscall.SIGKILL}},
		} {
			got, err := r.Run(t.Context(), Spec{Name: c.script, Args: shell(c.script), Isolation: iso})
			if err != nil || got != c.want {
				t.Errorf("%s: %+v, %v, want %+v", c.script, got, err, c.want)
			}
		}
	})
}

func TestStartSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, s setup) {
		t.Helper()
		script := filepath.Join(s.dir, "noexec")
		if err := os.WriteFile(script, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			spec Spec
			want string
		}{
			{Spec{Args: []string{"no-such-program"}}, "no-such-program: executable file not found in $PATH"},
			{Spec{Args: []string{"/no/such"}}, "stat /no/such: no such file"},
			{Spec{Args: []string{"/etc"}}, "/etc is not executable"},
			{Spec{Args: shell("true"), Dir: "/no/where"}, "enter working folder"},
			{Spec{}, "there is no program to start"},
		} {
			c.spec.Isolation = iso
			_, err := r.Run(t.Context(), c.spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: error %v, want %q", c.spec.Args, err, c.want)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(r.state, "*.json")); len(left) > 0 {
			t.Errorf("records stayed behind: %q", left)
		}
	})
}

func TestCancelSendsTermThenKill(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		for _, c := range []struct {
			name, script string
			grace        time.Duration
			code         int
		}{
			// The child of the shell must get the signal as well, not just the shell.
			{"gentle", `trap 'wait; echo bye; exit 7' TERM; (trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.02; done) & wait`, time.Minute, 7},
			{"stubborn", `trap '' TERM; echo ready; while :; do sleep 1; done`, 50 * time.Millisecond, 137},
		} {
			out := newLines()
			ctx, cancel := context.WithCancel(t.Context())
			p, err := r.Start(ctx, Spec{Name: c.name, Args: shell(c.script), Stdout: out, Stderr: out, Grace: c.grace, Isolation: iso})
			if err != nil {
				t.Fatal(err)
			}
			out.next(t)
			cancel()
			res, err := p.Wait()
			if err != nil || !res.Cancelled || res.ExitCode != c.code && !r.Unsafe() {
				t.Errorf("%s: %+v, %v, want code %d", c.name, res, err, c.code)
			}
			// Shells report the end of what they waited for, in between.
			if said := strings.ReplaceAll(out.String(), "Terminated\n", ""); c.name == "gentle" && said != "ready\ninner\nbye\n" {
				t.Errorf("%s said %q", c.name, said)
			}
		}
	})
}

func TestStopIsACancel(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	p, err := s.safe.Start(t.Context(), Spec{Name: "sleep", Args: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	p.Stop()
	res, err := p.Wait()
	if err != nil || !res.Cancelled || res.Signal != syscall.SIGTERM {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestCancelledContextStartsNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.safe.Start(ctx, Spec{Name: "x", Args: []string{"true"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestTransactionStartsNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	_, err := s.safe.Start(bot.WithTransaction(t.Context()), Spec{Name: "x", Args: []string{"true"}})
	if err == nil || !strings.Contains(err.Error(), "inside a transaction") {
		t.Errorf("error is %v", err)
	}
}

type brokenWriter struct{ written int }

var errDiskFull = errors.New("disk full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	w.written += len(b)
	return 0, errDiskFull
}

func TestFailingWriterDoesNotDisturbTheChild(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	var stderr bytes.Buffer
	res, err := s.safe.Run(t.Context(), Spec{
		Name: "loud", Args: shell("head -c 3000000 /dev/zero && echo done >&2"), Stdout: &brokenWriter{}, Stderr: &stderr,
	})
	if err != nil || res.ExitCode != 0 || !errors.Is(res.OutputErr, errDiskFull) {
		t.Errorf("%+v, %v", res, err)
	}
	if stderr.String() != "done\n" {
		t.Errorf("the child did not get to its end: %q", stderr.String())
	}
}

func TestOneWriterKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	var out bytes.Buffer
	if _, err := s.safe.Run(t.Context(), Spec{
		Name: "order", Args: shell("for i in 1 2 3 4 5; do echo $i; echo $i >&2; done"), Stdout: &out, Stderr: &out,
	}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(out.String()), ""); got != "1122334455" {
		t.Errorf("order is %s", got)
	}
}

func TestRecordIsThereWhenTheTargetBegins(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	var out bytes.Buffer
	res, err := s.safe.Run(t.Context(), Spec{
		Name: "record", Args: shell("echo $$; cat " + s.safe.state + "/*.json"), Stdout: &out,
	})
	if err != nil || res.ExitCode != 0 {
		t.Fatalf("%+v, %v, %s", res, err, out.String())
	}
	pid, rec, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(rec, `"PID":`+pid+`,"Start":`) || !strings.Contains(rec, `"Name":"record"`) {
		t.Errorf("process %s recorded %s", pid, rec)
	}
	if left, _ := filepath.Glob(filepath.Join(s.safe.state, "*.json")); len(left) > 0 {
		t.Errorf("records stayed behind: %q", left)
	}
}

func TestClosedRunnerStartsNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.safe.Close()
	if _, err := s.safe.Start(t.Context(), Spec{Name: "x", Args: []string{"true"}}); err == nil {
		t.Error("a closed runner started a child")
	}
}

func TestExecChildRefusesStrangers(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	if code := ExecChild(nil, &errs); code != childFailed || !strings.Contains(errs.String(), "only OpsBot") {
		t.Errorf("code %d, said %q", code, errs.String())
	}
}

// TestProgramThatIsStillOpen: a target that some process has open for writing is
// executed as soon as it is closed.
func TestProgramThatIsStillOpen(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		dir := t.TempDir()
		if iso != nil {
			iso.ReadOnly = []Mount{{Host: dir}}
		}
		program := filepath.Join(dir, "program")
		if err := writeProgram(program, []byte("#!/bin/sh\necho ran\n")); err != nil {
			t.Fatal(err)
		}
		open, err := os.OpenFile(program, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Millisecond, func() { _ = open.Close() })
		var out bytes.Buffer
		res, err := r.Run(t.Context(), Spec{Name: "busy", Args: []string{program}, Stdout: &out, Isolation: iso})
		if err != nil || res.ExitCode != 0 || out.String() != "ran\n" {
			t.Errorf("%+v, %v, said %q", res, err, out.String())
		}
	})
}

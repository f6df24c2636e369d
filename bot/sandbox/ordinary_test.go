package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAvailableExplainsItself(t *testing.T) {
	t.Parallel()
	r, err := New(Options{StateDir: t.TempDir(), Bwrap: "/nonexistent/bwrap"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Available(); !errors.Is(err, ErrNoSandbox) || !strings.Contains(err.Error(), "install the package `bubblewrap`") {
		t.Errorf("error is %v", err)
	}
	_, err = r.Start(t.Context(), Spec{Name: "build", Args: []string{"true"}, Isolation: &Isolation{}})
	if !errors.Is(err, ErrNoSandbox) {
		t.Errorf("an isolated child without a sandbox: %v", err)
	}
	if r.Unsafe() {
		t.Error("a runner is unsafe that nobody allowed to be")
	}
}

func TestAvailableNamesTheSwitchThatIsOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sysctl, value, want string }{
		{"kernel/unprivileged_userns_clone", "0", "set sysctl kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids"},
		{"user/max_user_namespaces", "0", "set sysctl user.max_user_namespaces"},
		{"", "", "perhaps because OpsBot runs in a container"},
	} {
		got := explainBwrap("bwrap: No permissions", nil, func(name string) string {
			if name == c.sysctl {
				return c.value
			}
			return ""
		})
		if !strings.Contains(got, c.want) || !strings.Contains(got, "bwrap: No permissions") {
			t.Errorf("%s=%s: %s", c.sysctl, c.value, got)
		}
	}
	broken := filepath.Join(t.TempDir(), "bwrap")
	if err := writeProgram(broken, []byte("#!/bin/sh\necho setting up uid map: Permission denied >&2; exit 1\n")); err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{StateDir: t.TempDir(), Bwrap: broken})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Available(); !errors.Is(err, ErrNoSandbox) || !strings.Contains(err.Error(), "setting up uid map") {
		t.Errorf("error is %v", err)
	}
}

func TestLimitsHold(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		var out bytes.Buffer
		res, err := r.Run(t.Context(), Spec{
			Name: "limits", Isolation: iso, Stdout: &out,
			Args:   shell(`ulimit -c; ulimit -n; ulimit -f; ulimit -d`),
			Limits: Limits{FileSize: 1 << 20, OpenFiles: 77, Memory: 4 << 30},
		})
		if err != nil || res.ExitCode != 0 || out.String() != "0\n77\n2048\n4194304\n" {
			t.Errorf("%+v, %v, limits %q", res, err, out.String())
		}
		res, err = r.Run(t.Context(), Spec{
			Name: "file", Isolation: iso, Args: shell("head -c 3000000 /dev/zero > /tmp/opsbot-limit-$$; s=$?; rm -f /tmp/opsbot-limit-$$; exit $s"),
			Limits: Limits{FileSize: 1 << 20},
		})
		if err != nil || res.Signal != syscall.SIGXFSZ {
			t.Errorf("writing too large a file: %+v, %v", res, err)
		}
	})
}

// TestOrdinaryUser runs the essentials as somebody who is not root: the sandbox
// itself and the limit of processes, which Linux does not apply to root.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	needBwrap(t, s.safe)
	dir, err := os.MkdirTemp("", "opsbot-ordinary") //nolint:usetesting // others can't enter the test's own folder
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self := filepath.Join(dir, "self")
	copyFile(t, os.Args[0], self)
	cmd := exec.CommandContext(t.Context(), self, "helper", "ordinary", filepath.Join(dir, "state"))
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "isolated\nlimited\nroomy\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// helperOrdinary is TestOrdinaryUser's other half.
func helperOrdinary(state string) error {
	ctx := context.Background()
	r, err := New(Options{StateDir: state})
	if err != nil {
		return err
	}
	if err := r.Available(); err != nil {
		return err
	}
	for _, c := range []struct {
		script, said, want string
		limits             Limits
	}{
		{`test ! -e ` + state + ` && test "$(id -u)" = 1000 && touch /tmp/x && echo isolated`, "isolated\n", "isolated", Limits{}},
		{`for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo unlimited`, "fork", "limited", Limits{Processes: 10}},
		{`for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo unlimited`, "unlimited\n", "roomy", Limits{Processes: 100}},
	} {
		var out bytes.Buffer
		res, err := r.Run(ctx, Spec{Name: "ordinary", Args: shell(c.script), Isolation: &Isolation{}, Stdout: &out, Stderr: &out, Limits: c.limits})
		if err != nil {
			return err
		}
		if !strings.Contains(out.String(), c.said) {
			return fmt.Errorf("%+v: %q", res, out.String())
		}
		fmt.Println(c.want)
	}
	return nil
}

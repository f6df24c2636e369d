package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestForkBombOfRootIsStopped(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || pidsParent(cgroupRoot, readText("/proc/self/cgroup")) == "" {
		t.Skip("only root needs control groups, and only where they can be written")
	}
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, _ setup) {
		t.Helper()
		bomb := "i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; echo unlimited"
		for limit, want := range map[uint64]string{10: "fork", 1000: "unlimited"} {
			var out bytes.Buffer
			p, err := r.Start(t.Context(), Spec{
				Name: "bomb", Args: shell(bomb), Isolation: iso, Stdout: &out, Stderr: &out, Limits: Limits{Processes: limit},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Wait(); err != nil || !strings.Contains(out.String(), want) {
				t.Errorf("100 processes with a limit of %d: %v, %q", limit, err, out.String())
			}
			parent := pidsParent(cgroupRoot, readText("/proc/self/cgroup"))
			if _, err := os.Stat(groupDir(parent, p.id)); err == nil {
				t.Error("the control group is still there")
			}
		}
	})
}

func TestPidsParent(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for path, text := range map[string]string{
		"pids/own/cgroup.procs": "", "system.slice/cgroup.subtree_control": "cpu memory pids", "bare/cgroup.subtree_control": "cpu",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for own, want := range map[string]string{
		"9:name=systemd:/\n8:pids:/own\n0::/\n": "pids/own",
		"8:pids:/elsewhere\n":                   "",
		"8:pids:/../..\n":                       "",
		"0::/system.slice/opsbot.service\n":     "system.slice",
		"0::/bare/opsbot.service\n":             "",
		"0::/\n":                                "",
		"":                                      "",
	} {
		got := pidsParent(root, own)
		if want != "" {
			want = filepath.Join(root, want)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", own, got, want)
		}
	}
}

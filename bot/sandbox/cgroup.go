package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where control groups are mounted on every usual system.
const cgroupRoot = "/sys/fs/cgroup"

// groupPause is the pause between two tries to remove a group.
const groupPause = 10 * time.Millisecond

// ownThreads is what bubblewrap and exec-child themselves need beside the child.
const ownThreads = 24

// limitTree puts this process and all it starts into a control group that bounds
// their number. Linux does not apply RLIMIT_NPROC to root, so where OpsBot runs as
// root this is what stops a fork bomb. Where control groups can't be written there is
// no such limit; for an ordinary user none is needed.
func limitTree(id string, processes uint64) {
	if processes == 0 || os.Geteuid() != 0 {
		return
	}
	parent := pidsParent(cgroupRoot, readText("/proc/self/cgroup"))
	if parent == "" {
		return
	}
	dir := groupDir(parent, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return
	}
	limit := strconv.FormatUint(processes+ownThreads, 10)
	err := os.WriteFile(filepath.Join(dir, "pids.max"), []byte(limit), 0o600)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	if err != nil {
		_ = os.Remove(dir)
	}
}

// dropGroup removes the control group of a child that has ended. Killed processes
// may take a moment to leave it.
func dropGroup(id string) {
	parent := pidsParent(cgroupRoot, readText("/proc/self/cgroup"))
	if parent == "" || os.Geteuid() != 0 {
		return
	}
	for range 50 {
		if err := os.Remove(groupDir(parent, id)); !errors.Is(err, unix.EBUSY) {
			return // most children have none
		}
		<-time.After(groupPause)
	}
}

func groupDir(parent, id string) string { return filepath.Join(parent, "opsbot-"+id) }

// pidsParent returns the group in which one that bounds processes can be made: our
// own in version 1; in version 2, where a group with processes has no limited
// children, the one above ours. own is the text of /proc/self/cgroup.
func pidsParent(root, own string) string {
	unified := ""
	for line := range strings.Lines(own) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || strings.Contains(path, "..") {
			continue
		}
		if slices.Contains(strings.Split(controllers, ","), "pids") {
			return existing(filepath.Join(root, controllers, path))
		}
		if controllers == "" {
			unified = filepath.Join(root, filepath.Dir(path))
		}
	}
	if unified != "" && slices.Contains(strings.Fields(readText(filepath.Join(unified, "cgroup.subtree_control"))), "pids") {
		return unified
	}
	return ""
}

func existing(dir string) string {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

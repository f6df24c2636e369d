package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ChildVar is the environment variable by which Reap recognises what an unisolated
// child has started.
const ChildVar = "OPSBOT_CHILD"

// childFailed is exec-child's own exit status, the one shells use for a program
// that could not be executed.
const childFailed = 126

// ExecChild is the hidden command `exec-child`; args are what follows that word. It
// works only on descriptors that a Runner has passed to it. It returns an exit
// status, or doesn't return because it became the target. Call it before anything
// else in main.
//
//	start  outermost: record, then become bubblewrap or the target, or guard it
//	serve  in the sandbox: parent of an app, connects its port with OpsBot
//	enter  last: limits, folder, environment, become the target
//	files  a program of our own: see Files
func ExecChild(args []string, stderr io.Writer) int {
	if len(args) == 2 && args[0] == "files" {
		if err := serveFiles(args[1], os.Getenv("PORT")); err != nil { //nolint:forbidigo // how a service learns its port
			_, _ = fmt.Fprintln(stderr, "files:", err)
			return 1
		}
		return 0
	}
	if _, err := unix.FcntlInt(fdTarget, unix.F_GETFD, 0); len(args) != 1 || err != nil {
		_, _ = fmt.Fprintln(stderr, "exec-child: only OpsBot itself can call this")
		return childFailed
	}
	// The parent-death signals of what we start are bound to this thread.
	runtime.LockOSThread()
	status := os.NewFile(fdStatus, "status")
	unix.CloseOnExec(fdStatus)
	code, err := childMode(args[0], status)
	if err != nil {
		if _, e := status.WriteString(formatError(err)); e != nil {
			_, _ = fmt.Fprintln(stderr, "exec-child:", oneLine(err))
		}
	}
	return code
}

func childMode(mode string, status *os.File) (int, error) {
	switch mode {
	case "start":
		return childStart(status)
	case "serve":
		t, err := readTarget()
		if err != nil {
			return childFailed, err
		}
		return supervise(t, status, false)
	case "enter":
		t, err := readTarget()
		if err != nil {
			return childFailed, err
		}
		return childFailed, become(t, status)
	}
	return childFailed, fmt.Errorf("unknown mode %q", mode)
}

// childStart records this process and becomes what was ordered.
func childStart(status *os.File) (int, error) {
	var order startOrder
	if err := readFd(fdStart, &order); err != nil {
		return childFailed, err
	}
	if os.Getppid() != order.Parent {
		return childFailed, errors.New("its parent is gone")
	}
	if err := writeRecord(order); err != nil {
		return childFailed, err
	}
	limitTree(order.ID, order.Processes)
	if order.Way == wayBwrap {
		return childFailed, becomeBwrap(order)
	}
	t, err := readTarget()
	if err != nil {
		return childFailed, err
	}
	if order.Way == wayDirect {
		return childFailed, become(t, status)
	}
	if err := outliveNobody(order.Parent); err != nil {
		return childFailed, err
	}
	return supervise(t, status, true)
}

// becomeBwrap keeps the descriptors that the inner exec-child needs and executes
// bubblewrap, which keeps our pid and our parent-death signal.
func becomeBwrap(order startOrder) error {
	mode := "enter"
	keep := []uint{fdStatus, fdTarget, fdInfo}
	if order.Serve {
		mode = "serve"
		keep = append(keep, fdControl)
	}
	if err := closeOthers(); err != nil {
		return err
	}
	for _, fd := range keep {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keep descriptor %d: %w", fd, err)
		}
	}
	argv := append(slices.Clone(order.Bwrap), selfPath, "exec-child", mode)
	// bubblewrap's second process waits for the first one for ever when that is killed
	// in between, and has another pid than the record: the marker lets Reap find it.
	// The target gets an environment of its own.
	err := unix.Exec(argv[0], argv, []string{"PATH=" + defaultPath, ChildVar + "=" + order.ID})
	return fmt.Errorf("execute %s: %w", argv[0], err)
}

// outliveNobody makes the parent's death arrive as HUP, so that a guard can end
// what it started, and makes orphans of the target the guard's own.
func outliveNobody(parent int) error {
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGHUP), 0, 0, 0); err != nil {
		return fmt.Errorf("set parent-death signal: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("its parent is gone")
	}
	return nil
}

// become applies limits and executes the target; it returns only on error.
func become(t target, status *os.File) error {
	argv := t.Args
	if t.Self {
		argv = append([]string{"/proc/self/exe"}, t.Args...)
	}
	if err := os.Chdir(t.Dir); err != nil {
		return fmt.Errorf("enter working folder: %w", err)
	}
	path, err := lookup(argv[0], t.Env)
	if err != nil {
		return err
	}
	if err := setLimits(t.Limits); err != nil {
		return err
	}
	if err := closeOthers(); err != nil {
		return err
	}
	if _, err := status.WriteString("exec\n"); err != nil {
		return fmt.Errorf("report start: %w", err)
	}
	return fmt.Errorf("execute %s: %w", path, execute(path, argv, t.Env))
}

// execute is exec, again for a while as long as the file is open for writing: a
// program that was written a moment ago may still be, in a process that OpsBot was
// just starting when it was written. It returns only on error.
func execute(path string, argv, env []string) error {
	end := time.After(busyWait)
	for {
		err := unix.Exec(path, argv, env)
		if !errors.Is(err, unix.ETXTBSY) {
			return err
		}
		select { // nobody tells
		case <-end:
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// busyWait bounds the wait for a file that is open for writing.
const busyWait = 2 * time.Second

// closeOthers lets no descriptor above stderr survive the next exec, whoever opened it.
func closeOthers() error {
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close descriptors: %w", err)
	}
	return nil
}

// lookup finds program on the PATH of env.
func lookup(program string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		return program, executable(program)
	}
	search := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = v
		}
	}
	for _, dir := range filepath.SplitList(search) {
		if dir == "" {
			dir = "."
		}
		path := filepath.Join(dir, program)
		if executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w %s", program, exec.ErrNotFound, search)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable", path)
	}
	return nil
}

// setLimits sets soft and hard limits of this process and all it becomes.
func setLimits(l Limits) error {
	set := []struct {
		name     string
		resource int
		value    uint64
		always   bool
	}{
		{"core size", unix.RLIMIT_CORE, 0, true},
		{"processes", unix.RLIMIT_NPROC, l.Processes, false},
		{"file size", unix.RLIMIT_FSIZE, l.FileSize, false},
		{"memory", unix.RLIMIT_DATA, l.Memory, false},
		{"open files", unix.RLIMIT_NOFILE, l.OpenFiles, false},
	}
	for _, s := range set {
		if s.value == 0 && !s.always {
			continue
		}
		if err := lowerLimit(s.resource, s.value); err != nil {
			return fmt.Errorf("limit %s to %d: %w", s.name, s.value, err)
		}
	}
	return nil
}

// lowerLimit sets a limit, but never above the one that is already in force.
func lowerLimit(resource int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	value = min(value, now.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
}

func readTarget() (target, error) {
	var t target
	return t, readFd(fdTarget, &t)
}

// readFd decodes the order that was passed on a descriptor.
func readFd(fd uintptr, v any) error {
	f := os.NewFile(fd, "order")
	defer f.Close()
	if err := json.NewDecoder(f).Decode(v); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	return nil
}

// memFile returns an unnamed file in memory.
func memFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate("opsbot-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create memory file: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// exitStatus is what a shell would report for the status of a child.
func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// way is how a child is kept: executed in place (trusted), inside bubblewrap, or
// below a guarding exec-child (isolation asked for, but allowed to be missing).
type way int

const (
	wayDirect way = iota
	wayBwrap
	wayGuard
)

// Descriptors that exec-child inherits, in this order after stdin, stdout, stderr.
const (
	fdStart   = 3 // startOrder as JSON
	fdStatus  = 4 // status lines back to OpsBot
	fdTarget  = 5 // target as JSON
	fdInfo    = 6 // what bubblewrap tells about the sandbox
	fdControl = 7 // connections to a service
)

// startOrder tells the outermost exec-child what to do before the target begins.
type startOrder struct {
	Record string   // path of the record to write
	Parent int      // pid that must be the parent
	Name   string   // for the record
	ID     string   // value of ChildVar, for the record
	Way    way      //
	Bwrap  []string // command line up to the inner command
	Serve  bool     // the target is a service
	// Processes bounds the whole tree; 0 means that it is not bounded.
	Processes uint64
	Grace     time.Duration // between TERM and KILL
}

// target is the program to execute, as the last exec-child sees it.
type target struct {
	Args    []string
	Self    bool
	Dir     string
	Env     []string
	Limits  Limits
	PortVar string // for a service
	Private bool   // the network is the child's own, so that any port is free
	Grace   time.Duration
}

type launched struct {
	process    *Process
	statusPipe *os.File
	infoPipe   *os.File
}

// launch forks exec-child with its orders.
func (r *Runner) launch(ctx context.Context, s Spec) (*launched, error) {
	w, err := r.wayOf(s)
	if err != nil {
		return nil, err
	}
	id := rand.Text()
	order := startOrder{
		Record: recordPath(r.state, id), Parent: os.Getpid(), Name: s.Name, ID: id,
		Way: w, Serve: s.Service != nil, Grace: graceOf(s), Processes: s.Limits.Processes,
	}
	if w == wayBwrap {
		order.Bwrap = r.bwrapArgs(s.Isolation)
	}
	fds, err := openFds(order, targetOf(s, w, id), s.Service != nil)
	if err != nil {
		return nil, err
	}
	defer fds.closeChildEnds()
	p := &Process{
		name: s.Name, id: id, record: order.Record, way: w, service: order.Serve, grace: order.Grace, control: fds.control,
		status: statusLine{done: make(chan struct{})},
		stop:   make(chan struct{}), exited: make(chan struct{}), done: make(chan struct{}),
	}
	p.prepare(ctx, r.exe, s, fds.child)
	if err := r.onSpawner(p.cmd.Start); err != nil {
		fds.closeOwnEnds()
		return nil, err
	}
	return &launched{process: p, statusPipe: fds.status, infoPipe: fds.info}, nil
}

// wayOf decides how the child is kept, or why it cannot be.
func (r *Runner) wayOf(s Spec) (way, error) {
	if len(s.Args) == 0 && !s.Self {
		return 0, errors.New("there is no program to start")
	}
	if s.Isolation == nil {
		if s.Service != nil {
			return wayGuard, nil
		}
		return wayDirect, nil
	}
	for _, m := range slices.Concat(s.Isolation.ReadOnly, s.Isolation.ReadWrite) {
		if !filepath.IsAbs(m.Host) || !filepath.IsAbs(m.inside()) {
			return 0, fmt.Errorf("mount %q is not absolute", m.Host)
		}
	}
	err := r.Available()
	if err == nil {
		return wayBwrap, nil
	}
	if !r.unsafe {
		return 0, err
	}
	return wayGuard, nil
}

func graceOf(s Spec) time.Duration {
	if s.Grace > 0 {
		return s.Grace
	}
	return defaultGrace
}

func targetOf(s Spec, w way, id string) target {
	t := target{
		Args: s.Args, Self: s.Self, Dir: s.Dir, Env: slices.Clone(s.Env), Limits: s.Limits,
		Private: w == wayBwrap && s.Isolation.Network == NetworkNone, Grace: graceOf(s),
	}
	if t.Dir == "" {
		t.Dir = "/"
	}
	t.Env = withDefault(t.Env, "PATH", pathDefault())
	if w == wayBwrap {
		t.Env = withDefault(t.Env, "HOME", homePath)
	} else {
		t.Env = append(t.Env, ChildVar+"="+id)
	}
	if s.Service != nil {
		t.PortVar = s.Service.PortVar
		if t.PortVar == "" {
			t.PortVar = "PORT"
		}
	}
	return t
}

func withDefault(env []string, key, value string) []string {
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, key+"=") }) {
		return env
	}
	return append(env, key+"="+value)
}

// prepare builds the command. Setsid makes the child lead its own session and
// group; Pdeathsig ends it with us from its first moment on.
func (p *Process) prepare(ctx context.Context, exe string, s Spec, files []*os.File) {
	// The context's end is handled by watch, which knows how to stop gently.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), exe, "exec-child", "start")
	p.cmd.Env = []string{"PATH=" + defaultPath}
	p.cmd.Dir = "/"
	p.cmd.Stdin = s.Stdin
	p.cmd.ExtraFiles = files
	p.cmd.WaitDelay = pipeDelay
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	stdout := newDrain(s.Stdout)
	p.outputs = []*drain{stdout}
	p.cmd.Stdout, p.cmd.Stderr = stdout, stdout
	if !sameWriter(s.Stdout, s.Stderr) {
		stderr := newDrain(s.Stderr)
		p.cmd.Stderr = stderr
		p.outputs = []*drain{stderr, stdout}
	}
}

// childFds are the descriptors shared with exec-child.
type childFds struct {
	child   []*os.File
	status  *os.File
	info    *os.File
	control *controlSocket
}

func openFds(order startOrder, t target, service bool) (*childFds, error) {
	orderFile, err := jsonFile("order", order)
	if err != nil {
		return nil, err
	}
	targetFile, err := jsonFile("target", t)
	if err != nil {
		_ = orderFile.Close()
		return nil, err
	}
	fds := &childFds{child: []*os.File{orderFile}}
	var statusWrite, infoWrite *os.File
	if fds.status, statusWrite, err = os.Pipe(); err != nil {
		_ = targetFile.Close()
		fds.closeChildEnds()
		return nil, fmt.Errorf("create status pipe: %w", err)
	}
	fds.child = append(fds.child, statusWrite, targetFile)
	if fds.info, infoWrite, err = os.Pipe(); err != nil {
		fds.closeChildEnds()
		fds.closeOwnEnds()
		return nil, fmt.Errorf("create information pipe: %w", err)
	}
	fds.child = append(fds.child, infoWrite)
	if !service {
		return fds, nil
	}
	control, remote, err := newControlSocket()
	if err != nil {
		fds.closeChildEnds()
		fds.closeOwnEnds()
		return nil, err
	}
	fds.control = control
	fds.child = append(fds.child, remote)
	return fds, nil
}

func (f *childFds) closeChildEnds() {
	for _, c := range f.child {
		_ = c.Close()
	}
}

func (f *childFds) closeOwnEnds() {
	_ = f.status.Close()
	_ = f.info.Close() // safe for nil
	if f.control != nil {
		f.control.close()
	}
}

// jsonFile returns an unnamed file in memory that holds v. Orders carry secrets of
// projects, so they go neither on a command line nor to a disk.
func jsonFile(name string, v any) (*os.File, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	f, err := memFile(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("rewind %s: %w", name, err)
	}
	return f, nil
}

// Package sandbox starts the child processes of OpsBot: its own helpers (git),
// and the builds and apps of others, which run in bubblewrap.
//
// Every child begins as OpsBot's own binary, re-executed as `opsbot exec-child`
// (see ExecChild): it leads its own session, dies with its parent, and writes its
// pid and start time into the state folder before the target is executed, so that
// Reap can end what a killed OpsBot left behind. A child sees only the
// environment, mounts and descriptors it was given.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// ErrNoSandbox is returned by Start when a Spec asks for isolation that this
// machine cannot give and the operator has not allowed running without it. The
// wrapping error says why in a sentence for the operator.
var ErrNoSandbox = errors.New("no sandbox")

// Options configure a Runner.
type Options struct {
	// StateDir holds one record per living child. It is created with mode 0700.
	// Two Runners must not share it while one of them calls Reap.
	StateDir string
	// Exe is OpsBot's own binary; empty means the running one.
	Exe string
	// Bwrap is the bubblewrap program; empty means the first one on the usual
	// system paths.
	Bwrap string
	// Unsafe allows children that asked for isolation to run without it when
	// bubblewrap does not work here. Set only from the operator's configuration.
	Unsafe bool
}

// Runner starts children. It is safe for concurrent use.
type Runner struct {
	state  string
	exe    string
	bwrap  string
	unsafe bool
	spawns chan func()
	closed chan struct{}
	close  sync.Once
	probe  func() probed
}

// Spec describes one child.
type Spec struct {
	// Name says in records and errors what this is, such as "build shop/main #3".
	Name string
	// Args is the program and its arguments. A program without a slash is looked
	// up on the PATH of Env, inside the sandbox.
	Args []string
	// Self runs OpsBot's own binary with Args as its arguments.
	Self bool
	// Dir is the working directory as the child sees it; empty means "/".
	Dir string
	// Env is the whole environment. Only when they are missing, PATH and, in a
	// sandbox, HOME get defaults; unisolated children also get ChildVar.
	Env []string
	// Stdin is what the child reads; nil means nothing.
	Stdin io.Reader
	// Stdout and Stderr receive the output; nil discards it. The caller bounds
	// them. A writer that fails loses the rest of the output but does not disturb
	// the child. When both are the same writer the order of writes is kept.
	Stdout, Stderr io.Writer
	// Isolation puts the child into bubblewrap; nil is for trusted programs only.
	Isolation *Isolation
	// Service makes the child reachable through Process.Dial.
	Service *Service
	// Limits bound what the child may use.
	Limits Limits
	// Grace is the time between TERM and KILL when the child is stopped; 0 means
	// ten seconds.
	Grace time.Duration
}

// Isolation is what a child in bubblewrap can see besides the system's programs,
// which are always mounted read-only.
type Isolation struct {
	// ReadOnly and ReadWrite are the caller's own mounts. Their host paths are
	// followed through symbolic links, so no part of them may be under the control
	// of a sandboxed child.
	ReadOnly, ReadWrite []Mount
	// Network gives the child a network; the zero value gives it a loopback of its
	// own and nothing else.
	Network Network
	// TmpSize bounds each of /tmp, /dev/shm and HOME, in bytes; 0 means 1 GiB.
	TmpSize int64
}

// Mount shows one host file or folder to a child.
type Mount struct {
	// Host is the absolute path outside.
	Host string
	// Inside is the absolute path in the sandbox; empty means the same as Host.
	// Without isolation (Options.Unsafe) children see Host paths only.
	Inside string
}

func (m Mount) inside() string {
	if m.Inside == "" {
		return m.Host
	}
	return m.Inside
}

// Network says which network a sandboxed child has.
type Network int

const (
	// NetworkNone is a private loopback interface.
	NetworkNone Network = iota
	// NetworkHost is the machine's own network with its resolver. Only for an
	// operator who asked for it: the child reaches every port of this machine.
	NetworkHost
)

// Service describes a child that listens on a TCP port.
type Service struct {
	// PortVar is the environment variable that tells the app its port; empty means
	// PORT.
	PortVar string
}

// Limits bound one child. Zero means no limit of our own. Core dumps are always off.
type Limits struct {
	// Processes counts processes and threads of the sandbox. When OpsBot runs as root
	// it takes a control group to enforce it; where none can be made it isn't.
	Processes uint64
	// FileSize is the largest file the child may write, in bytes.
	FileSize uint64
	// Memory bounds the private data of each process, in bytes.
	Memory uint64
	// OpenFiles counts the descriptors of each process.
	OpenFiles uint64
}

// New returns a Runner whose records lie in o.StateDir. Nothing is started and
// nothing is reaped.
func New(o Options) (*Runner, error) {
	if o.StateDir == "" {
		return nil, errors.New("sandbox: state folder is not set")
	}
	state, err := filepath.Abs(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("sandbox: state folder %s: %w", o.StateDir, err)
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: create state folder: %w", err)
	}
	exe := o.Exe
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("sandbox: find own binary: %w", err)
		}
	}
	r := &Runner{
		state: state, exe: exe, bwrap: findBwrap(o.Bwrap), unsafe: o.Unsafe,
		spawns: make(chan func()), closed: make(chan struct{}),
	}
	r.probe = sync.OnceValue(r.tryBwrap)
	if err := r.writeEtc(); err != nil {
		return nil, err
	}
	go r.spawner()
	return r, nil
}

// Close lets no more children start. Running ones go on; stop them first.
func (r *Runner) Close() {
	r.close.Do(func() { close(r.closed) })
}

// Available returns nil when children can be isolated here, else an error that
// wraps ErrNoSandbox and tells the operator what is missing. The first call tries
// bubblewrap; later ones repeat its answer.
func (r *Runner) Available() error { return r.probe().err }

// Unsafe reports whether children that ask for isolation run without it, so that
// callers can say so.
func (r *Runner) Unsafe() bool { return r.unsafe && r.Available() != nil }

// spawner runs every fork on one OS thread that never ends: Linux sends the
// parent-death signal when the forking thread dies, not the process.
func (r *Runner) spawner() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case f := <-r.spawns:
			f()
		case <-r.closed:
			return
		}
	}
}

// onSpawner runs f on the spawner's thread.
func (r *Runner) onSpawner(f func() error) error {
	done := make(chan error, 1)
	select {
	case r.spawns <- func() { done <- f() }:
		return <-done
	case <-r.closed:
		return errors.New("sandbox: runner is closed")
	}
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"opsbot/bot"
)

const (
	defaultGrace = 10 * time.Second
	startTime    = 60 * time.Second
	// pipeDelay bounds the wait for output pipes that an escaped grandchild of an
	// unisolated child may hold open.
	pipeDelay = 2 * time.Second
	// sandboxGone bounds the wait for the kernel to end a sandbox.
	sandboxGone = 30 * time.Second
	// guardExtra is how much later than exec-child itself we resort to KILL.
	guardExtra = 2 * time.Second
)

// Result is how a child ended.
type Result struct {
	// ExitCode is the exit status; a child ended by a signal has 128 plus its number,
	// as in a shell.
	ExitCode int
	// Signal is the signal that ended the child, taken from the exit status; 0 if none.
	Signal syscall.Signal
	// Cancelled is true when the context or Stop asked the child to end.
	Cancelled bool
	// OutputErr is the first error of the writers given for output.
	OutputErr error
}

// Process is a started child. It is safe for concurrent use.
type Process struct {
	cmd     *exec.Cmd
	name    string
	id      string
	record  string
	way     way
	service bool
	grace   time.Duration
	control *controlSocket
	outputs []*drain
	status  statusLine

	stop     chan struct{}
	stopOnce sync.Once
	exited   chan struct{}
	done     chan struct{}
	result   Result
	err      error
}

// PID is the process id of the child's outermost process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child and everything it started in its sandbox is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop asks the child to end: TERM, after the grace KILL. It returns at once.
func (p *Process) Stop() { p.stopOnce.Do(func() { close(p.stop) }) }

// Wait returns how the child ended. The error is not nil only if the child could
// not be executed or watched; a failing child is a Result.
func (p *Process) Wait() (Result, error) {
	<-p.done
	return p.result, p.err
}

// Dial connects to the port of a Service child. A child that doesn't listen yet
// closes the connection at once.
func (p *Process) Dial(ctx context.Context) (net.Conn, error) {
	if p.control == nil {
		return nil, fmt.Errorf("sandbox: dial %s: it was not started as a service", p.name)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sandbox: dial %s: %w", p.name, err)
	}
	conn, err := p.control.dial()
	if err != nil {
		return nil, fmt.Errorf("sandbox: dial %s: %w", p.name, err)
	}
	return conn, nil
}

// Run starts a child and waits for its end.
func (r *Runner) Run(ctx context.Context, s Spec) (Result, error) {
	p, err := r.Start(ctx, s)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// Start starts a child and returns once its program is being executed. When ctx
// ends the child gets TERM and, after its grace, KILL.
func (r *Runner) Start(ctx context.Context, s Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sandbox: start %s: %w", s.Name, err)
	}
	if bot.InTransaction(ctx) {
		return nil, fmt.Errorf("sandbox: start %s: inside a transaction", s.Name)
	}
	l, err := r.launch(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("sandbox: start %s: %w", s.Name, err)
	}
	p := l.process
	go p.watch(ctx, l.infoPipe)
	first := make(chan error, 1)
	go func() { first <- p.status.awaitExec(l.statusPipe) }()
	select {
	case err = <-first:
	case <-time.After(startTime):
		err = errors.New("it did not begin in time")
	}
	if err != nil {
		p.Stop()
		<-p.done
		return nil, fmt.Errorf("sandbox: start %s: %w", s.Name, p.startError(ctx, err))
	}
	for _, o := range p.outputs {
		o.forget()
	}
	return p, nil
}

// startError prefers what the child said about its start over how we noticed.
func (p *Process) startError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused *execError
	if errors.As(err, &refused) {
		return err
	}
	for _, o := range p.outputs {
		if said := strings.TrimSpace(o.said()); said != "" {
			return errors.New(said)
		}
	}
	return err
}

// watch ends the child when it is asked to, waits for it and cleans up after it.
func (p *Process) watch(ctx context.Context, info *os.File) {
	defer close(p.done)
	inside := make(chan func(), 1)
	go func() { inside <- openSandbox(info) }()
	go p.awaitExit()
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.end()
	case <-p.stop:
		p.end()
	}
	if p.way != wayBwrap {
		// What stayed in the group of an unisolated child ends with it. The zombie
		// still holds the id, so it cannot be another's group.
		_ = unix.Kill(-p.PID(), unix.SIGKILL)
	}
	(<-inside)()
	err := p.cmd.Wait()
	if p.control != nil {
		p.control.close()
	}
	_ = os.Remove(p.record)
	dropGroup(p.id)
	p.result.ExitCode, p.result.Signal = exitOf(p.cmd.ProcessState)
	for _, o := range p.outputs {
		p.result.OutputErr = errors.Join(p.result.OutputErr, o.failure())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		p.err = fmt.Errorf("sandbox: wait for %s: %w", p.name, err)
	}
	if late := p.status.late(); late != nil {
		p.err = fmt.Errorf("sandbox: start %s: %w", p.name, late)
	}
}

// openSandbox reads what bubblewrap tells about itself and returns a function that
// waits until the first process of the sandbox is gone, which is the last one to
// end. Bubblewrap's outer process, which we started, ends a little earlier.
func openSandbox(info *os.File) func() {
	defer info.Close()
	var about struct {
		PID int `json:"child-pid"`
	}
	nothing := func() {}
	if err := json.NewDecoder(info).Decode(&about); err != nil {
		return nothing // not a sandbox, or one that could not be made
	}
	fd, err := unix.PidfdOpen(about.PID, 0)
	if err != nil {
		return nothing
	}
	return func() {
		awaitPidfd(fd, sandboxGone)
		_ = unix.Close(fd)
	}
}

// awaitExit closes exited when the child is a zombie, without reaping it.
func (p *Process) awaitExit() {
	defer close(p.exited)
	for {
		err := unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// end asks the child to stop, waits for its grace and kills what is left.
func (p *Process) end() {
	p.result.Cancelled = true
	p.terminate()
	grace := p.grace
	if p.way == wayGuard {
		grace += guardExtra
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		killTree(p.PID())
		<-p.exited
	}
}

// terminate sends TERM to each process that should have it exactly once.
func (p *Process) terminate() {
	switch p.way {
	case wayDirect:
		_ = unix.Kill(-p.PID(), unix.SIGTERM)
	case wayGuard:
		_ = unix.Kill(p.PID(), unix.SIGTERM)
	case wayBwrap:
		terminateSandbox(p.PID(), p.service)
	}
}

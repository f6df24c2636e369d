package engine

import (
	"context"
	"errors"
	"time"
)

// scopeOfStop is a part of the run that can be interrupted: the run itself, the
// body of a timeout, a branch of a parallel stage.
type scopeOfStop struct {
	parent  *scopeOfStop
	pending *Interruption // came while no step was running
	done    bool          // a branch that has ended; of who holds the interpreter
}

// within reports whether s is other or inside of it.
func (s *scopeOfStop) within(other *scopeOfStop) bool {
	for ; s != nil; s = s.parent {
		if s == other {
			return true
		}
	}
	return false
}

// running is a step that waits for the world.
type running struct {
	scope  *scopeOfStop
	cancel context.CancelCauseFunc
	// onStop is what the step says when it is interrupted; beforehand, that it says
	// so before the log tells by whom.
	onStop     string
	beforehand bool
}

// interrupt ends the steps that run inside scope; if none does, the next one that
// starts there. Like in Jenkins it is over with that: what runs afterwards, a
// post block above all, is not touched.
func (r *run) interrupt(scope *scopeOfStop, why Interruption) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var hit []*running
	for s := range r.steps {
		if s.scope.within(scope) {
			hit = append(hit, s)
		}
	}
	r.announce(hit, true)
	if why.By != "" {
		r.console.say("Aborted by " + why.By)
	}
	r.announce(hit, false)
	for _, s := range hit {
		s.cancel(interrupted(why))
	}
	if len(hit) == 0 {
		scope.pending = &why
	}
}

func (r *run) announce(steps []*running, beforehand bool) {
	for _, s := range steps {
		if s.onStop != "" && s.beforehand == beforehand {
			r.console.say(s.onStop)
		}
	}
}

// begin starts a wait: it lets other branches interpret until end is called. The
// context ends when the step is interrupted; its cause is then the *Failure.
func (f frame) begin(onStop string, beforehand bool) (ctx context.Context, end func(), err error) {
	r := f.run
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.ctx))
	s := &running{scope: f.stops, cancel: cancel, onStop: onStop, beforehand: beforehand}
	// In one go: what comes in between would find neither a step nor who looks.
	r.mu.Lock()
	if err := f.taken(); err != nil {
		r.mu.Unlock()
		cancel(nil)
		return nil, nil, err
	}
	r.steps[s] = true
	r.mu.Unlock()
	r.interpreter.Unlock()
	return ctx, func() {
		r.mu.Lock()
		delete(r.steps, s)
		r.mu.Unlock()
		r.interpreter.Lock()
		cancel(nil)
	}, nil
}

// checkpoint takes an interruption that came while nothing was running.
func (f frame) checkpoint() error {
	f.run.mu.Lock()
	defer f.run.mu.Unlock()
	return f.taken()
}

// taken is checkpoint for who holds the lock of the steps.
func (f frame) taken() error {
	if f.run.cut {
		return ErrCutOff
	}
	for s := f.stops; s != nil; s = s.parent {
		if why := s.pending; why != nil {
			s.pending = nil
			return interrupted(*why)
		}
	}
	return nil
}

// watch waits for the run's context to end.
func (r *run) watch(done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-r.ctx.Done():
	}
	if stop := stopOf(r.ctx); stop != nil {
		r.interrupt(r.root, Interruption{By: stop.By, Superseded: stop.Superseded})
		return
	}
	r.cutOff()
}

// cutOff ends the run without a result.
func (r *run) cutOff() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	for s := range r.steps {
		s.cancel(ErrCutOff)
	}
}

// cutBy cuts the run off if the host says so by the error of a call.
func (r *run) cutBy(err error) {
	if errors.Is(err, ErrCutOff) {
		r.cutOff()
	}
}

// withTimeout runs body and interrupts it after d. The timeout strikes once.
func (f frame) withTimeout(d time.Duration, body func(frame) error) error {
	r := f.run
	r.console.say("Timeout set to expire in " + timeSpan(d))
	scope := &scopeOfStop{parent: f.stops}
	over, gone := make(chan struct{}), make(chan struct{})
	expired := r.clock.After(d)
	go func() {
		defer close(gone)
		select {
		case <-over:
		case <-expired:
			r.console.say("Cancelling nested steps due to timeout")
			r.interrupt(scope, Interruption{Timeout: true, scope: scope})
		}
	}()
	f.stops = scope
	err := body(f)
	close(over)
	<-gone
	return confine(err, scope)
}

// confine marks the interruption by a timeout that has ended.
func confine(err error, timeout *scopeOfStop) error {
	var failure *Failure
	if errors.As(err, &failure) && failure.Stopped != nil && failure.Stopped.scope == timeout {
		failure.Stopped.confined = true
	}
	return err
}

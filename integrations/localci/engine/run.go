package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
)

// Run runs a parsed Jenkinsfile to its end. Cancelling ctx with a *Stop as cause
// stops the build as a person would; with another cause the run is cut off as
// soon as its steps have ended, without post. It never panics on what a
// Jenkinsfile does.
func Run(ctx context.Context, file *jenkinsfile.File, build Build, host Host, clock bot.Clock) Outcome {
	r := &run{
		ctx: ctx, build: build, host: host, clock: clock, file: file,
		console: &console{sink: host.Line, now: clock.Now}, env: map[string]string{}, steps: map[*running]bool{},
		outcome: Outcome{DisplayName: "#" + build.environment()["BUILD_NUMBER"]},
	}
	r.root = &scopeOfStop{}
	r.started = clock.Now()
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(done) })
	r.interpreter.Lock()
	r.base = r.baseEnvironment() //nolint:contextcheck // each step has a context of its own, from begin
	r.hidePasswords()
	err := r.program() //nolint:contextcheck // each step has a context of its own, from begin
	r.interpreter.Unlock()
	close(done)
	watching.Wait()
	r.finish(err)
	return r.outcome
}

// run is the state of one run. All but console and what mu guards belongs to who
// holds the interpreter.
type run struct {
	ctx     context.Context //nolint:containedctx // a run is one call
	build   Build
	host    Host
	clock   bot.Clock
	file    *jenkinsfile.File
	console *console
	root    *scopeOfStop

	base        map[string]string // of every step
	interpreter sync.Mutex
	outcome     Outcome
	env         map[string]string // set by env.X = ...
	failFast    bool
	skipAfterUnstable,
	skipCheckout bool
	subdirectory string
	loops        int
	started      time.Time

	mu    sync.Mutex
	steps map[*running]bool
	cut   bool
}

// baseEnvironment is the build's own environment. The defaults of parameters are
// in it from the second build on: in the first the job doesn't know them yet.
func (r *run) baseEnvironment() map[string]string {
	env := r.build.environment()
	if r.file.Pipeline == nil || r.file.Pipeline.Parameters == nil || r.build.Number < 2 {
		return env
	}
	f := frame{run: r, vars: newVars(nil), stops: r.root}
	for _, call := range r.file.Pipeline.Parameters.Calls {
		if name, ok := constant(call.Argument("name", false)).(string); ok {
			env[name] = toString(f.parameter(name))
		}
	}
	return env
}

// hidePasswords masks the values given to parameters that are passwords.
func (r *run) hidePasswords() {
	declared, _ := r.file.Pipeline.Declared()
	for _, p := range declared {
		if p.Kind == "password" {
			r.console.hide(r.build.Parameters[p.Name])
		}
	}
}

// program runs the file from top to bottom, or to a return outside of methods.
func (r *run) program() error {
	f := frame{run: r, vars: newVars(nil), stops: r.root}
	f.hoist(r.file.Body)
	for i, s := range r.file.Body {
		if i == r.file.At {
			if err := r.pipeline(f, r.file.Pipeline); err != nil {
				return err
			}
			continue
		}
		end, err := f.exec(s)
		if err != nil || end.kind == flowReturn {
			return err
		}
	}
	return nil
}

// finish writes the end of the log and settles the result.
func (r *run) finish(err error) {
	if r.isCut() || errors.Is(err, ErrCutOff) {
		r.outcome.Incomplete, r.outcome.Result = true, ""
		return
	}
	if err != nil {
		f := asFailure(err)
		r.worsen(f.result())
		if line := f.line(); line != "" {
			r.console.say(line)
		}
		shown := *f
		shown.Message = r.console.mask(f.Message)
		r.outcome.Failure = &shown
	}
	r.outcome.DisplayName, r.outcome.Description = r.console.mask(r.outcome.DisplayName), r.console.mask(r.outcome.Description)
	if r.outcome.Result == "" {
		r.outcome.Result = Success
	}
	r.console.say("Finished: " + string(r.outcome.Result))
}

// worsen sets the build's result unless it is as bad already.
func (r *run) worsen(result Result) {
	if r.outcome.Result == "" || result.Worse(r.outcome.Result) {
		r.outcome.Result = result
	}
}

// worsenFor is worsen for a failure; one that failFast made of another branch is
// not the build's.
func (r *run) worsenFor(err error) {
	f := asFailure(err)
	if f.Stopped == nil || !f.Stopped.FailFast {
		r.worsen(f.result())
	}
}

// isCut reports whether the run was cut off.
func (r *run) isCut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut
}

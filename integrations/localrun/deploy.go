package localrun

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"opsbot/bot"
)

// The steps of a deployment, in our own words.
const (
	stepStarted  = "StartInstance"
	stepSwitched = "SwitchTraffic"
)

// deploy carries out a deployment from its beginning to its end. When ctx ends
// before, it is left as it is: the next run begins it again. A nil error means that
// the deployment is over.
func (w *worker) deploy(ctx context.Context, a *appDoc, d *deploymentDoc) error {
	next, err := w.begin(ctx, a, d.Release)
	if ctx.Err() != nil {
		next.stop()
		return ctx.Err()
	}
	if noSpace(err) {
		return w.awaitSpace(ctx, d.ID, err)
	}
	if err != nil {
		return w.settle(ctx, d.ID, bot.DeploymentFailed, oneLine(err.Error()))
	}
	if err := w.progress(ctx, d.ID, bot.DeploymentApplying, stepStarted); err != nil {
		next.stop()
		return err
	}
	before := w.current
	route := w.s.proxy.Switch(w.host, next.route())
	w.current = next
	// The old instance finishes its requests while the new one is watched.
	drained := make(chan struct{})
	w.ending.Go(func() { defer close(drained); w.drain(ctx, route) })
	endBefore := func() { w.ending.Go(func() { <-drained; before.stop() }) }
	if err := w.progress(ctx, d.ID, bot.DeploymentWatching, stepSwitched); err != nil {
		endBefore()
		return err
	}
	err = w.watch(ctx, next)
	if err != nil && ctx.Err() == nil {
		w.goBack(ctx, before, endBefore)
		state := bot.DeploymentRolledBack
		if a.Desired == nil {
			state = bot.DeploymentFailed // there is nothing to go back to
		}
		return w.settle(ctx, d.ID, state, oneLine("it did not stay healthy: "+err.Error()))
	}
	endBefore()
	if err != nil {
		return err
	}
	return w.settle(ctx, d.ID, bot.DeploymentSucceeded, "")
}

// noSpace reports whether err says that a file or the store can't be written now.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || bot.CodeOf(err) == bot.CodeStorageFull
}

// awaitSpace leaves a deployment open that met a full disk, and says so once if that
// can be written; the worker begins it again after a pause.
func (w *worker) awaitSpace(ctx context.Context, id string, why error) error {
	text := "Waiting for disk space. Free some in " + w.s.env.Dir + "; the deployment then goes on by itself"
	err := w.s.change(ctx, id, func(_ *bot.Tx, _ *appDoc, d *deploymentDoc) error {
		if d.Message != text {
			d.Message = text
			w.s.env.Log.Warn("deployment waits for disk space", "deployment", id, "error", why)
		}
		return nil
	})
	if errors.Is(err, errGone) {
		return err
	}
	return why
}

// watch returns nil when the instance stayed healthy for the watch window.
func (w *worker) watch(ctx context.Context, i *instance) error {
	end := w.s.env.Clock.Now().Add(w.s.config.Watch)
	failures := 0
	for w.s.env.Clock.Now().Before(end) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-i.proc.Done():
		case <-w.s.env.Clock.After(w.s.poll):
		}
		err := i.check(ctx)
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures >= sick || !i.alive() {
			return err
		}
	}
	return nil
}

// goBack puts the instance that ran before in the place of one that did not stay
// healthy, if it still runs.
func (w *worker) goBack(ctx context.Context, before *instance, endBefore func()) {
	bad := w.current
	if !before.alive() {
		w.current = nil
		w.retire(ctx, w.s.proxy.Switch(w.host, nil), bad)
		endBefore()
		return
	}
	w.current = before
	w.retire(ctx, w.s.proxy.Switch(w.host, before.route()), bad)
}

// progress records a completed step. Only errGone is an error: a store that can't be
// written now must not decide about a healthy app.
func (w *worker) progress(ctx context.Context, id string, state bot.DeploymentState, step string) error {
	err := w.record(ctx, id, state, step)
	if err == nil || errors.Is(err, errGone) {
		return err
	}
	w.s.env.Log.Warn("a step of a deployment can't be stored", "deployment", id, "step", step, "error", err)
	return nil
}

func (w *worker) record(ctx context.Context, id string, state bot.DeploymentState, step string) error {
	return w.s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var d deploymentDoc
		rev, err := w.s.get(ctx, tx, kindDeployment, id, &d)
		if err != nil || rev == 0 {
			return errors.Join(err, gone(rev))
		}
		d.State = state
		if slices.Contains(d.Steps, step) { // told before an interruption
			return w.s.put(ctx, tx, kindDeployment, id, rev, d)
		}
		d.Steps = append(d.Steps, step)
		var a appDoc
		if rev, err := w.s.get(ctx, tx, kindApp, w.key, &a); err != nil || rev == 0 {
			return errors.Join(err, gone(rev))
		}
		if err := w.s.put(ctx, tx, kindDeployment, id, rev, d); err != nil {
			return err
		}
		return w.s.emit(ctx, tx, &a, &d, bot.EventServiceProgress, step)
	})
}

// settle ends a deployment and tells of it, both or neither. A store that can't be
// written is asked again until it can: the outcome must not be lost.
func (w *worker) settle(ctx context.Context, id string, state bot.DeploymentState, why string) error {
	w.log.Printf("%s deployment %s %s %s", w.s.env.Clock.Now().Format(time.RFC3339), id, state, why)
	for {
		err := w.s.change(ctx, id, func(tx *bot.Tx, a *appDoc, d *deploymentDoc) error {
			return w.conclude(ctx, tx, a, d, state, why)
		})
		if err == nil || errors.Is(err, errGone) || ctx.Err() != nil {
			w.s.collect(ctx)
			return err
		}
		w.s.env.Log.Warn("the end of a deployment can't be stored", "deployment", id, "error", err)
		select {
		case <-ctx.Done():
		case <-w.s.env.Clock.After(firstRestart):
		}
	}
}

// conclude writes the end of a deployment into the documents.
func (w *worker) conclude(ctx context.Context, tx *bot.Tx, a *appDoc, d *deploymentDoc, state bot.DeploymentState, why string) error {
	if d.State.Final() {
		return nil
	}
	d.State, d.Message, d.Finished = state, why, w.s.env.Clock.Now()
	a.Pending = ""
	a.Observed, a.Health = w.observed(), "stopped"
	if w.current != nil {
		a.Health = "healthy"
	}
	what := bot.EventServiceFailed
	switch state {
	case bot.DeploymentSucceeded:
		what = bot.EventServiceUpgraded
		if a.Desired == nil {
			what = bot.EventServiceDeployed
		}
		a.succeed(d.Release, w.s.config.Keep)
	case bot.DeploymentRolledBack:
		what = bot.EventServiceRolled
	}
	return w.s.emit(ctx, tx, a, d, what, why)
}

// succeed makes r the good release; keep of the good ones stay on disk.
func (a *appDoc) succeed(r release, keep int) {
	if a.Desired != nil && a.Desired.VersionID != r.VersionID {
		a.History = append([]release{*a.Desired}, a.History...)
	}
	a.History = slices.DeleteFunc(a.History, func(old release) bool { return old.VersionID == r.VersionID })
	a.History = a.History[:min(len(a.History), keep-1)]
	a.Desired = &r
}

package localrun

import (
	"context"
	"errors"
	"sync"
	"time"

	"opsbot/integrations/localrun/applog"
	"opsbot/integrations/localrun/proxy"
)

const (
	firstRestart = time.Second
	maxRestart   = 30 * time.Second
	// checkEvery is the pause between looks at an app that runs well.
	checkEvery = 5 * time.Second
)

// worker takes care of one app: it carries out its deployments one by one and
// keeps the good version running in between.
type worker struct {
	s    *Service
	key  string
	kick chan struct{}
	done chan struct{}
	// cancel ends the worker, in the middle of a deployment if need be.
	cancel  context.CancelFunc
	log     *applog.Log
	current *instance
	host    string
	// ending are old instances that finish their requests.
	ending sync.WaitGroup
	// closing ends their time for that.
	closing chan struct{}
	// restart is the pause before the next try to start the good version; 0 when it runs.
	restart time.Duration
	// failures in a row of the running instance's health.
	failures int
}

func (w *worker) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// run works until the app is removed or ctx ends, then ends its processes.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	defer w.close(ctx)
	for ctx.Err() == nil {
		a, err := w.s.loadApp(ctx, w.key)
		switch {
		case err != nil:
			w.s.env.Log.Warn("the state of an app can't be read", "app", w.key, "error", err)
		case a == nil:
			return
		default:
			err = w.turn(ctx, a)
		}
		if errors.Is(err, errGone) {
			return
		}
		w.pause(ctx, err)
	}
}

// turn does what is to be done for the app now.
func (w *worker) turn(ctx context.Context, a *appDoc) error {
	if err := w.open(a); err != nil {
		return err
	}
	if err := w.keep(ctx, a); err != nil || a.Pending == "" {
		return err
	}
	d, err := w.s.loadDeployment(ctx, a.Pending)
	if err != nil {
		return err
	}
	if d == nil {
		return errGone
	}
	if err := w.deploy(ctx, a, d); err != nil {
		return err
	}
	w.wake() // look again: what is wanted has changed
	return nil
}

// open makes the app's host known, so that its clients are told to come again.
func (w *worker) open(a *appDoc) error {
	if w.log != nil {
		return nil
	}
	dir, err := w.s.logDir(a.ProjectID, a.Environment)
	if err != nil {
		return err
	}
	if w.log, err = applog.Open(dir, int64(w.s.config.LogLimit)); err != nil {
		return err
	}
	w.host = w.s.host(a.Slug, a.Environment)
	w.s.proxy.Switch(w.host, nil)
	return nil
}

// close ends everything of the app that runs.
func (w *worker) close(ctx context.Context) {
	close(w.closing)
	if w.host != "" {
		w.drain(ctx, w.s.proxy.Remove(w.host))
	}
	w.current.stop()
	w.ending.Wait()
	if w.log != nil {
		_ = w.log.Close()
	}
}

// pause waits for the next reason to look at the app.
func (w *worker) pause(ctx context.Context, err error) {
	wait := checkEvery
	switch {
	case err != nil:
		wait = firstRestart
	case w.restart > 0:
		wait = w.restart
	case w.failures > 0:
		wait = w.s.poll
	}
	var died <-chan struct{}
	if w.current.alive() {
		died = w.current.proc.Done()
	}
	select {
	case <-ctx.Done():
	case <-w.kick:
	case <-died:
	case <-w.s.env.Clock.After(wait):
	}
}

// keep keeps the good version running and healthy.
func (w *worker) keep(ctx context.Context, a *appDoc) error {
	if a.Desired == nil {
		return nil
	}
	if w.current != nil {
		err := w.current.check(ctx)
		if err == nil {
			w.failures = 0
			return w.observe(ctx, a, "healthy", "")
		}
		if w.failures++; ctx.Err() != nil || w.current.alive() && w.failures < sick {
			return nil
		}
		if err := w.lost(ctx, a, err.Error()); err != nil {
			return err
		}
	}
	return w.bringBack(ctx, a)
}

// lost takes a sick or dead instance away.
func (w *worker) lost(ctx context.Context, a *appDoc, why string) error {
	w.log.Printf("%s %s", w.s.env.Clock.Now().Format(time.RFC3339), why)
	old := w.current
	w.retire(ctx, w.s.proxy.Switch(w.host, nil), old)
	w.current, w.failures, w.restart = nil, 0, firstRestart
	return w.observe(ctx, a, "unhealthy", why)
}

// bringBack starts the good version again; failing is tried again later and later.
func (w *worker) bringBack(ctx context.Context, a *appDoc) error {
	i, err := w.begin(ctx, a, *a.Desired)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		w.restart = min(max(2*w.restart, firstRestart), maxRestart)
		return w.observe(ctx, a, "unhealthy", oneLine(err.Error()))
	}
	w.current, w.restart, w.failures = i, 0, 0
	w.s.proxy.Switch(w.host, i.route())
	return w.observe(ctx, a, "healthy", "")
}

// begin unpacks and starts a release and waits for its health.
func (w *worker) begin(ctx context.Context, a *appDoc, r release) (*instance, error) {
	if err := w.s.unpack(ctx, r); err != nil {
		return nil, err
	}
	i, err := w.s.start(ctx, a, r, w.log)
	if err != nil {
		return nil, err
	}
	if err := w.awaitHealth(ctx, i); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// awaitHealth returns nil once the instance is healthy; the error is a line for
// the person.
func (w *worker) awaitHealth(ctx context.Context, i *instance) error {
	end := w.s.env.Clock.Now().Add(w.s.config.StartTimeout)
	for {
		err := i.check(ctx)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if !i.alive() {
			return err
		}
		if !w.s.env.Clock.Now().Before(end) {
			return errors.New("it did not get healthy within " + w.s.config.StartTimeout.String() + ": " + err.Error())
		}
		select {
		case <-ctx.Done():
		case <-i.proc.Done():
		case <-w.s.env.Clock.After(w.s.poll):
		}
	}
}

// retire lets the requests of an instance end, then the instance itself.
func (w *worker) retire(ctx context.Context, route *proxy.Instance, i *instance) {
	w.ending.Go(func() {
		w.drain(ctx, route)
		i.stop()
	})
}

// drain waits for the last request of a route, for the drain limit at most. The end
// of ctx doesn't end it, that of the worker does.
func (w *worker) drain(ctx context.Context, route *proxy.Instance) {
	if route == nil {
		return
	}
	limit, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-w.s.env.Clock.After(w.s.config.Drain):
			cancel()
		case <-w.closing:
			cancel()
		case <-over:
		}
	}()
	if cut := route.Drain(limit); cut > 0 {
		w.log.Printf("%s %d requests were cut", w.s.env.Clock.Now().Format(time.RFC3339), cut)
	}
}

package localci

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// isStop reports whether ctx ended because a person stopped the build.
func isStop(ctx context.Context) bool {
	_, ok := stopped(ctx)
	return ok
}

// stopped is how a build ends whose ctx a person ended; false if nobody did.
func stopped(ctx context.Context) (o outcome, ok bool) {
	var stop *engine.Stop
	if !errors.As(context.Cause(ctx), &stop) {
		return outcome{}, false
	}
	return stoppedBy(stop), true
}

// run is one attempt of one build.
type run struct {
	s        *Service
	build    bot.Build
	job      jobDoc
	previous branchDoc
	log      *buildLog
	shell    *shell
	results  results
	stashes  stashes
	secrets  secretFiles
	slot     *slot
	hidden   map[string]engine.Secret // what the Jenkinsfile may ask for
	// alive ends with the service, also for what runs after a stop.
	alive  context.Context //nolint:containedctx // a run is one call
	stages []bot.Stage
	paths  map[string]int // of stages: where each is in the list
	held   string         // a line of the log that may be the last
	title  string         // of the commit; foreign text
	why    string         // what started it
	// asksAgain: the attempt before was waiting for an answer when OpsBot ended.
	asksAgain bool
}

// runBuild executes a claimed build and writes down what came of it. ctx is the
// service's, running the build's own.
func (s *Service) runBuild(ctx, running context.Context, build bot.Build, executor *slot) {
	o, err := s.attempt(ctx, running, build, executor)
	if ctx.Err() != nil && !isStop(running) {
		return // not over: the next attempt goes on from here
	}
	if aborted, ok := stopped(running); ok && err != nil {
		o, err = aborted, nil
	}
	if noSpace(err) {
		s.env.Log.Warn("build waits for disk space", "build", buildKey(build.Ref), "error", err)
		s.queueForSpace(context.WithoutCancel(ctx), ctx, build)
		return
	}
	if err != nil {
		s.env.Log.Error("run build", "instance", s.env.Name, "build", buildKey(build.Ref), "error", err)
		o = outcome{Result: bot.ResultFailure, Message: bot.MessageOf(err)}
	}
	s.complete(context.WithoutCancel(ctx), ctx, build, o)
	s.sweep(ctx)
}

// attempt runs the build to its outcome. The error is ours; one that noSpace knows
// says that the build is to be run again once there is space.
func (s *Service) attempt(alive, running context.Context, build bot.Build, executor *slot) (o outcome, err error) {
	ctx, cut := context.WithCancelCause(running)
	defer cut(nil)
	r := &run{s: s, build: build, alive: alive, paths: map[string]int{}, slot: executor}
	if err := s.prepare(ctx, r); err != nil {
		return outcome{}, err
	}
	if r.log, err = openLog(s.logPath(build.Ref), s.config.LogLimit); err != nil {
		return outcome{}, err
	}
	defer func() {
		if problem := r.log.Close(); problem != nil {
			s.env.Log.Warn("write log", "build", buildKey(build.Ref), "error", problem)
		}
	}()
	r.log.onFull = func() { r.diskIsFull(); cut(errDiskFull) }
	if build.Attempt > 1 {
		why := "the build was interrupted"
		if r.asksAgain {
			why = askedAgain
		}
		r.log.Line(fmt.Sprintf("[localci: %s; this is attempt %d]", why, build.Attempt))
	}
	if r.why != "" {
		r.log.Line(r.why)
	}
	o = s.execute(ctx, r)
	return s.conclude(running, r, o)
}

// conclude writes the end of an attempt into its log.
func (s *Service) conclude(running context.Context, r *run, o outcome) (outcome, error) {
	aborted, byPerson := stopped(running)
	switch {
	case r.metFullDisk() && byPerson:
		o = aborted
	case r.metFullDisk():
		s.vacate(r)
		r.log.Line("[localci: " + s.waiting() + "]")
		return outcome{}, fmt.Errorf("run build: %w", syscall.ENOSPC)
	case running.Err() != nil && !byPerson:
		return o, nil
	}
	return o, s.untilSpace(r.alive, func() error { return r.log.Ending("Finished: " + string(o.Result)) }) //nolint:contextcheck // also after a stop
}

// prepare reads what the build needs to know.
func (s *Service) prepare(ctx context.Context, r *run) error {
	return s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if r.job, err = s.loadJob(ctx, tx, r.build.Ref.Job); err != nil {
			return err
		}
		b, err := s.loadBuild(ctx, tx, r.build.Ref)
		if err != nil {
			return err
		}
		r.why, r.asksAgain = b.body.Why, b.body.AsksAgain
		branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(r.build.Ref.Job, r.build.Ref.Branch))
		if err != nil {
			return err
		}
		r.previous = branch.body
		return nil
	})
}

// complete finishes the build in the store: a result must not be lost to a full disk.
func (s *Service) complete(ctx, alive context.Context, build bot.Build, o outcome) {
	s.settle(ctx, alive, build, func(ctx context.Context, tx *bot.Tx, b *record[buildDoc]) error {
		return s.finish(ctx, tx, b, o)
	})
}

// settle writes down what came of an attempt, and goes on trying while the store is
// out of order. It gives up when alive ends; the build is then run again.
func (s *Service) settle(ctx, alive context.Context, build bot.Build, how func(context.Context, *bot.Tx, *record[buildDoc]) error) {
	for {
		err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			b, err := s.loadBuild(ctx, tx, build.Ref)
			if err != nil || b.body.Build.State != bot.BuildRunning || b.body.Build.Attempt != build.Attempt {
				return err
			}
			if err := how(ctx, tx, b); err != nil || b.body.Build.State != bot.BuildFinished {
				return err
			}
			return s.dropIfPruned(ctx, tx, b)
		})
		if err == nil || bot.CodeOf(err) == bot.CodeNotFound {
			return
		}
		s.env.Log.Error("store result of build", "build", buildKey(build.Ref), "error", err)
		select {
		case <-alive.Done():
			return
		case <-s.env.Clock.After(pollTime):
		}
	}
}

// dropIfPruned forgets a build whose branch went while it ran.
func (s *Service) dropIfPruned(ctx context.Context, tx *bot.Tx, b *record[buildDoc]) error {
	ref := b.body.Build.Ref
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(ref.Job, ref.Branch))
	if err != nil || !branch.body.Pruned {
		return err
	}
	branch.body = branchDoc{Job: ref.Job, Branch: ref.Branch, Last: branch.body.Last, Kept: branch.body.Last, Pruned: true}
	if err := branch.save(ctx, tx); err != nil {
		return err
	}
	return b.remove(ctx, tx)
}

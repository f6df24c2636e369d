package localci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

const (
	// pollTime is how long a lost wake-up can delay a build.
	pollTime = 5 * time.Second
)

// Run executes builds until ctx ends, once the lease is ours. What runs then is
// stopped without a result and begins anew with the next Run.
func (s *Service) Run(ctx context.Context) error {
	if err := s.awaitLease(ctx); err != nil {
		return ended(ctx, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	leased := true
	wg.Go(func() { s.holdLease(ctx, func() { leased = false; cancel() }) })
	s.dropStashes()
	s.dropSecrets()
	if err := s.resume(ctx); err != nil {
		cancel()
		return ended(ctx, err)
	}
	s.sweep(ctx)
	err := s.loop(ctx, &wg)
	cancel()
	wg.Wait()
	if !leased {
		return errors.New("localci: another node has taken the lease")
	}
	return err
}

// ended makes an error nil that only says that ctx ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// loop starts a build whenever there is one and an executor is free.
func (s *Service) loop(ctx context.Context, wg *sync.WaitGroup) error {
	woken, stop := s.env.Waker.Listen(bot.QueueBuilds)
	defer stop()
	free := make(chan struct{}, s.config.Executors)
	for range s.config.Executors {
		free <- struct{}{}
	}
	for {
		s.abortRequested(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-free:
			started := s.startNext(ctx, wg, free)
			if started {
				continue
			}
			free <- struct{}{}
		default:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-s.env.Clock.After(pollTime):
		}
	}
}

// startNext runs the first waiting build on an executor, which it gives back to
// free at the end; false if none waits.
func (s *Service) startNext(ctx context.Context, wg *sync.WaitGroup, free chan struct{}) bool {
	b, err := s.claim(ctx)
	if err != nil && ctx.Err() == nil {
		s.env.Log.Error("claim the next build", "instance", s.env.Name, "error", err)
	}
	if err != nil || b == nil {
		return false
	}
	running, cancel := context.WithCancelCause(ctx)
	key := buildKey(b.Ref)
	s.mu.Lock()
	s.running[key] = cancel
	s.mu.Unlock()
	executor := newSlot(free, func() { s.kick(ctx) })
	wg.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.running, key)
			maps.DeleteFunc(s.passwords, func(q string, _ map[string]string) bool { return strings.HasPrefix(q, key+"\x00") })
			s.mu.Unlock()
			cancel(nil)
			executor.end()
		}()
		s.runBuild(ctx, running, *b, executor)
	})
	return true
}

// kick makes the loop look again: an executor is free.
func (s *Service) kick(ctx context.Context) {
	err := s.env.Work.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *bot.Tx) error {
		return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
	})
	if err != nil {
		s.env.Log.Warn("wake the executors", "instance", s.env.Name, "error", err)
	}
}

// claim takes the first queued build and marks it as running; nil if none waits, or
// if there is no space for any.
func (s *Service) claim(ctx context.Context) (*bot.Build, error) {
	var claimed *bot.Build
	full, now := s.space().full(), s.env.Clock.Now()
	err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		claimed = nil
		waiting, running, err := s.unfinished(ctx, tx)
		if err != nil {
			return err
		}
		for _, b := range waiting {
			if now.Before(b.body.NotBefore) {
				continue
			}
			if full {
				if err := s.holdBack(ctx, tx, b); err != nil {
					return err
				}
				continue
			}
			ref := b.body.Build.Ref
			if held, err := s.blocked(ctx, tx, b, running[branchKey(ref.Job, ref.Branch)]); err != nil {
				return err
			} else if held {
				continue
			}
			b.body.Build.State, b.body.Build.StartedAt, b.body.Build.Message = bot.BuildRunning, now, ""
			claimed = &b.body.Build
			return s.report(ctx, tx, b, bot.EventBuildStarted)
		}
		return nil
	})
	return claimed, err
}

// unfinished lists the builds that wait, in their order, and gives of each branch the
// newest that runs.
func (s *Service) unfinished(ctx context.Context, tx *bot.Tx) (waiting []*record[buildDoc], running map[string]*record[buildDoc], err error) {
	queue, err := list[queueDoc](ctx, tx, s.env.Name, kindQueue, "")
	if err != nil {
		return nil, nil, err
	}
	running = map[string]*record[buildDoc]{}
	for _, q := range queue {
		b, err := s.loadBuild(ctx, tx, q.body.ref())
		if err != nil {
			return nil, nil, err
		}
		switch b.body.Build.State {
		case bot.BuildQueued:
			waiting = append(waiting, b)
		case bot.BuildRunning:
			running[branchKey(q.body.Job, q.body.Branch)] = b
		}
	}
	return waiting, running, nil
}

// resume puts builds that an earlier process left running back into the queue,
// at their old place: as the next attempt, or ended if there were too many.
func (s *Service) resume(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		queue, err := list[queueDoc](ctx, tx, s.env.Name, kindQueue, "")
		if err != nil {
			return err
		}
		for _, q := range queue {
			b, err := s.loadBuild(ctx, tx, q.body.ref())
			if err != nil {
				return err
			}
			if b.body.Build.State != bot.BuildRunning {
				continue
			}
			if err := s.again(ctx, tx, b, interruption{counts: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

// interruption is why an attempt came to no result.
type interruption struct {
	full   bool // the disk was; else it was OpsBot that ended
	counts bool // towards the limit of attempts
}

// again queues an interrupted build at its old place.
func (s *Service) again(ctx context.Context, tx *bot.Tx, b *record[buildDoc], why interruption) error {
	if stop := b.body.stop(); stop != nil {
		return s.finish(ctx, tx, b, stoppedBy(stop))
	}
	build := &b.body.Build
	// A build that waits for a person lives through any number of restarts.
	asked := len(build.Inputs) > 0 && !why.full
	why.counts = why.counts && !asked
	if !why.counts {
		b.body.Uncounted++
	}
	if counted := build.Attempt - b.body.Uncounted; why.counts && counted >= s.config.Attempts {
		text := fmt.Sprintf("Given up: OpsBot was interrupted during each of %d attempts", counted)
		if why.full {
			text = fmt.Sprintf("Given up: in the last of %d attempts the build filled the disk; let it write less, or enlarge the disk", counted)
		}
		return s.finish(ctx, tx, b, outcome{Result: bot.ResultFailure, Message: text})
	}
	build.Attempt++
	build.State, build.StartedAt, build.Stages, build.Message = bot.BuildQueued, time.Time{}, nil, ""
	build.Inputs, b.body.Answers = nil, nil
	if b.body.AsksAgain = asked; asked {
		build.Message = askedAgain
	}
	if why.full {
		b.body.Waits++
		b.body.NotBefore, build.Message = s.env.Clock.Now().Add(spacePause(b.body.Waits)), s.waiting()
		if err := tx.Wakes.Wake(ctx, bot.QueueBuilds, b.body.NotBefore); err != nil {
			return err
		}
	}
	return s.report(ctx, tx, b, bot.EventBuildQueued)
}

// abortRequested stops builds here that were aborted by way of the store.
func (s *Service) abortRequested(ctx context.Context) {
	s.mu.Lock()
	keys := make([]string, 0, len(s.running))
	for key := range s.running {
		keys = append(keys, key)
	}
	s.mu.Unlock()
	for _, key := range keys {
		var b *record[buildDoc]
		err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			b, err = load[buildDoc](ctx, tx, s.env.Name, kindBuild, key)
			return err
		})
		if err != nil {
			continue
		}
		if stop := b.body.stop(); stop != nil {
			s.cancel(key, stop)
		}
	}
}

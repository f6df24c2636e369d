package localci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
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
func (s *Service) startNext(ctx context.Context, wg *sync.WaitGroup, free chan<- struct{}) bool {
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
	wg.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.running, key)
			s.mu.Unlock()
			cancel(nil)
			free <- struct{}{}
			s.kick(ctx)
		}()
		s.runBuild(ctx, running, *b)
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
		queue, err := list[queueDoc](ctx, tx, s.env.Name, kindQueue, "")
		if err != nil {
			return err
		}
		for _, q := range queue {
			b, err := s.loadBuild(ctx, tx, q.body.ref())
			if err != nil {
				return err
			}
			if b.body.Build.State != bot.BuildQueued || now.Before(b.body.NotBefore) {
				continue
			}
			if full {
				if err := s.holdBack(ctx, tx, b); err != nil {
					return err
				}
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
	if by := b.body.AbortBy; by != "" {
		return s.finish(ctx, tx, b, outcome{Result: bot.ResultAborted, Message: "Aborted by " + by})
	}
	build := &b.body.Build
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
		if err == nil && b.body.AbortBy != "" {
			s.cancel(key, &engine.Stop{By: b.body.AbortBy})
		}
	}
}

// sweep removes the files of branches that are no more and of builds that are no
// longer kept. What it misses it finds the next time.
func (s *Service) sweep(ctx context.Context) {
	var branches []*record[branchDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		branches, err = list[branchDoc](ctx, tx, s.env.Name, kindBranch, "")
		return err
	})
	for _, b := range branches {
		err = errors.Join(err, s.sweepBranch(b.body))
	}
	if err != nil && ctx.Err() == nil {
		s.env.Log.Warn("remove files of old builds", "instance", s.env.Name, "error", err)
	}
}

func (s *Service) sweepBranch(b branchDoc) error {
	logs := filepath.Dir(s.logPath(bot.BuildRef{Job: b.Job, Branch: b.Branch}))
	if b.Pruned {
		return errors.Join(removeTree(logs), s.spaces.remove(b.Job, b.Branch))
	}
	entries, err := os.ReadDir(logs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		var number int
		if _, err := fmt.Sscanf(e.Name(), "%d.log", &number); err == nil && number < b.Kept {
			if err := os.Remove(filepath.Join(logs, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

package localci

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

const (
	// watchTime is the pause between looks at the disk while a script runs: a program
	// that meets a full disk often removes what it wrote before it ends.
	watchTime = 20 * time.Millisecond
	// maxSpacePause bounds the pause before a build that met a full disk is run again.
	maxSpacePause = time.Minute
)

// errDiskFull stops what a build runs once its own log could not be written.
var errDiskFull = errors.New("the disk is full")

// space is what the file system of the builds has, in bytes.
type space struct{ free, total uint64 }

// full: nothing of use can be written. Very little counts as nothing, for what was
// written last may have been removed again.
func (s space) full() bool { return s.free < min(max(s.total/200, 4<<20), 64<<20) }

// roomy reports that there is enough for any ordinary build.
func (s space) roomy() bool { return s.free >= min(s.total/10, 1<<30) }

// spaceOf measures the file system below dir, as children without privileges see
// it. One that can't be measured, or that has no bounds, is never full.
func spaceOf(dir string) space {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return space{free: 1 << 62, total: 1 << 62}
	}
	if st.Files > 0 && st.Ffree == 0 {
		return space{total: st.Blocks * uint64(st.Bsize)}
	}
	return space{free: st.Bavail * uint64(st.Bsize), total: st.Blocks * uint64(st.Bsize)}
}

// noSpace reports whether err says that a file or the store can't be written now.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || bot.CodeOf(err) == bot.CodeStorageFull
}

// waiting is what a build says that waits for space.
func (s *Service) waiting() string {
	return fmt.Sprintf("Waiting for disk space. Free some in %s; the build then begins again by itself", s.env.Dir)
}

// diskIsFull notes that the attempt has met a full disk.
func (r *run) diskIsFull() {
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	r.results.full = true
}

// metFullDisk reports whether the attempt has met a full disk.
func (r *run) metFullDisk() bool {
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	return r.results.full
}

// own passes on an error of our own work for the build. For one that only says that
// the disk is full the run is cut off: it is none of the pipeline's failures.
func (r *run) own(err error) error {
	if !noSpace(err) {
		return err
	}
	r.diskIsFull()
	return fmt.Errorf("%w: %w", engine.ErrCutOff, err)
}

// watchDisk looks at the disk until stop is called, which reports whether it was
// ever full.
func (s *Service) watchDisk() (stop func() bool) {
	over, full := make(chan struct{}), make(chan bool)
	go func() {
		seen := s.space().full()
		for {
			select {
			case <-over:
				full <- seen || s.space().full()
				return
			case <-s.env.Clock.After(watchTime):
				seen = seen || s.space().full()
			}
		}
	}()
	return func() bool {
		close(over)
		return <-full
	}
}

// untilSpace repeats what can't be done on a full disk until it can, or alive ends.
func (s *Service) untilSpace(alive context.Context, do func() error) error {
	for {
		err := do()
		if !noSpace(err) {
			return err
		}
		select {
		case <-alive.Done():
			return err
		case <-s.env.Clock.After(pollTime):
		}
	}
}

// vacate ends an attempt that met a full disk: what it wrote is of no use any more.
func (s *Service) vacate(r *run) {
	r.results.mu.Lock()
	used := slices.Clone(r.results.used)
	r.results.mu.Unlock()
	for _, path := range used {
		if err := s.spaces.discard(path); err != nil {
			s.env.Log.Warn("remove workspace", "build", buildKey(r.build.Ref), "folder", filepath.Base(path), "error", err)
		}
	}
}

// queueForSpace puts a build that met a full disk back into the queue. It counts as
// one of the build's attempts only if it was the build that had filled the disk:
// without what it wrote there is plenty of room.
func (s *Service) queueForSpace(ctx, alive context.Context, build bot.Build) {
	why := interruption{full: true, counts: s.space().roomy()}
	s.settle(ctx, alive, build, func(ctx context.Context, tx *bot.Tx, b *record[buildDoc]) error {
		return s.again(ctx, tx, b, why)
	})
}

// spacePause is the pause before the next attempt, longer after each.
func spacePause(waits int) time.Duration {
	return min(time.Second<<min(max(waits-1, 0), 6), maxSpacePause)
}

// holdBack lets a build wait in the queue while the disk is full, and says so once.
func (s *Service) holdBack(ctx context.Context, tx *bot.Tx, b *record[buildDoc]) error {
	if b.body.Build.Message != "" {
		return nil
	}
	b.body.Build.Message = s.waiting()
	return s.report(ctx, tx, b, bot.EventBuildQueued)
}

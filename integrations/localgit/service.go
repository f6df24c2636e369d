package localgit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	reconcileEvery = time.Minute
	tidyEvery      = 24 * time.Hour
	maxPause       = time.Minute
)

// try is when a repository is looked at again after the edge refused.
type try struct {
	failures int
	notAt    time.Time // zero: at once
}

// notify says that a repository may have something to deliver.
func (f *Forge) notify(id string) {
	f.mu.Lock()
	if t := f.dirty[id]; t != nil {
		t.notAt = time.Time{} // something new: not to be kept waiting for an old refusal
	} else {
		f.dirty[id] = &try{}
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run implements bot.Service: it delivers what is pushed, compares all refs with what
// was delivered at the start and each minute, and tidies up.
func (f *Forge) Run(ctx context.Context) error {
	var looked, tidied time.Time
	for ctx.Err() == nil {
		now := f.env.Clock.Now()
		if looked.IsZero() || now.Sub(looked) >= reconcileEvery {
			if err := f.lookAtAll(ctx, looked.IsZero()); err != nil && ctx.Err() == nil {
				f.env.Log.Warn("the repositories could not be looked through; again in a minute", "error", err)
			}
			looked = now
		}
		if now.Sub(tidied) >= tidyEvery {
			f.tidy(ctx)
			tidied = now
		}
		pause := f.deliverDue(ctx)
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-f.env.Clock.After(min(pause, looked.Add(reconcileEvery).Sub(now))):
		}
	}
	return nil
}

// lookAtAll marks every repository, and removes what a killed git left behind.
func (f *Forge) lookAtAll(ctx context.Context, first bool) error {
	if err := f.atHome(ctx); err != nil {
		return err
	}
	if first {
		f.emptyTmp()
	}
	repos, err := f.all(ctx)
	if err != nil {
		return err
	}
	for _, r := range repos {
		if err := f.sweep(r.ID); err != nil {
			f.env.Log.Warn("leftovers of a killed git were not removed", "repository", r.full(), "error", err)
		}
		f.mu.Lock()
		if f.dirty[r.ID] == nil {
			f.dirty[r.ID] = &try{}
		}
		f.mu.Unlock()
	}
	return nil
}

// deliverDue delivers for every marked repository whose time has come, and returns
// how long until the next one's.
func (f *Forge) deliverDue(ctx context.Context) (pause time.Duration) {
	pause = reconcileEvery
	now := f.env.Clock.Now()
	f.mu.Lock()
	due := map[string]try{}
	for id, t := range f.dirty {
		if wait := t.notAt.Sub(now); !t.notAt.IsZero() && wait > 0 {
			pause = min(pause, wait)
			continue
		}
		due[id] = *t
		delete(f.dirty, id) // before looking: what is pushed meanwhile marks it again
	}
	f.mu.Unlock()
	for id, t := range due {
		if again := f.attempt(ctx, id, t.failures); again > 0 {
			pause = min(pause, again)
		}
	}
	return pause
}

// attempt returns the pause until the next attempt, 0 if there is none to make.
func (f *Forge) attempt(ctx context.Context, id string, failures int) time.Duration {
	r, err := f.find(ctx, bot.Repository{ExternalID: id})
	if err == nil {
		err = f.catchUp(ctx, r)
	}
	if err == nil || bot.CodeOf(err) == bot.CodeNotFound || ctx.Err() != nil {
		return 0
	}
	pause := min(time.Second<<min(failures, 6), maxPause)
	if errors.Is(err, errBusy) {
		pause, failures = time.Second, -1 // its end wakes us before that
	} else {
		f.env.Log.Warn("a push is not delivered yet", "repository", r.full(), "attempt", failures+1, "again_in", pause, "error", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.dirty[id]; t != nil { // marked again meanwhile: its turn is now
		t.failures = failures + 1
		return 0
	}
	f.dirty[id] = &try{failures: failures + 1, notAt: f.env.Clock.Now().Add(pause)}
	return pause
}

// sweep removes the locks and half-received packs of gits that were killed. It has
// the repository alone, so they belong to nobody; a repository at work is left.
func (f *Forge) sweep(id string) error {
	lock, err := f.lockAlone(id)
	if err != nil {
		return nil //nolint:nilerr // somebody is at work: the next minute's look will do
	}
	defer func() { _ = lock.Close() }()
	dir := f.repoPath(id)
	var left []string
	for _, pattern := range []string{"*.lock", "objects/incoming-*", "objects/tmp_objdir-*", "objects/pack/tmp_*", "objects/pack/.tmp-*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		left = append(left, found...)
	}
	err = filepath.WalkDir(filepath.Join(dir, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".lock") {
			left = append(left, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, path := range left {
		f.env.Log.Info("removing what a killed git left behind", "path", strings.TrimPrefix(path, dir))
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// emptyTmp removes half-made and half-removed repositories of an earlier life, and
// nothing else: new ones may be in the making beside us.
func (f *Forge) emptyTmp() {
	for _, e := range f.left {
		if err := os.RemoveAll(f.path("tmp", e.Name())); err != nil {
			f.env.Log.Warn("a leftover was not removed", "name", e.Name(), "error", err)
		}
	}
}

// tidy lets git pack what many small pushes left, where it is worth it.
func (f *Forge) tidy(ctx context.Context) {
	repos, err := f.all(ctx)
	if err != nil {
		return
	}
	for _, r := range repos {
		lock, err := f.lockShared(r.ID)
		if err != nil {
			continue
		}
		cmd := f.git.command(ctx, f.repoPath(r.ID), "gc", "--auto", "--quiet")
		cmd.ExtraFiles = []*os.File{lock} // see lockShared
		if f.git.path != "" && cmd.Run() != nil && ctx.Err() == nil {
			f.env.Log.Warn("git could not tidy a repository", "repository", r.full())
		}
		_ = lock.Close()
	}
}

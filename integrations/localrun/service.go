package localrun

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

const (
	leaseTime  = 30 * time.Second
	leaseRenew = 10 * time.Second
	// pollTime is how late a deployment that another replica took is noticed.
	pollTime = 2 * time.Second
)

// leaseDoc says which process runs this instance's apps; their files lie on its node.
type leaseDoc struct {
	Owner string    `json:"owner"` // node:incarnation
	Until time.Time `json:"until"`
}

func nodeOf(owner string) string {
	name, _, _ := strings.Cut(owner, ":")
	return name
}

// wake makes the loop of Run look at the apps.
func (s *Service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Run brings back the apps that should run and carries out deployments until ctx
// ends; then it ends the apps and returns when they are gone.
func (s *Service) Run(ctx context.Context) error {
	if err := s.awaitLease(ctx); err != nil {
		return ended(ctx, err)
	}
	s.collect(ctx)
	if err := os.RemoveAll(s.secretFiles()); err != nil {
		s.env.Log.Warn("what apps were given stays on disk", "error", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	var lost error
	all.Go(func() {
		if !s.holdLease(ctx) {
			lost = errors.New("localrun: another node has taken the lease")
			cancel()
		}
	})
	s.loop(ctx, &all)
	cancel()
	all.Wait()
	return lost
}

// ended makes an error nil that only says that ctx ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// loop keeps one worker per app.
func (s *Service) loop(ctx context.Context, all *sync.WaitGroup) {
	for {
		apps, err := s.apps(ctx)
		if err != nil && ctx.Err() == nil {
			s.env.Log.Warn("the apps can't be read", "error", err)
		}
		for key, a := range apps {
			s.engage(ctx, all, key, a)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-s.env.Clock.After(pollTime):
		}
	}
}

// engage starts the app's worker, or wakes it if a deployment waits.
func (s *Service) engage(ctx context.Context, all *sync.WaitGroup, key string, a appDoc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[key]; w != nil {
		if a.Pending != "" {
			w.wake()
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &worker{s: s, cancel: cancel, key: key, kick: make(chan struct{}, 1), done: make(chan struct{}), closing: make(chan struct{})}
	s.workers[key] = w
	all.Go(func() {
		defer cancel()
		w.run(ctx)
		s.mu.Lock()
		delete(s.workers, key)
		s.mu.Unlock()
		s.wake() // the same app may have been deployed anew meanwhile
	})
}

// acquire takes or renews the lease. A lease of an earlier process of the same node
// is dead, whatever its time says: two can't share a data folder.
func (s *Service) acquire(ctx context.Context) (ours bool, err error) {
	err = s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		now := s.env.Clock.Now()
		var l leaseDoc
		rev, err := s.get(ctx, tx, kindLease, "lease", &l)
		if err != nil {
			return err
		}
		ours = rev == 0 || nodeOf(l.Owner) == nodeOf(s.env.Owner) || !now.Before(l.Until)
		if !ours {
			return nil
		}
		return s.put(ctx, tx, kindLease, "lease", rev, leaseDoc{Owner: s.env.Owner, Until: now.Add(leaseTime)})
	})
	return ours && err == nil, err
}

func (s *Service) awaitLease(ctx context.Context) error {
	for {
		ours, err := s.acquire(ctx)
		if ours || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.env.Clock.After(leaseRenew):
		}
	}
}

// holdLease renews the lease until ctx ends; false means that it is lost: another
// node's, or not renewed for as long as it lasts.
func (s *Service) holdLease(ctx context.Context) bool {
	good := s.env.Clock.Now()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-s.env.Clock.After(leaseRenew):
		}
		ours, err := s.acquire(ctx)
		switch {
		case ours:
			good = s.env.Clock.Now()
		case ctx.Err() != nil:
			return true
		case err == nil || s.env.Clock.Now().Sub(good) >= leaseTime-leaseRenew:
			return false
		}
	}
}

package localci

import (
	"context"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	leaseTime  = 30 * time.Second
	leaseRenew = 10 * time.Second
)

// leaseDoc says which process runs this instance's builds. Logs and workspaces
// lie on its node.
type leaseDoc struct {
	Owner string    `json:"owner"` // node:incarnation
	Until time.Time `json:"until"`
}

func nodeOf(owner string) string {
	name, _, _ := strings.Cut(owner, ":")
	return name
}

// acquire takes or renews the lease. A lease of an earlier process of the same
// node is dead, whatever its time says: two can't share a data folder.
func (s *Service) acquire(ctx context.Context) (bool, error) {
	ours := false
	err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		now := s.env.Clock.Now()
		l, err := ensure[leaseDoc](ctx, tx, s.env.Name, kindState, "lease")
		if err != nil {
			return err
		}
		ours = nodeOf(l.body.Owner) == nodeOf(s.env.Owner) || !now.Before(l.body.Until)
		if !ours {
			return nil
		}
		l.body = leaseDoc{Owner: s.env.Owner, Until: now.Add(leaseTime)}
		return l.save(ctx, tx)
	})
	return ours && err == nil, err
}

// awaitLease returns once the lease is ours, or when ctx ends.
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

// holdLease renews the lease until ctx ends, and calls lost when it is another
// node's or can't be renewed for as long as it lasts.
func (s *Service) holdLease(ctx context.Context, lost func()) {
	good := s.env.Clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.env.Clock.After(leaseRenew):
		}
		ours, err := s.acquire(ctx)
		switch {
		case ours:
			good = s.env.Clock.Now()
		case err == nil || s.env.Clock.Now().Sub(good) >= leaseTime-leaseRenew:
			lost()
			return
		}
	}
}

// ownedHere refuses what only the node with the files can do.
func (s *Service) ownedHere(ctx context.Context) error {
	return s.env.Work.Read(ctx, s.ownedHereIn)
}

func (s *Service) ownedHereIn(ctx context.Context, tx *bot.Tx) error {
	l, err := ensure[leaseDoc](ctx, tx, s.env.Name, kindState, "lease")
	if err != nil {
		return err
	}
	if owner := nodeOf(l.body.Owner); owner != "" && owner != nodeOf(s.env.Owner) {
		return bot.Errorf(bot.CodeUnavailable, "The builds of %s run on the node %s; ask there.", s.env.Name, owner)
	}
	return nil
}

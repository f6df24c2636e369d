package store

import (
	"context"
	"time"

	"opsbot/bot"
)

// expiredKept is how long an expired action is kept: whoever presses its button
// meanwhile is told that it has expired, later that it is not known any more.
const expiredKept = 30 * 24 * time.Hour

// sweepEvery is the time between two sweeps, sweepSize the most rows that one
// transaction removes: it holds up nobody for long.
const (
	sweepEvery = 6 * time.Hour
	sweepSize  = 1000
)

// runSweeps sweeps now and then, until ctx ends.
func (s *Store) runSweeps(ctx context.Context) {
	for {
		due := s.clock.After(sweepEvery)
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("store: remove what expired", "error", err)
		}
		select {
		case <-due:
		case <-ctx.Done():
			return
		}
	}
}

// Sweep removes what expired long ago. Run does it by itself.
func (s *Store) Sweep(ctx context.Context) error {
	before := us(s.clock.Now().Add(-expiredKept))
	for {
		var n int64
		err := s.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			n, err = tx.Actions.(actions).raw(ctx, "remove expired actions", sweepActions, before, sweepSize)
			return err
		})
		if err != nil || n < sweepSize {
			return err
		}
	}
}

const sweepActions = `DELETE FROM actions WHERE id IN
	(SELECT id FROM actions WHERE expires_at > 0 AND expires_at <= ?+0 ORDER BY expires_at LIMIT ?+0)`

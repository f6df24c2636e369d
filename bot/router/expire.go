package router

import (
	"context"
	"fmt"
	"time"

	"opsbot/bot"
)

// planExpired is the state of a plan that nobody confirmed in time.
const planExpired = "expired"

// Expiry is the service that ends plans which nobody has confirmed in time: their
// posts say so and lose their buttons. It goes by the stored plans alone, so that
// also what ran out while nothing was running is found. Any number of replicas may
// run one.
func (r *Router) Expiry() bot.Service { return expiry{r} }

type expiry struct{ r *Router }

// Run ends what has run out until ctx ends.
func (e expiry) Run(ctx context.Context) error {
	for {
		next, err := e.sweep(ctx)
		if err != nil && ctx.Err() == nil {
			e.r.opt.Log.Error("router: expire plans", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.r.opt.Clock.After(next):
		}
	}
}

// sweep ends the plans that have run out and tells when to look again. A plan that
// is made meanwhile is found in time: it lives longer than the pause.
func (e expiry) sweep(ctx context.Context) (next time.Duration, err error) {
	r := e.r
	next = min(time.Minute, r.opt.PlanTTL)
	var open []*bot.Plan
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		open, err = tx.Plans.Open(ctx, "")
		return err
	})
	if err != nil {
		return next, err
	}
	now := r.opt.Clock.Now()
	for _, plan := range open {
		if left := plan.ExpiresAt.Sub(now); left >= 0 {
			next = min(next, left+time.Millisecond) // at its last moment it can still be confirmed
			continue
		}
		if err := e.end(ctx, plan.ID); err != nil {
			return next, fmt.Errorf("plan %s: %w", plan.ID, err)
		}
	}
	return next, nil
}

// end ends one plan, unless somebody was quicker.
func (e expiry) end(ctx context.Context, id string) error {
	return e.r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		plan, err := tx.Plans.Get(ctx, id)
		if err != nil || plan.State != "open" {
			return ignoreNotFound(err)
		}
		note := "Expired at " + bot.Text(plan.ExpiresAt.Format("15:04")) + " UTC; nothing was changed. To ask again: " + bot.Escape(e.r.asked(plan))
		if err := end(ctx, tx, plan, planExpired, note); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueuePosts, e.r.opt.Clock.Now())
	})
}

package github

import (
	"context"
	"errors"
	"strconv"
	"time"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

const (
	sweepEvery = 10 * time.Minute
	// GitHub keeps deliveries for three days and can repeat them for as long.
	sweepBack = 72 * time.Hour
	// sweepYoung leaves time for a delivery that is still on its way.
	sweepYoung    = 2 * time.Minute
	mostAttempts  = 6
	mostSweepPage = 5
	kindSweep     = "sweep"
)

// Run implements bot.Service: it finds deliveries that did not reach us, while we
// were down or in between, and asks GitHub to repeat them. What was seen before is
// known by its delivery id and counts once.
func (f *Forge) Run(ctx context.Context) error {
	for {
		if mine, err := f.turn(ctx); err != nil && ctx.Err() == nil {
			f.env.Log.Warn("the sweep for lost webhooks could not be claimed", "instance", f.env.Name, "error", err)
		} else if mine {
			if err := f.Sweep(ctx); err != nil && ctx.Err() == nil {
				f.env.Log.Warn("the sweep for lost webhooks was not finished", "instance", f.env.Name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.env.Clock.After(sweepEvery):
		}
	}
}

// turn claims this round for one of the replicas.
func (f *Forge) turn(ctx context.Context) (mine bool, err error) {
	return bot.TakeRound(ctx, f.env.Work, f.env.Name, kindSweep, f.env.Clock.Now(), sweepEvery)
}

// hooked is one of our webhooks.
type hooked struct {
	repo bot.Repository
	id   int64
}

// installed lists the webhooks of all projects.
func (f *Forge) installed(ctx context.Context) (out []hooked, err error) {
	all, err := bot.InstalledHooks(ctx, f.env.Work, f.env.Name)
	for _, h := range all {
		if id, _ := strconv.ParseInt(h.ExternalID, 10, 64); id > 0 {
			out = append(out, hooked{repo: h.Repository, id: id})
		}
	}
	return out, err
}

// Sweep is one round over all webhooks. One that is gone does not stop it; a limit
// of GitHub's does.
func (f *Forge) Sweep(ctx context.Context) error {
	hooks, err := f.installed(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, h := range hooks {
		err := f.sweepHook(ctx, h)
		if retry, _ := bot.RetryOf(err); err != nil && retry == bot.RetryAfter || ctx.Err() != nil {
			return err
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (f *Forge) sweepHook(ctx context.Context, h hooked) error {
	r, err := f.resolve(ctx, h.repo)
	if err != nil {
		return err
	}
	tries, err := f.deliveries(ctx, r, h.id)
	if err != nil {
		return err
	}
	for _, t := range tries {
		if t.arrived || t.count >= mostAttempts || f.env.Clock.Now().Sub(t.newest.GetDeliveredAt().Time) < sweepYoung {
			continue
		}
		_, _, err := f.api().Repositories.RedeliverHookDelivery(ctx, r.GetOwner().GetLogin(), r.GetName(), h.id, t.newest.GetID())
		var accepted *gh.AcceptedError // GitHub's way to say that it will
		if err != nil && !errors.As(err, &accepted) {
			return f.explain(ctx, err, "repeat a webhook of "+full(r))
		}
		f.env.Log.Info("a webhook that did not arrive is repeated", "repository", full(r), "delivery", t.newest.GetGUID(), "event", t.newest.GetEvent())
	}
	return nil
}

// try is what became of one delivery, over all attempts.
type try struct {
	newest  *gh.HookDelivery
	count   int
	arrived bool
}

// deliveries groups the attempts of the last days by delivery, newest first.
func (f *Forge) deliveries(ctx context.Context, r *gh.Repository, id int64) (out []*try, err error) {
	byGUID := map[string]*try{}
	opts := &gh.ListCursorOptions{PerPage: mostPage}
	since := f.env.Clock.Now().Add(-sweepBack)
	for range mostSweepPage {
		page, resp, err := f.api().Repositories.ListHookDeliveries(ctx, r.GetOwner().GetLogin(), r.GetName(), id, opts)
		if err != nil {
			return nil, f.hookError(ctx, err, "list the deliveries of a webhook of "+full(r), r)
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) || d.GetGUID() == "" {
				continue
			}
			t := byGUID[d.GetGUID()]
			if t == nil {
				t = &try{newest: d}
				byGUID[d.GetGUID()] = t
				out = append(out, t)
			}
			t.count++
			t.arrived = t.arrived || d.GetStatusCode() >= 200 && d.GetStatusCode() < 300
		}
		if opts.Cursor = resp.Cursor; opts.Cursor == "" {
			break
		}
	}
	return out, nil
}

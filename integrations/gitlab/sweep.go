package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
	"opsbot/bot/rest"
)

const (
	sweepEvery    = 10 * time.Minute
	mostAttempts  = 6
	mostSweepPage = 5
	// GitLab refuses larger pages of deliveries, which it keeps for seven days.
	sweepPage = 20
	kindSweep = "sweep"
)

// Run implements bot.Service: it finds deliveries that did not reach us and asks
// GitLab to repeat them, which GitLab never does by itself. What was seen before is
// known by its delivery id and counts once. What GitLab did not even try, because
// the webhook was switched off by then, cannot be found this way.
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
// of GitLab's does.
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
	p, err := f.resolve(ctx, h.repo)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("projects/%d/hooks/%d/events", p.ID, h.id)
	tries, err := f.tries(ctx, p, path)
	if err != nil {
		return err
	}
	for _, t := range tries {
		if t.arrived || t.count >= mostAttempts {
			continue
		}
		req, err := f.api.NewRequest(http.MethodPost, fmt.Sprintf("%s/%d/resend", path, t.newest), nil, []gl.RequestOptionFunc{gl.WithContext(ctx)})
		if err != nil {
			return err
		}
		if _, err = f.api.Do(req, nil); rest.StatusOf(err) == http.StatusUnprocessableEntity {
			return nil // it is switched off for a while: later
		}
		if err = f.explain(ctx, err, "repeat a webhook of "+full(p)); err != nil {
			return err
		}
		f.env.Log.Info("a webhook that did not arrive is repeated", "project", full(p), "delivery", t.key)
	}
	return nil
}

// attempt is what GitLab remembers of one.
type attempt struct {
	ID      int64             `json:"id"`
	Headers map[string]string `json:"request_headers"`
	Status  string            `json:"response_status"`
}

// try is what became of one delivery, over all attempts.
type try struct {
	key     string
	newest  int64
	count   int
	arrived bool
}

// tries groups the attempts of the last days by delivery, newest first. A server
// before 17.3 does not tell of them.
func (f *Forge) tries(ctx context.Context, p *gl.Project, path string) (out []*try, err error) {
	byKey := map[string]*try{}
	opts := &gl.ListOptions{PerPage: sweepPage, Page: 1}
	for range mostSweepPage {
		req, err := f.api.NewRequest(http.MethodGet, path, opts, []gl.RequestOptionFunc{gl.WithContext(ctx)})
		if err != nil {
			return nil, err
		}
		var page []attempt
		resp, err := f.api.Do(req, &page)
		if rest.StatusOf(err) == http.StatusNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, f.hookError(ctx, err, "list the deliveries of a webhook of "+full(p), p)
		}
		for _, a := range page {
			key := a.Headers["Idempotency-Key"]
			if key == "" {
				continue // from before 17.4: it would count twice
			}
			t := byKey[key]
			if t == nil {
				t = &try{key: key, newest: a.ID}
				byKey[key] = t
				out = append(out, t)
			}
			t.count++
			t.arrived = t.arrived || strings.HasPrefix(a.Status, "2")
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return out, nil
}

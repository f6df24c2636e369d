package jenkins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	leaseTime  = 30 * time.Second
	leaseRenew = 10 * time.Second
	// fastFor is how long OpsBot looks closely after something happened.
	fastFor = 30 * time.Second
	// pollTimeout bounds one round.
	pollTimeout = 2 * time.Minute
)

// leaseDoc says which replica polls.
type leaseDoc struct {
	Owner string    `json:"owner"` // node:incarnation
	Until time.Time `json:"until"`
}

// Run polls until ctx ends, while the lease is ours: often while something is built
// or was asked for, seldom else. It is the source of events that needs nothing of
// Jenkins' admin; with notifications it has little left to tell.
func (s *Service) Run(ctx context.Context) error {
	woken, stop := s.env.Waker.Listen(bot.QueueBuilds)
	defer stop()
	interval, complained := s.config.PollMin, false
	var next, fastUntil, renew, swept time.Time
	for ctx.Err() == nil {
		now := s.env.Clock.Now()
		if !now.Before(renew) {
			ours, err := s.acquire(ctx)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("jenkins: take the lease of %s: %w", s.env.Name, err)
			}
			if renew = now.Add(leaseRenew); !ours {
				if !s.pause(ctx, leaseRenew) {
					return nil
				}
				renew = time.Time{}
				continue
			}
		}
		if now.Sub(swept) >= sweepEvery {
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.env.Log.Warn("forget old requests", "instance", s.env.Name, "error", err)
			}
			swept = now
		}
		if !now.Before(next) {
			busy, err := s.round(ctx)
			if err != nil && !complained && ctx.Err() == nil {
				s.env.Log.Warn("poll Jenkins", "instance", s.env.Name, "error", err)
			}
			complained = err != nil
			interval = s.nextInterval(interval, busy && err == nil || now.Before(fastUntil))
			next = s.env.Clock.Now().Add(interval)
		}
		select {
		case <-ctx.Done():
		case <-woken:
			fastUntil = s.env.Clock.Now().Add(fastFor)
			interval, next = s.config.PollMin, time.Time{}
		case <-s.env.Clock.After(min(next.Sub(s.env.Clock.Now()), leaseRenew)):
		}
	}
	return nil
}

// nextInterval doubles while nothing happens.
func (s *Service) nextInterval(last time.Duration, busy bool) time.Duration {
	if busy {
		return s.config.PollMin
	}
	return min(last*2, s.config.PollMax)
}

// acquire takes or renews the lease. One of an earlier process of the same node is
// dead, whatever its time says.
func (s *Service) acquire(ctx context.Context) (ours bool, err error) {
	err = change(ctx, s, kindState, "lease", func(l *leaseDoc, _ bool) error {
		now := s.env.Clock.Now()
		ours = node(l.Owner) == node(s.env.Owner) || !now.Before(l.Until)
		if ours {
			*l = leaseDoc{Owner: s.env.Owner, Until: now.Add(leaseTime)}
		}
		return nil
	})
	if bot.CodeOf(err) == bot.CodeStale { // somebody else was faster
		return false, nil
	}
	return ours, err
}

func node(owner string) string {
	name, _, _ := strings.Cut(owner, ":")
	return name
}

// round looks at all jobs once; busy tells that something is going on.
func (s *Service) round(ctx context.Context) (busy bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	busy, err = s.passPushes(ctx)
	if err != nil {
		return busy, err
	}
	jobs, err := s.known(ctx)
	if err != nil {
		return busy, err
	}
	var errs []error
	for folder, list := range jobs {
		asked := s.env.Clock.Now()
		seen, err := s.readJobs(ctx, folder, list)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, j := range list {
			for _, b := range seen[j.Name] {
				active, err := s.lookAt(ctx, j, b, asked)
				busy = busy || active
				if err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	return busy, errors.Join(errs...)
}

// known lists the jobs that are polled, by their folder.
func (s *Service) known(ctx context.Context) (map[string][]jobDoc, error) {
	out := map[string][]jobDoc{}
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		docs, err := tx.Documents.List(ctx, s.env.Name, kindJob, "", "", 0)
		if err != nil {
			return err
		}
		for _, d := range docs {
			j, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, d.Key)
			if err != nil {
				return err
			}
			folder, _ := splitName(j.body.Name)
			out[folder] = append(out[folder], j.body)
		}
		return nil
	})
	return out, err
}

// lookJSON is what a round reads of each branch.
type lookJSON struct {
	Name      string      `json:"name"`
	Next      int         `json:"nextBuildNumber"`
	QueueItem *queueJSON  `json:"queueItem"`
	Builds    []buildJSON `json:"builds"`
}

// lookTree has the ten newest builds of a branch: what one round can tell of.
const lookTree = "name,nextBuildNumber,queueItem[id,why,inQueueSince],builds[number,building,queueId,timestamp]{0,10}"

// readJobs reads the branches of all jobs of a folder in one request; of one alone
// in another, for its folder may hold many that are not ours.
func (s *Service) readJobs(ctx context.Context, folder string, list []jobDoc) (map[string][]lookJSON, error) {
	out := map[string][]lookJSON{}
	if len(list) == 1 {
		var got struct {
			Jobs []lookJSON `json:"jobs"`
		}
		err := s.getJSON(ctx, jobPath(list[0].Name), "jobs["+lookTree+"]", &got)
		if httpStatus(err) == 404 {
			return out, nil // deleted in Jenkins; its project will find out
		}
		out[list[0].Name] = got.Jobs
		return out, err
	}
	var got struct {
		Jobs []struct {
			Name string     `json:"name"`
			Jobs []lookJSON `json:"jobs"`
		} `json:"jobs"`
	}
	if err := s.getJSON(ctx, jobPath(folder), "jobs[name,jobs["+lookTree+"]]", &got); err != nil {
		return nil, err
	}
	for _, j := range got.Jobs {
		name := strings.TrimPrefix(folder+"/"+j.Name, "/")
		if slices.ContainsFunc(list, func(d jobDoc) bool { return d.Name == name }) {
			out[name] = j.Jobs
		}
	}
	return out, nil
}

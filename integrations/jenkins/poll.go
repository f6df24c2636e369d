package jenkins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	var next, fastUntil, renew time.Time
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
		seen, err := s.readJobs(ctx, folder, list)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, j := range list {
			for _, b := range seen[j.Name] {
				active, err := s.lookAt(ctx, j, b)
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
	QueueItem *queueJSON  `json:"queueItem"`
	Builds    []buildJSON `json:"builds"`
}

// lookTree has the ten newest builds of a branch: what one round can tell of.
const lookTree = "name,queueItem[id,why,inQueueSince],builds[number,building,queueId,timestamp]{0,10}"

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

// seenDoc is what was told of a branch's builds.
type seenDoc struct {
	Done  int              `json:"done"` // all up to this one have ended and were told of
	Open  map[string]int64 `json:"open,omitempty"`
	Queue string           `json:"queue,omitempty"` // the item last told of
}

// lookAt tells what is new of a branch; active if a build waits or runs.
func (s *Service) lookAt(ctx context.Context, j jobDoc, l lookJSON) (active bool, err error) {
	branch := decodeBranch(l.Name)
	key := esc(j.Name) + "/" + esc(branch)
	seen, _, err := read[seenDoc](ctx, s, kindSeen, key)
	if err != nil {
		return false, err
	}
	was := fmt.Sprint(seen)
	var events []bot.Event
	if l.QueueItem != nil && l.QueueItem.ID > 0 {
		active = true
		if id := strconv.FormatInt(l.QueueItem.ID, 10); id != seen.Queue {
			b, err := s.Status(ctx, bot.BuildRef{Job: j.ID, Branch: branch, Queue: id})
			if err == nil && b.State == bot.BuildQueued {
				seen.Queue = id
				events = append(events, eventsOf(b)...)
			}
		}
	}
	slices.SortFunc(l.Builds, func(a, b buildJSON) int { return a.Number - b.Number })
	for _, one := range l.Builds {
		if one.Number <= seen.Done {
			continue
		}
		more, err := s.lookAtBuild(ctx, j, branch, one, &seen)
		if err != nil {
			return true, err
		}
		events = append(events, more...)
		active = active || one.Building
	}
	more, err := s.lookAtLeft(ctx, j, branch, l, &seen)
	if err != nil {
		return active, err
	}
	events = append(events, more...)
	if fmt.Sprint(seen) == was {
		return active, nil
	}
	return active, s.tell(ctx, key, seen, events)
}

// lookAtLeft tells of an item that left the queue without becoming a build.
func (s *Service) lookAtLeft(ctx context.Context, j jobDoc, branch string, l lookJSON, seen *seenDoc) ([]bot.Event, error) {
	queue := seen.Queue
	if queue == "" || l.QueueItem != nil && strconv.FormatInt(l.QueueItem.ID, 10) == queue {
		return nil, nil
	}
	if slices.ContainsFunc(l.Builds, func(b buildJSON) bool { return strconv.FormatInt(b.QueueID, 10) == queue }) {
		seen.Queue = ""
		return nil, nil
	}
	b, err := s.Status(ctx, bot.BuildRef{Job: j.ID, Branch: branch, Queue: queue})
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return nil, err
	}
	seen.Queue = ""
	if err != nil || b.Ref.Number > 0 {
		return nil, nil //nolint:nilerr // it was never anybody's: nothing to tell
	}
	return eventsOf(b), nil
}

func (s *Service) lookAtBuild(ctx context.Context, j jobDoc, branch string, one buildJSON, seen *seenDoc) ([]bot.Event, error) {
	name := strconv.Itoa(one.Number)
	end := func() {
		delete(seen.Open, name)
		if len(seen.Open) == 0 {
			seen.Done = one.Number
		} else {
			seen.Open[name] = sequenceFinished
		}
	}
	if !one.Building && fromMillis(one.Timestamp).Before(j.Since.Add(-time.Minute)) {
		end()
		return nil, nil
	}
	if seen.Open[name] == sequenceFinished {
		return nil, nil
	}
	b, err := s.Status(ctx, bot.BuildRef{Job: j.ID, Branch: branch, Number: one.Number})
	if bot.CodeOf(err) == bot.CodeNotFound {
		end()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if b.Sequence <= seen.Open[name] {
		return nil, nil
	}
	if b.State == bot.BuildFinished {
		end()
		return eventsOf(b), nil
	}
	if seen.Open == nil {
		seen.Open = map[string]int64{}
	}
	seen.Open[name] = b.Sequence
	return eventsOf(b), nil
}

// tell hands events to the relay and remembers that, in one transaction. The rows'
// keys differ from the events' ids, so that the relay compares them with what came
// by webhook.
func (s *Service) tell(ctx context.Context, key string, seen seenDoc, events []bot.Event) error {
	now := s.env.Clock.Now()
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		d, err := ensure[seenDoc](ctx, tx, s.env.Name, kindSeen, key)
		if err != nil {
			return err
		}
		d.body = seen
		if err := d.save(ctx, tx); err != nil {
			return err
		}
		for _, e := range events {
			e.Source, e.ReceivedAt = s.env.Name, now
			row := bot.InboxRow{
				ID: bot.NewID(now), Instance: s.env.Name, Key: "poll/" + e.ID, Event: &e, State: "new", Received: now, Cause: e.Cause,
			}
			if _, err := tx.Inbox.Add(ctx, row); err != nil {
				return err
			}
		}
		return tx.Wakes.Wake(ctx, bot.QueueInbox, time.Time{})
	})
}

package jenkins

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"opsbot/bot"
)

// seenDoc is what was told of a branch's builds.
type seenDoc struct {
	Life  int              `json:"life,omitempty"` // of the branch
	Done  int              `json:"done"`           // all up to this one have ended and were told of
	Open  map[string]int64 `json:"open,omitempty"`
	Queue string           `json:"queue,omitempty"` // the item last told of
}

// lookAt tells what is new of a branch; active if a build waits or runs.
func (s *Service) lookAt(ctx context.Context, j jobDoc, l lookJSON, asked time.Time) (active bool, err error) {
	branch := decodeBranch(l.Name)
	life, err := s.numbers(ctx, j.Name, branch, l.Next, l.Builds, asked)
	if err != nil {
		return false, err
	}
	key := esc(j.Name) + "/" + esc(branch)
	seen, _, err := read[seenDoc](ctx, s, kindSeen, key)
	if err != nil {
		return false, err
	}
	if seen.Life != life {
		seen = seenDoc{Life: life}
	}
	j.ID = inLife(j.ID, life)
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
	return active, s.tell(ctx, j.Name, key, seen, events)
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
// by webhook. Of a job that was forgotten meanwhile nothing is remembered: the next
// one of its name begins to count anew.
func (s *Service) tell(ctx context.Context, job, key string, seen seenDoc, events []bot.Event) error {
	now := s.env.Clock.Now()
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if known, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, esc(job)); err != nil || known.isNew() {
			return err
		}
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

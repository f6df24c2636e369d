package jenkins

import (
	"context"
	"strconv"
	"time"

	"opsbot/bot"
)

func requestKey(job, key string) string { return esc(job) + "/" + esc(key) }

func queueKey(job, queue string) string { return esc(job) + "/" + esc(queue) }

// intent is what is stored of the request; known is false if there is nothing.
func (s *Service) intent(ctx context.Context, req bot.BuildRequest) (d requestDoc, known bool, err error) {
	if req.Key == "" {
		return d, false, nil
	}
	return read[requestDoc](ctx, s, kindRequest, requestKey(req.Job.ExternalID, req.Key))
}

func (s *Service) writeIntent(ctx context.Context, req bot.BuildRequest, next int) error {
	if req.Key == "" {
		return nil
	}
	return change(ctx, s, kindRequest, requestKey(req.Job.ExternalID, req.Key), func(d *requestDoc, _ bool) error {
		*d = requestDoc{
			Key: req.Key, Branch: req.Branch, At: s.env.Clock.Now(), Next: next,
			Parameters: req.Parameters, By: req.By, Cause: req.Cause,
		}
		return nil
	})
}

// claim gives the item of the queue to the request. CodeConflict if it is
// another's.
func (s *Service) claim(ctx context.Context, req bot.BuildRequest, queue string) error {
	job := req.Job.ExternalID
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		q, err := ensure[queueDoc](ctx, tx, s.env.Name, kindQueue, queueKey(job, queue))
		if err != nil {
			return err
		}
		if !q.isNew() && q.body.Key != "" && q.body.Key != req.Key {
			return bot.Errorf(bot.CodeConflict, "the item %s of the queue is another request's", queue)
		}
		q.body.Key, q.body.By, q.body.Cause, q.body.Branch, q.body.At = req.Key, req.By, req.Cause, req.Branch, s.env.Clock.Now()
		if err := q.save(ctx, tx); err != nil || req.Key == "" {
			return err
		}
		r, err := ensure[requestDoc](ctx, tx, s.env.Name, kindRequest, requestKey(job, req.Key))
		if err != nil {
			return err
		}
		r.body.Queue = queue
		if err := r.save(ctx, tx); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{}) // polled at once
	})
}

// findEffect looks for the build that an earlier try of the request has made: by
// the key among the parameters, else by our account as the cause, equal parameters,
// a number that was not given then, and nobody else's claim. "" if there is none;
// CodeUnknown if it cannot be told apart.
func (s *Service) findEffect(ctx context.Context, job string, b *branchJSON, d requestDoc) (queue string, err error) {
	full, err := s.readHistory(ctx, job, b.Name, 50)
	if err != nil {
		return "", err
	}
	var found []string
	for _, c := range full.candidates() {
		if v, ok := c.Actions.value(KeyParameter); ok && v == d.Key || d.marks(c) {
			found = []string{c.queue}
			break
		}
		if c.number > 0 && c.number < d.Next || !c.Actions.startedBy(s.config.User) || !c.Actions.has(d.Parameters) {
			continue
		}
		q, _, err := read[queueDoc](ctx, s, kindQueue, queueKey(job, c.queue))
		if err != nil {
			return "", err
		}
		if q.Key == "" {
			found = append(found, c.queue)
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	if len(found) > 1 {
		return "", bot.Errorf(bot.CodeUnknown, "Jenkins has several builds of %s/%s of which any may be the one that was asked for: see %s.", job, d.Branch, s.jobURL(job))
	}
	req := bot.BuildRequest{Job: bot.Job{ExternalID: job}, Branch: d.Branch, Key: d.Key, By: d.By, Cause: d.Cause}
	return found[0], s.claim(ctx, req, found[0])
}

// marks tells whether a candidate has the deployment's id as a parameter: no other
// build ever has.
func (d requestDoc) marks(c candidate) bool {
	id := d.deployment()
	for name, value := range d.Parameters {
		if v, ok := c.Actions.value(name); ok && id != "" && value == id && v == id {
			return true
		}
	}
	return false
}

// candidate is a build, or an item of the queue, that may be what was asked for.
type candidate struct {
	number  int
	queue   string
	Actions actions
}

func (b *branchJSON) candidates() []candidate {
	var all []candidate
	if b.QueueItem != nil {
		all = append(all, candidate{queue: strconv.FormatInt(b.QueueItem.ID, 10), Actions: b.QueueItem.Actions})
	}
	for _, one := range b.Builds {
		all = append(all, candidate{number: one.Number, queue: strconv.FormatInt(one.QueueID, 10), Actions: one.Actions})
	}
	return all
}

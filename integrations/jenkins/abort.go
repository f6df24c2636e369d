package jenkins

import (
	"context"
	"fmt"
	"net/http"

	"opsbot/bot"
)

// Abort stops a build that runs, or takes it out of the queue. Ended is success.
func (s *Service) Abort(ctx context.Context, ref bot.BuildRef, by string) error {
	ref, _, err := s.enter(ctx, ref)
	if err != nil {
		return err
	}
	b, err := s.status(ctx, ref)
	if err != nil || b.State == bot.BuildFinished {
		return err
	}
	// Who it was is stored first: Jenkins will only ever say that OpsBot did it.
	if b.Ref.Queue != "" {
		err := change(ctx, s, kindQueue, queueKey(ref.Job, b.Ref.Queue), func(d *queueDoc, _ bool) error {
			d.AbortBy, d.Branch, d.At = by, ref.Branch, s.env.Clock.Now()
			return nil
		})
		if err != nil {
			return err
		}
	}
	if b.State == bot.BuildQueued {
		_, err = s.post(ctx, command{at: "/queue/cancelItem", query: query{"id": b.Ref.Queue}, safe: true})
		if httpStatus(err) != http.StatusNotFound {
			return s.abortError(b.Ref, err)
		}
		// It has left the queue in between.
		if b, err = s.status(ctx, ref); err != nil || b.State == bot.BuildFinished || b.Ref.Number == 0 {
			return err
		}
	}
	_, err = s.post(ctx, command{at: buildPath(ref.Job, s.nameOf(ref.Job, ref.Branch), b.Ref.Number) + "stop", safe: true})
	if httpStatus(err) == http.StatusNotFound { // deleted in between, or a proxy's word
		again, readErr := s.status(ctx, b.Ref)
		if bot.CodeOf(readErr) == bot.CodeNotFound || readErr == nil && again.State == bot.BuildFinished {
			return nil
		}
	}
	return s.abortError(b.Ref, err)
}

func (s *Service) abortError(ref bot.BuildRef, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("jenkins: abort %s/%s #%d: %w", ref.Job, ref.Branch, ref.Number, err)
}

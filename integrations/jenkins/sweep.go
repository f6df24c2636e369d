package jenkins

import (
	"context"
	"encoding/json"
	"time"

	"opsbot/bot"
)

const (
	// remembered is how long a request's key stands for its build, and what Jenkins
	// does not keep of a build is kept here: the relay has long had it by then.
	remembered = 30 * 24 * time.Hour
	sweepEvery = 24 * time.Hour
	sweepPage  = 500
)

// sweep forgets old requests, a page in a transaction.
func (s *Service) sweep(ctx context.Context) error {
	before := s.env.Clock.Now().Add(-remembered)
	for _, kind := range []string{kindRequest, kindQueue} {
		after := ""
		for more := true; more; {
			err := s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
				docs, err := tx.Documents.List(ctx, s.env.Name, kind, "", after, sweepPage)
				if err != nil {
					return err
				}
				more = len(docs) == sweepPage
				for _, d := range docs {
					var dated struct {
						At time.Time `json:"at"`
					}
					if json.Unmarshal(d.Body, &dated) == nil && dated.At.Before(before) {
						if err := tx.Documents.Delete(ctx, s.env.Name, kind, d.Key); err != nil {
							return err
						}
					}
				}
				if more {
					after = docs[len(docs)-1].Key
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

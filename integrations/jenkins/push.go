package jenkins

import (
	"context"
	"time"

	"opsbot/bot"
)

// pushDoc is a push that Jenkins is to look at, kept until it was told.
type pushDoc struct {
	At time.Time `json:"at"`
}

// HandleEvent notes pushes and deleted branches of projects that have a job here:
// the poller then has Jenkins look for branches, and looks closely itself. It runs
// inside the relay's transaction and calls nobody.
func (s *Service) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, _ *bot.Change) error {
	if e.Type != bot.EventPushed && e.Type != bot.EventBranchDeleted || e.ProjectID == "" {
		return nil
	}
	p, err := ensure[projectDoc](ctx, tx, s.env.Name, kindProject, esc(e.ProjectID))
	if err != nil || p.body.Job == "" {
		return err
	}
	d, err := ensure[pushDoc](ctx, tx, s.env.Name, kindPush, esc(p.body.Job))
	if err != nil {
		return err
	}
	d.body.At = s.env.Clock.Now()
	if err := d.save(ctx, tx); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
}

// passPushes has Jenkins scan the jobs that were pushed to. A job that cannot be
// scanned is left to Jenkins' own ways: a push is not worth an endless retry.
func (s *Service) passPushes(ctx context.Context) (some bool, err error) {
	var docs []bot.Document
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		docs, err = tx.Documents.List(ctx, s.env.Name, kindPush, "", "", 0)
		return err
	})
	for _, d := range docs {
		if s.config.ScanOnPush {
			err := s.triggerScan(ctx, decodeBranch(d.Key))
			class, _ := bot.RetryOf(err)
			if err != nil && class != bot.RetryNever {
				return true, err
			}
			if err != nil {
				s.env.Log.Warn("have Jenkins look for branches", "job", d.Key, "error", err)
			}
		}
		err := s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			now, err := ensure[pushDoc](ctx, tx, s.env.Name, kindPush, d.Key)
			if err != nil || now.doc.Rev != d.Rev {
				return err // pushed to again meanwhile
			}
			return tx.Documents.Delete(ctx, s.env.Name, kindPush, d.Key)
		})
		if err != nil {
			return true, err
		}
	}
	return len(docs) > 0, err
}

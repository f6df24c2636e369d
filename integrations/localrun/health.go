package localrun

import (
	"context"
	"errors"

	"opsbot/bot"
)

// observe records what runs and tells of a change for the worse or the better.
func (w *worker) observe(ctx context.Context, a *appDoc, health, why string) error {
	version := w.observed()
	if a.Health == health && a.Observed == version {
		return nil
	}
	return w.s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var now appDoc
		rev, err := w.s.get(ctx, tx, kindApp, w.key, &now)
		if err != nil || rev == 0 {
			return errors.Join(err, gone(rev))
		}
		before := now.Health
		now.Health, now.Observed = health, version
		if what := told(before, health); what != "" {
			if err := w.s.emit(ctx, tx, &now, nil, what, why); err != nil {
				return err
			}
		}
		a.Health, a.Observed = health, version
		return w.s.put(ctx, tx, kindApp, w.key, rev, now)
	})
}

// told is what others hear of a change of health; "" for none. What was never
// known to run can't be lost.
func told(before, after string) bot.EventType {
	switch {
	case before == "" || before == after:
		return ""
	case after == "healthy":
		return bot.EventIncidentResolved
	}
	return bot.EventIncidentDetected
}

// observed is the version that runs, "" if none does.
func (w *worker) observed() string {
	if w.current == nil {
		return ""
	}
	return w.current.release.VersionID
}

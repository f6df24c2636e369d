package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// TakeRound claims one round of work that is due every so often for one of the
// replicas; the document (instance, kind, "last") holds when it was taken last. A
// round taken less than half that time ago is somebody else's.
func TakeRound(ctx context.Context, work UnitOfWork, instance, kind string, now time.Time, every time.Duration) (mine bool, err error) {
	err = work.Write(ctx, func(ctx context.Context, tx *Tx) error {
		mine = false
		doc, err := tx.Documents.Get(ctx, instance, kind, "last")
		var last struct{ At time.Time }
		if err == nil {
			err = json.Unmarshal(doc.Body, &last)
		}
		if err != nil && CodeOf(err) != CodeNotFound {
			return err
		}
		if now.Sub(last.At) < every/2 {
			return nil
		}
		last.At = now
		body, err := json.Marshal(last)
		if err != nil {
			return fmt.Errorf("encode the round of %s: %w", kind, err)
		}
		mine = true
		_, err = tx.Documents.Put(ctx, Document{Instance: instance, Kind: kind, Key: "last", Rev: doc.Rev, Body: body})
		return err
	})
	if CodeOf(err) == CodeStale {
		return false, nil // another replica's
	}
	return mine, err
}

// InstalledHook is a webhook of ours on a forge.
type InstalledHook struct {
	Repository Repository
	ExternalID string // the forge's id of the hook
}

// InstalledHooks lists the webhooks that an instance's projects have, but for archived
// ones, by the projects' names.
func InstalledHooks(ctx context.Context, work UnitOfWork, instance string) (out []InstalledHook, err error) {
	err = work.Read(ctx, func(ctx context.Context, tx *Tx) error {
		out = nil
		projects, err := tx.Projects.List(ctx)
		if err != nil {
			return err
		}
		for _, p := range projects {
			all, err := tx.Resources.Of(ctx, p.ID)
			if err != nil {
				return err
			}
			var one InstalledHook
			for _, r := range all {
				switch {
				case r.Instance != instance:
				case r.Kind == ResourceRepository:
					one.Repository = r.Repository(p.DefaultBranch)
				case r.Kind == ResourceHook:
					one.ExternalID = r.ExternalID
				}
			}
			if one.ExternalID != "" && one.Repository.ExternalID != "" && p.State != ProjectArchived {
				out = append(out, one)
			}
		}
		return nil
	})
	return out, err
}

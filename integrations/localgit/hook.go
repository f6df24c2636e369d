package localgit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"opsbot/bot"
)

// hookRecord is an installed webhook. Target is the path and query at the edge.
type hookRecord struct {
	ID     string `json:"id"` // the resource's id: the marker
	Target string `json:"target"`
}

func hookKey(r record, resourceID string) string { return r.ID + "/" + resourceID }

// FindHook implements bot.HookInstaller.
func (f *Forge) FindHook(ctx context.Context, spec bot.HookSpec) (bot.Presence, string, error) {
	r, target, err := f.checkHook(ctx, spec)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.PresenceAbsent, "", nil
	}
	if err != nil {
		return bot.PresenceUnknown, "", err
	}
	var have hookRecord
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := f.getDoc(ctx, tx, kindHook, hookKey(r, spec.ResourceID), &have)
		return err
	})
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, "", nil
	case err != nil:
		return bot.PresenceUnknown, "", err
	case have.Target != target:
		return bot.PresenceAbsent, "", nil // ensuring it again corrects the address
	}
	return bot.PresenceOurs, have.ID, nil
}

// EnsureHook implements bot.HookInstaller. The first hook of a repository is told
// about everything pushed so far; a later one about what is pushed from then on.
func (f *Forge) EnsureHook(ctx context.Context, spec bot.HookSpec) (string, error) {
	r, target, err := f.checkHook(ctx, spec)
	if err != nil {
		return "", err
	}
	err = f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var have hookRecord
		rev, err := f.getDoc(ctx, tx, kindHook, hookKey(r, spec.ResourceID), &have)
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound || have.Target == target {
			return err
		}
		return f.putDoc(ctx, tx, kindHook, hookKey(r, spec.ResourceID), rev, hookRecord{spec.ResourceID, target})
	})
	if err != nil {
		return "", err
	}
	f.notify(r.ID)
	return spec.ResourceID, nil
}

// RemoveHook implements bot.HookInstaller. Absent is success.
func (f *Forge) RemoveHook(ctx context.Context, spec bot.HookSpec) error {
	r, err := f.find(ctx, spec.Repository)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Documents.Delete(ctx, f.env.Name, kindHook, hookKey(r, spec.ResourceID))
	})
}

// checkHook finds the repository and the hook's path at our own edge, the only
// place that this forge delivers to.
func (f *Forge) checkHook(ctx context.Context, spec bot.HookSpec) (record, string, error) {
	if spec.ResourceID == "" || strings.Contains(spec.ResourceID, "/") || len(spec.ResourceID) > 100 {
		return record{}, "", bot.Errorf(bot.CodeInvalid, "The webhook of %s has no usable resource id.", bot.Escape(spec.Repository.Name))
	}
	door := "/hooks/" + f.env.Name
	u, err := url.Parse(spec.URL)
	at := -1
	if err == nil {
		at = strings.LastIndex(u.Path, door)
	}
	if at < 0 || !strings.HasPrefix(u.Path[at+len(door):]+"/", "/") {
		return record{}, "", bot.Errorf(bot.CodeInvalid, "The integration %s delivers webhooks to %s of this installation only.", f.env.Name, door)
	}
	target := (&url.URL{Path: u.Path[at:], RawQuery: u.RawQuery}).RequestURI()
	r, err := f.find(ctx, spec.Repository)
	return r, target, err
}

// hooks lists the hooks of a repository.
func (f *Forge) hooks(ctx context.Context, tx *bot.Tx, r record) ([]hookRecord, error) {
	docs, err := tx.Documents.List(ctx, f.env.Name, kindHook, r.ID+"/", "", 0)
	if err != nil {
		return nil, err
	}
	out := make([]hookRecord, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, fmt.Errorf("localgit: read hook %s: %w", d.Key, err)
		}
	}
	return out, nil
}

package localgit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

const (
	maxPayloadCommits = 100
	deliverTimeout    = 30 * time.Second
)

// visible refs are those that webhooks are about: branches and tags whose names can
// be told in JSON and kept in any store. Git allows more.
func visible(ref string) bool {
	name, ok := strings.CutPrefix(ref, "refs/heads/")
	if !ok {
		name, ok = strings.CutPrefix(ref, "refs/tags/")
	}
	return ok && gitpush.CheckBranch(name) == nil
}

// errBusy means that a push is between its two notes: its end wakes us again.
var errBusy = errors.New("a push is being applied")

// Reconcile delivers all that is pushed and not yet delivered, of all repositories.
// Run does this by itself; it may be called at any time.
func (f *Forge) Reconcile(ctx context.Context) error {
	if err := f.atHome(ctx); err != nil {
		return err
	}
	repos, err := f.all(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, r := range repos {
		if err := f.catchUp(ctx, r); err != nil && !errors.Is(err, errBusy) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// catchUp delivers what one repository has, in order, up to the first refusal.
func (f *Forge) catchUp(ctx context.Context, r record) error {
	f.delivering.Lock()
	defer f.delivering.Unlock()
	hooks, delivered, err := f.delivered(ctx, r)
	if err != nil || len(hooks) == 0 { // without a hook everything waits for the first one
		return err
	}
	present, noted, pushes, err := f.observe(ctx, r, delivered)
	if err != nil {
		return err
	}
	for _, m := range planMoves(delivered, present, noted, f.env.Clock.Now()) {
		if err := f.deliver(ctx, r, hooks, m); err != nil {
			return err
		}
		state := refState{rev: delivered[m.Ref].rev, Commit: m.After, Seq: m.Seq}
		for _, p := range append(delivered[m.Ref].Pushes, m.Push) {
			if slices.Contains(pushes, p) {
				state.Pushes = append(state.Pushes, p)
			}
		}
		if state.rev, err = f.remember(ctx, r, m.Ref, state); err != nil {
			return err
		}
		delivered[m.Ref] = state
	}
	return f.forget(r.ID, f.ended(pushes))
}

// delivered reads the hooks and what they were told so far.
func (f *Forge) delivered(ctx context.Context, r record) (hooks []hookRecord, refs map[string]refState, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if hooks, err = f.hooks(ctx, tx, r); err != nil || len(hooks) == 0 {
			return err
		}
		docs, err := tx.Documents.List(ctx, f.env.Name, kindRef, r.ID+"/", "", 0)
		refs = map[string]refState{}
		for _, d := range docs {
			s := refState{rev: d.Rev}
			if err := json.Unmarshal(d.Body, &s); err != nil {
				return fmt.Errorf("localgit: read state of %s: %w", d.Key, err)
			}
			refs[strings.TrimPrefix(d.Key, r.ID+"/")] = s
		}
		return err
	})
	return hooks, refs, err
}

func (f *Forge) remember(ctx context.Context, r record, ref string, s refState) (rev int64, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return 0, fmt.Errorf("localgit: write state of %s: %w", ref, err)
	}
	err = f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		rev, err = tx.Documents.Put(ctx, bot.Document{Instance: f.env.Name, Kind: kindRef, Key: r.ID + "/" + ref, Rev: s.rev, Body: body})
		return err
	})
	return rev, err
}

// observe reads refs and notes that belong together: a push in between would make
// the notes tell more than the refs. errBusy while one is being applied.
func (f *Forge) observe(ctx context.Context, r record, delivered map[string]refState) (present map[string]string, noted []change, pushes []string, err error) {
	present, err = f.refs(ctx, r)
	for range 5 {
		if err != nil {
			return nil, nil, nil, err
		}
		if noted, pushes, err = f.spooled(r.ID); err != nil {
			return nil, nil, nil, err
		}
		if f.applying(noted) {
			return nil, nil, nil, errBusy
		}
		if len(pushes) == 0 && settled(delivered, present) {
			return present, nil, nil, nil
		}
		var again map[string]string
		again, err = f.refs(ctx, r)
		if maps.Equal(present, again) {
			return present, noted, pushes, err
		}
		present = again
	}
	return nil, nil, nil, errBusy
}

func settled(delivered map[string]refState, present map[string]string) bool {
	for ref, s := range delivered {
		if present[ref] != s.Commit {
			return false
		}
	}
	for ref := range present {
		if _, known := delivered[ref]; !known {
			return false
		}
	}
	return true
}

// applying reports whether a push that still runs has said what it wants to change
// and not yet what it did.
func (f *Forge) applying(noted []change) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(noted, func(c change) bool {
		_, runs := f.running[c.Push]
		return runs && !c.Applied
	})
}

// ended leaves out the pushes that still run: their notes are not complete.
func (f *Forge) ended(pushes []string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(pushes), func(p string) bool { _, runs := f.running[p]; return runs })
}

// deliver posts one move to every hook.
func (f *Forge) deliver(ctx context.Context, r record, hooks []hookRecord, m move) error {
	body, err := f.describe(ctx, r, m)
	if err != nil {
		return err
	}
	for _, h := range hooks {
		if err := f.post(ctx, h, m.id(r.ID, h.ID), body); err != nil {
			return fmt.Errorf("localgit: deliver %s of %s: %w", m.Ref, r.full(), err)
		}
	}
	return nil
}

func (f *Forge) describe(ctx context.Context, r record, m move) ([]byte, error) {
	var list []logged
	var head *logged
	forced := false
	if m.After != "" {
		tip, err := f.log(ctx, r, 1, m.After)
		if err == nil && len(tip) == 1 {
			head = &tip[0]
		}
		if strings.HasPrefix(m.Ref, "refs/heads/") && head != nil {
			list, forced = f.brought(ctx, r, m)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return json.Marshal(f.payload(r, m, list, head, forced))
}

// brought gives the commits that a branch's move added, and whether it left others
// behind. What cannot be told (the old commit is gone) is told as forced.
func (f *Forge) brought(ctx context.Context, r record, m move) (list []logged, forced bool) {
	revs := []string{m.After}
	base := "refs/heads/" + r.DefaultBranch
	if m.Before != "" {
		revs = append(revs, "^"+m.Before)
		_, err := f.git.run(ctx, f.repoPath(r.ID), 1024, "merge-base", "--is-ancestor", m.Before, m.After)
		forced = err != nil
	} else if m.Ref != base {
		revs = append(revs, "--not", base)
	}
	list, err := f.log(ctx, r, maxPayloadCommits, revs...)
	if err != nil {
		list, _ = f.log(ctx, r, 1, m.After)
	}
	return list, forced
}

func (f *Forge) post(ctx context.Context, h hookRecord, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://edge"+h.Target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "OpsBot-localgit")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-GitHub-Hook-ID", h.ID)
	f.scheme.Sign(req.Header, body)
	res, err := f.env.Edge.RoundTrip(req)
	if err != nil {
		return err
	}
	said, _ := io.ReadAll(io.LimitReader(res.Body, 300))
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the edge answered %d: %q", res.StatusCode, said)
	}
	return nil
}

package gitlab

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

// file files a project with its repository and webhook, as new-project does.
func (w *world) file(repo bot.Repository, hook string) {
	w.t.Helper()
	err := w.store.Write(w.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		now := w.clock.Now()
		p := bot.Project{ID: bot.NewID(now), Slug: repo.Name, Owner: repo.Owner, State: bot.ProjectActive, DefaultBranch: "main", Forge: "gitlab", CreatedAt: now}
		row := bot.Resource{ID: bot.NewID(now), ProjectID: p.ID, Kind: bot.ResourceRepository, Instance: "gitlab", ExternalID: repo.ExternalID, Name: repo.Owner + "/" + repo.Name, URL: repo.URL, State: "active", CreatedAt: now}
		h := bot.Resource{ID: bot.NewID(now), ProjectID: p.ID, Kind: bot.ResourceHook, Instance: "gitlab", ExternalID: hook, Name: "https://x", State: "active", CreatedAt: now}
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		if err := tx.Resources.Put(ctx, row); err != nil {
			return err
		}
		return tx.Resources.Put(ctx, h)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// hookedProject is a project whose webhook is installed.
func (w *world) hookedProject(name string) bot.Repository {
	w.t.Helper()
	repo, _ := w.made(name)
	id, err := w.forge.EnsureHook(w.t.Context(), hookOf(repo))
	if err != nil {
		w.t.Fatal(err)
	}
	w.file(repo, id)
	return repo
}

func (w *world) commit(path, message string) {
	w.t.Helper()
	if _, err := w.lab.Commit(path, "main", message); err != nil {
		w.t.Fatal(err)
	}
}

// sweep is a round some time later; it gives the attempts to deliver so far.
func (w *world) sweep() []fake.Delivery {
	w.t.Helper()
	w.clock.add(3 * time.Minute)
	if err := w.forge.Sweep(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return w.project("foo/shop").Hooks[0].Deliveries
}

func TestSweepRepeatsWhatWasLost(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	status.Store(202)
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return int(status.Load()) }))
	w.hookedProject("shop")
	w.commit("foo/shop", "Arrives")
	status.Store(503)
	w.commit("foo/shop", "Lost")
	if got := w.sweep(); len(got) != 3 {
		t.Fatalf("%d attempts, want the lost one again", len(got))
	}
	status.Store(202)
	got := w.sweep()
	if len(got) != 4 || got[3].StatusCode != 202 {
		t.Fatalf("%d attempts, the last %+v", len(got), got[len(got)-1])
	}
	ids := []string{}
	for _, d := range got {
		id, _, err := w.forge.Verify(bot.Delivery{Header: d.Header, Body: d.Body})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[1] != ids[2] || ids[2] != ids[3] || ids[0] == ids[1] {
		t.Errorf("delivery ids: %v", ids)
	}
	if got := w.sweep(); len(got) != 4 {
		t.Errorf("what has arrived is repeated: %d attempts", len(got))
	}
}

func TestSweepGivesUp(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return 0 }))
	w.hookedProject("shop")
	w.commit("foo/shop", "Lost")
	for range 12 {
		w.clock.add(2 * time.Hour) // it is switched off for a while in between
		w.sweep()
	}
	if got := w.sweep(); len(got) != mostAttempts {
		t.Errorf("%d attempts, want %d", len(got), mostAttempts)
	}
}

// TestSweepOfManyPages: GitLab tells of twenty deliveries at a time.
func TestSweepOfManyPages(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int {
		if lost.Load() {
			return 500
		}
		return 200
	}))
	w.hookedProject("shop")
	lost.Store(true)
	w.commit("foo/shop", "Lost")
	lost.Store(false)
	for range 25 {
		w.commit("foo/shop", "Arrives")
	}
	got := w.sweep()
	if len(got) != 27 || !slices.Equal(got[26].Body, got[0].Body) {
		t.Errorf("%d attempts", len(got))
	}
}

// TestSweepGoesOnBehindALostHook: a project that is gone does not keep the others
// from their deliveries; a limit ends the round.
func TestSweepGoesOnBehindALostHook(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return 500 }))
	gone := w.hookedProject("a-gone")
	w.hookedProject("shop")
	w.commit("foo/shop", "Lost")
	if err := w.forge.RemoveRepository(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := w.forge.Sweep(t.Context()); bot.CodeOf(err) == "" || !strings.Contains(err.Error(), "a-gone") {
		t.Errorf("the lost one is not told: %v", err)
	}
	if got := w.project("foo/shop").Hooks[0].Deliveries; len(got) != 2 {
		t.Errorf("%d attempts", len(got))
	}
	w.lab.Fail(fake.Fault{Status: 429, Header: map[string]string{"Retry-After": "60"}, Times: 1})
	calls := len(w.lab.Calls())
	wantWait(t, w.forge.Sweep(t.Context()), time.Minute, time.Minute)
	if n := len(w.lab.Calls()) - calls; n != 1 {
		t.Errorf("%d calls after the limit", n)
	}
}

// TestOneReplicaSweeps: two with one store do not both ask.
func TestOneReplicaSweeps(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	first, err := w.forge.turn(t.Context())
	if err != nil || !first {
		t.Fatal(first, err)
	}
	other, err := New(w.env, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := other.turn(t.Context()); err != nil || second {
		t.Errorf("the other one's turn: %v, %v", second, err)
	}
	w.clock.add(sweepEvery)
	if again, err := other.turn(t.Context()); err != nil || !again {
		t.Errorf("ten minutes later: %v, %v", again, err)
	}
}

// TestRun ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.forge.Run(ctx); err != nil {
		t.Error(err)
	}
}

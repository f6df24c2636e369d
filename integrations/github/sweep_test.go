package github

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

// project files a project with its repository and webhook, as new-project does.
func (w *world) project(repo bot.Repository, hook string) {
	w.t.Helper()
	err := w.store.Write(w.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		now := w.clock.Now()
		p := bot.Project{ID: bot.NewID(now), Slug: repo.Name, Owner: repo.Owner, State: bot.ProjectActive, DefaultBranch: "main", Forge: "github", CreatedAt: now}
		row := bot.Resource{ID: bot.NewID(now), ProjectID: p.ID, Kind: bot.ResourceRepository, Instance: "github", ExternalID: repo.ExternalID, Name: repo.Owner + "/" + repo.Name, URL: repo.URL, State: "active", CreatedAt: now}
		h := bot.Resource{ID: bot.NewID(now), ProjectID: p.ID, Kind: bot.ResourceHook, Instance: "github", ExternalID: hook, Name: "https://x", State: "active", CreatedAt: now}
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
	w.project(repo, id)
	return repo
}

func TestSweepRepeatsWhatWasLost(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	status.Store(503)
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return int(status.Load()) }))
	w.hookedProject("shop") // the ping is lost
	if _, err := w.hub.Commit("foo-org/shop", "main", "Lost"); err != nil {
		t.Fatal(err)
	}
	sweep := func() []fake.Delivery {
		if err := w.forge.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.hubRepo("foo-org/shop").Hooks[0].Deliveries
	}
	if got := sweep(); len(got) != 2 {
		t.Fatalf("what may still be on its way is repeated: %d deliveries", len(got))
	}
	w.clock.add(3 * time.Minute)
	if got := sweep(); len(got) != 4 {
		t.Fatalf("%d deliveries, want both again", len(got))
	}
	status.Store(202)
	w.clock.add(3 * time.Minute)
	got := sweep()
	if len(got) != 6 || got[5].StatusCode != 202 || !got[5].Redelivery || got[5].GUID == got[4].GUID {
		t.Fatalf("%d deliveries, the last %+v", len(got), got[len(got)-1])
	}
	w.clock.add(time.Hour)
	if got := sweep(); len(got) != 6 {
		t.Errorf("what has arrived is repeated: %d deliveries", len(got))
	}
}

func TestSweepGivesUp(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return 0 }))
	w.hookedProject("shop")
	for range 10 {
		w.clock.add(5 * time.Minute)
		if err := w.forge.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.hubRepo("foo-org/shop").Hooks[0].Deliveries; len(got) != mostAttempts {
		t.Errorf("%d attempts, want %d", len(got), mostAttempts)
	}
}

// TestSweepGoesOnBehindALostHook: a repository that is gone does not keep the others
// from their deliveries; a limit ends the round.
func TestSweepGoesOnBehindALostHook(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithReceiver(func(fake.Delivery) int { return 500 }))
	gone := w.hookedProject("a-gone")
	w.hookedProject("shop")
	if err := w.forge.RemoveRepository(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Hour)
	if err := w.forge.Sweep(t.Context()); bot.CodeOf(err) == "" || !strings.Contains(err.Error(), "a-gone") {
		t.Errorf("the lost one is not told: %v", err)
	}
	if got := w.hubRepo("foo-org/shop").Hooks[0].Deliveries; len(got) != 2 {
		t.Errorf("%d attempts", len(got))
	}
}

// TestOneReplicaSweeps: two with one store do not both ask.
func TestOneReplicaSweeps(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	first, err := w.forge.turn(t.Context())
	second, again := w.forge.turn(t.Context())
	if err != nil || again != nil || !first || second {
		t.Errorf("turns %v %v, %v %v", first, second, err, again)
	}
	w.clock.add(sweepEvery)
	if mine, err := w.forge.turn(t.Context()); err != nil || !mine {
		t.Errorf("the next round: %v, %v", mine, err)
	}
}

func TestRunSweepsAndEnds(t *testing.T) {
	t.Parallel()
	swept := make(chan struct{}, 100)
	w := setup(t, nil, fake.WithReceiver(func(d fake.Delivery) int {
		if d.Redelivery {
			swept <- struct{}{}
			return 200
		}
		return 500
	}))
	w.hookedProject("shop")
	w.clock.add(time.Hour)
	w.clock.mu.Lock()
	w.clock.wait = true
	w.clock.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.forge.Run(ctx) }()
	<-swept
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func find(t *testing.T, all []bot.Finding, subject string) bot.Finding {
	t.Helper()
	for _, f := range all {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("no finding about %s in %+v", subject, all)
	return bot.Finding{}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	w.hookedProject("shop")
	for _, f := range w.forge.Probe(t.Context()) {
		if !f.OK || f.Text == "" {
			t.Errorf("%+v", f)
		}
	}
	app := asApp(t, nil)
	app.cfg.Owners = []string{"foo-org"}
	app.restart()
	for _, f := range app.forge.Probe(t.Context()) {
		if !f.OK {
			t.Errorf("as an App: %+v", f)
		}
	}
}

// TestProbeWithoutLimits: an Enterprise Server has none unless it is told to.
func TestProbeWithoutLimits(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	w.hub.Fail(fake.Fault{Method: "GET", Operation: "/rate_limit", Status: 404, Header: map[string]string{"Date": w.clock.Now().Format(http.TimeFormat)}})
	if f := find(t, w.forge.Probe(t.Context()), "rate limit"); !f.OK || f.Text != "none" {
		t.Errorf("%+v", f)
	}
}

func TestProbeFinds(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Owners = []string{"foo-org", "nobody"} }, fake.WithReceiver(func(d fake.Delivery) int { return 0 }))
	w.hookedProject("shop")
	w.hub.AddToken("ghp_narrow", w.hub.Login, "repo", "write:repo_hook")
	all := w.forge.Probe(t.Context())
	if f := find(t, all, "webhook from outside"); f.OK || !strings.Contains(f.Text, "failed to connect") {
		t.Errorf("%+v", f)
	}
	if f := find(t, all, "owner nobody"); f.OK || !strings.Contains(f.Text, "no organisation or user nobody") {
		t.Errorf("%+v", f)
	}
	w.cfg.Token = secret(t, "ghp_narrow")
	w.restart()
	late := &clock{now: w.clock.Now().Add(time.Minute)}
	w.forge.env.Clock = late
	all = w.forge.Probe(t.Context())
	if f := find(t, all, "token"); f.OK || !strings.Contains(f.Text, "admin:repo_hook") || !strings.Contains(f.Text, "delete_repo") || strings.Contains(f.Text, " repo (to") {
		t.Errorf("%+v", f)
	}
	if f := find(t, all, "clock"); f.OK || !strings.Contains(f.Text, "1 min") {
		t.Errorf("%+v", f)
	}
	w.hub.Revoke("ghp_narrow")
	if f := find(t, w.forge.Probe(t.Context()), "API"); f.OK || !strings.Contains(f.Text, "token") {
		t.Errorf("%+v", f)
	}
}

package localci

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// onStore makes an instance on a real store, its wake-ups included.
func onStore(t *testing.T, work *store.Store, repo *repository) *Service {
	t.Helper()
	b := &bench{store: newMemory(), clock: newStubClock(), blobs: &blobs{kept: map[string]string{}}, repo: repo}
	s := b.start(t, "node1:1", t.TempDir())
	s.env.Work, s.env.Waker, s.env.Clock = work, work, bot.SystemClock{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- work.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Errorf("store: %v", err)
		}
	})
	return s
}

func stores(t *testing.T) map[string]func(testing.TB) *store.Store {
	t.Helper()
	return map[string]func(testing.TB) *store.Store{
		"sqlite":   func(tb testing.TB) *store.Store { tb.Helper(); return storetest.Open(tb) },
		"postgres": func(tb testing.TB) *store.Store { tb.Helper(); return storetest.OpenPostgres(tb) },
	}
}

// The whole way on the stores that ship: index, build, push, abort, delete.
func TestOnStores(t *testing.T) {
	t.Parallel()
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := newRepository(t)
			first := repo.commit(t, "main", map[string]string{"Jenkinsfile": "pipeline {}"})
			work := open(t)
			s := onStore(t, work, repo)
			g := newGate(s)
			spec := bot.JobSpec{
				ProjectID: bot.NewID(time.Now()), Name: "shop", Branch: "main", Operation: bot.NewID(time.Now()),
				Source: bot.CloneSource{URL: repo.bare, Path: true},
			}
			job, err := s.EnsureJob(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			serve(t, s)
			if got := g.next(t); got != "main#1" {
				t.Errorf("began %s", got)
			}
			push(t, s, work, bot.Event{ID: "e1", Type: bot.EventPushed, ProjectID: spec.ProjectID, Branch: "main", Commit: first})
			second := repo.commit(t, "main", nil)
			push(t, s, work, bot.Event{ID: "e2", Type: bot.EventPushed, ProjectID: spec.ProjectID, Branch: "main", Commit: second})
			if got := g.next(t); got != "main#2" {
				t.Errorf("began %s", got)
			}
			if err := s.Abort(t.Context(), bot.BuildRef{Job: "shop", Branch: "main", Number: 1}, "bob"); err != nil {
				t.Fatal(err)
			}
			g.release <- success
			awaitBuilds(t, s, job, "2 SUCCESS", "1 ABORTED")
			push(t, s, work, bot.Event{ID: "e3", Type: bot.EventBranchDeleted, ProjectID: spec.ProjectID, Branch: "main"})
			awaitBuilds(t, s, job)
			if err := s.RemoveJob(t.Context(), job); err != nil {
				t.Error(err)
			}
			rows := claimed(t, work)
			slices.Sort(rows) // two builds ran side by side
			want := []string{"finished", "finished", "queued", "queued", "started", "started"}
			if !slices.Equal(rows, want) {
				t.Errorf("events %q, want %q", rows, want)
			}
		})
	}
}

func push(t *testing.T, s *Service, work bot.UnitOfWork, e bot.Event) {
	t.Helper()
	err := work.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return s.HandleEvent(ctx, tx, &e, nil) })
	if err != nil {
		t.Fatal(err)
	}
}

// awaitBuilds waits until the finished builds are these. The store tells nobody
// when a build ends, so it is asked again and again.
func awaitBuilds(t *testing.T, s *Service, job bot.Job, want ...string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		builds, err := s.Builds(t.Context(), job, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range builds {
			got = append(got, string(rune('0'+b.Ref.Number))+" "+string(b.Result))
		}
		if strings.Join(got, ", ") == strings.Join(want, ", ") {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("builds %q, want %q", got, want)
		}
	}
}

// claimed takes the events out of the inbox, in the order in which they came.
func claimed(t *testing.T, work bot.UnitOfWork) []string {
	t.Helper()
	var kinds []string
	err := work.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		kinds = nil
		rows, err := tx.Inbox.Claim(ctx, "test", time.Now(), time.Minute, 100)
		for _, row := range rows {
			kinds = append(kinds, strings.TrimPrefix(string(row.Event.Type), "pipelinerun."))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

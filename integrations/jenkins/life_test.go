package jenkins

import (
	"context"
	"fmt"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// reborn has the branch topic deleted, pruned and made again, with builds of each life.
func reborn(t *testing.T, b *bench, job bot.Job, before, after int) (old bot.Build) {
	t.Helper()
	b.repo.Commit("topic", &fake.Program{})
	for i := range before {
		old = b.until(t, b.build(t, job, "topic", fmt.Sprint("old", i)), finished)
	}
	if events := b.polled(t); len(events) != 2*before {
		t.Fatalf("%q", says(events))
	}
	b.repo.Delete("topic")
	if _, err := b.Service.rescan(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	b.fake.Prune("shop/topic")
	b.repo.Commit("topic", &fake.Program{})
	for i := range after { // by somebody in Jenkins: OpsBot does not look
		b.fake.Build("shop", "topic")
		b.until(t, bot.BuildRef{Job: "shop", Branch: "topic", Number: i + 1}, finished)
	}
	return old
}

// TestBranchMadeAnew: its builds are others than those of the same numbers before, in
// events, in the store, and for whoever asks for one.
func TestBranchMadeAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after int }{{1, 1}, {3, 1}, {2, 2}, {2, 4}} {
		t.Run(fmt.Sprint(c.before, " then ", c.after), func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			job := b.job(t, &fake.Program{})
			b.until(t, b.build(t, job, "main", "k"), finished)
			b.polled(t)
			old := reborn(t, b, job, c.before, c.after)
			events := b.polled(t)
			if len(events) != 2*c.after {
				t.Fatalf("%q", says(events))
			}
			for _, e := range events {
				if e.Build.Ref.Job != job.ExternalID+"~1" || e.ExternalID != job.ExternalID {
					t.Errorf("%s: of %s and %s", e.ID, e.Build.Ref.Job, e.ExternalID)
				}
			}
			if again := b.polled(t); len(again) != 0 {
				t.Errorf("told again: %q", says(again))
			}
			first := events[1].Build
			if got, err := b.Status(t.Context(), first.Ref); err != nil || got.Ref != first.Ref {
				t.Errorf("%+v, %v", got.Ref, err)
			}
			for _, err := range []error{
				justError(b.Status(t.Context(), old.Ref)),
				justError(b.ReadLog(t.Context(), bot.LogRef{Build: old.Ref}, 0)),
				b.Abort(t.Context(), old.Ref, "carol"),
			} {
				wantCode(t, err, bot.CodeNotFound)
			}
			stored(t, b, old, *first)
			ref := b.build(t, job, "topic", "new")
			if got := b.until(t, ref, finished); got.Ref.Job != first.Ref.Job || got.Ref.Number != c.after+1 {
				t.Errorf("%+v", got.Ref)
			}
		})
	}
}

func justError[T any](_ T, err error) error { return err }

// stored keeps both builds in the store and finds them apart.
func stored(t *testing.T, b *bench, old, now bot.Build) {
	t.Helper()
	err := b.work.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		for _, one := range []bot.Build{old, now} {
			one.Instance = "jenkins"
			got, err := tx.Builds.Put(ctx, one)
			if err != nil || got.Ref != one.Ref {
				t.Errorf("%+v became %+v", one.Ref, got.Ref)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWebhookOfABranchMadeAnew is of the new one, though polling has not seen it yet.
func TestWebhookOfABranchMadeAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k"), finished)
	b.polled(t)
	reborn(t, b, job, 1, 1)
	events := b.hooked(t, fmt.Sprintf(`{"build_url":"%s/job/shop/job/topic/1/"}`, b.fake.URL))
	if len(events) != 2 || events[0].Build.Ref.Job != job.ExternalID+"~1" {
		t.Errorf("%q", says(events))
	}
}

// TestOldNumbers: an answer that is older than what was seen makes no new life, and
// neither does a history that was discarded.
func TestOldNumbers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	now := time.Now().Add(time.Hour)
	for i, c := range []struct {
		next   int
		builds []buildJSON
		asked  time.Time
		life   int
	}{
		{5, []buildJSON{{Number: 4, QueueID: 40}}, now, 0},
		{4, []buildJSON{{Number: 3, QueueID: 30}}, time.Now().Add(-time.Hour), 0},
		{5, nil, now, 0},
		{5, []buildJSON{{Number: 4, QueueID: 40}, {Number: 3, QueueID: 30}}, now, 0},
		{6, []buildJSON{{Number: 5, QueueID: 50}}, now, 0},
		{6, []buildJSON{{Number: 5, QueueID: 77}}, now, 1},
		{1, nil, now, 2},
		{2, []buildJSON{{Number: 1, QueueID: 90}}, now, 2},
		{0, nil, now, 2},
	} {
		if got, err := b.numbers(t.Context(), "shop", "topic", c.next, c.builds, c.asked); err != nil || got != c.life {
			t.Errorf("%d: life %d, %v, want %d", i, got, err, c.life)
		}
	}
	for _, id := range []string{"shop", "shop#op-1", "team/a~2"} {
		for _, life := range []int{0, 1, 12} {
			if base, got := cutLife(inLife(id, life)); base != id || got != life {
				t.Errorf("%s in life %d is %s in %d", id, life, base, got)
			}
		}
	}
}

package jenkins

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// TestLostAnswer: a build whose answer was lost is found, not asked for again.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*fake.Program{
		"by cause":      {},
		"by parameters": {Parameters: []fake.Parameter{{Name: "WHO", Default: "x"}}},
		"by key":        {Parameters: []fake.Parameter{{Name: KeyParameter}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			job := b.job(t, p)
			b.until(t, b.build(t, job, "main", "k0"), finished)
			b.fake.AddFault(fake.Fault{Method: "POST", Path: "/job/main/build", Times: 1, Done: true, Reset: true})
			req := bot.BuildRequest{Job: job, Branch: "main", Key: "k1", By: "alice", Cause: bot.Cause{Cause: "op", Root: "msg"}}
			_, err := b.Build(t.Context(), req)
			wantCode(t, err, bot.CodeUnknown)
			if class, _ := bot.RetryOf(err); class != bot.RetryBackoff {
				t.Errorf("retry class %v", class)
			}
			restarted := b.service(t, nil) // the process has died in between
			restarted.look = b.look
			ref, err := restarted.Build(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			got := b.until(t, ref, finished)
			if got.Ref.Number != 2 || got.By != "alice" || got.Cause != req.Cause || got.Parameters[KeyParameter] != "" {
				t.Errorf("%+v", got)
			}
			if n := posts(b, "/job/main/build"); n != 2 {
				t.Errorf("%d triggers for two builds", n)
			}
		})
	}
}

// TestLostRequest: one that never arrived is sent again.
func TestLostRequest(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k0"), finished)
	b.fake.AddFault(fake.Fault{Method: "POST", Path: "/job/main/build", Times: 1, Reset: true})
	req := bot.BuildRequest{Job: job, Branch: "main", Key: "k1", By: "alice"}
	_, err := b.Build(t.Context(), req)
	wantCode(t, err, bot.CodeUnknown)
	ref, err := b.Build(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, ref, finished); got.Ref.Number != 2 {
		t.Errorf("%+v", got)
	}
}

func TestDisabledJob(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k0"), finished)
	b.fake.Disable("shop", true)
	for _, branch := range []string{"main", "other"} { // built, and looked for by a scan
		_, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: branch, Key: "k-" + branch})
		wantCode(t, err, bot.CodeConflict)
		if text := bot.MessageOf(err); !strings.Contains(text, "disabled") || !strings.Contains(text, job.URL) {
			t.Error(text)
		}
	}
	if _, err := b.EnsureJob(t.Context(), spec("shop")); err != nil {
		t.Errorf("an update enables or fails: %v", err)
	}
	b.fake.Disable("shop", false)
	b.until(t, b.build(t, job, "main", "k-main"), finished)
}

func TestParameters(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Parameters: []fake.Parameter{{Name: "GREETING"}, {Name: "LOUD", Boolean: true}, {Name: "ENV", Choices: []string{"dev", "prod"}}}})
	b.until(t, b.build(t, job, "main", "k0"), finished)
	build := func(key string, params map[string]string) (bot.BuildRef, error) {
		return b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "main", Key: key, Parameters: params})
	}
	_, err := build("k1", map[string]string{"GREETNG": "x"})
	wantCode(t, err, bot.CodeInvalid)
	if text := bot.MessageOf(err); !strings.Contains(text, "Did you mean GREETING?") {
		t.Error(text)
	}
	_, err = build("k2", map[string]string{"ENV": "staging"})
	wantCode(t, err, bot.CodeInvalid)
	ref, err := build("k3", map[string]string{"ENV": "prod", "LOUD": "true", "GREETING": "a&b = c"})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, ref, finished).Parameters; got["ENV"] != "prod" || got["LOUD"] != "true" || got["GREETING"] != "a&b = c" {
		t.Errorf("%v", got)
	}
	plain := b.repo.Commit("plain", &fake.Program{})
	b.until(t, b.build(t, job, "plain", "k4"), func(g bot.Build) bool { return finished(g) && g.Commit == plain })
	_, err = b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "plain", Key: "k5", Parameters: map[string]string{"A": "1"}})
	wantCode(t, err, bot.CodeInvalid)
}

// TestBranchesThatCannotBeBuilt are named with the reason.
func TestBranchesThatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.repo.Commit("docs", nil)
	b.repo.Commit("gone", &fake.Program{})
	b.until(t, b.build(t, job, "gone", "k0"), finished)
	b.repo.Delete("gone")
	if _, err := b.Service.rescan(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	for branch, want := range map[string]string{"docs": "has no Jenkinsfile", "gone": "found no branch gone", "mian": "Did you mean main?", "../x": "no branch"} {
		_, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: branch, Key: branch})
		wantCode(t, err, bot.CodeNotFound)
		if text := bot.MessageOf(err); !strings.Contains(text, want) {
			t.Errorf("%s: %s", branch, text)
		}
	}
}

// TestOtherCommit: Jenkins builds the newest commit; another one is refused.
func TestOtherCommit(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k0"), finished)
	old := b.repo.Commit("main", &fake.Program{})
	newest := b.repo.Commit("main", &fake.Program{})
	_, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "main", Key: "k1", Commit: old})
	wantCode(t, err, bot.CodeUnsupported)
	ref, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "main", Key: "k2", Commit: newest})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, ref, finished); got.Commit != newest {
		t.Errorf("built %s", got.Commit)
	}
}

// TestQueueMerges: two requests get two builds, though Jenkins would give both one
// place in its queue.
func TestQueueMerges(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Exclusive: true, Lasts: 100 * time.Millisecond})
	var refs []bot.BuildRef
	for _, key := range []string{"k1", "k2", "k3"} {
		refs = append(refs, b.build(t, job, "main", key))
	}
	seen := map[int]bool{}
	for _, ref := range refs {
		seen[b.until(t, ref, finished).Ref.Number] = true
	}
	if len(seen) != 3 {
		t.Errorf("three requests became the builds %v", seen)
	}
}

// TestCancelInQueue, and what is known of it once Jenkins has forgotten the item.
func TestCancelInQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Exclusive: true, Waits: true})
	b.until(t, b.build(t, job, "main", "k1"), running)
	ref := b.build(t, job, "main", "k2")
	if got, err := b.Status(t.Context(), ref); err != nil || got.State != bot.BuildQueued || !strings.Contains(got.Message, "already in progress") {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := b.Abort(t.Context(), ref, "carol"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := b.Status(t.Context(), ref)
		if err != nil || got.Result != bot.ResultAborted || got.Message != "Aborted by carol" || !got.StartedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		b.fake.Restart(0, 0)
	}
	if err := b.Abort(t.Context(), ref, "dave"); err != nil {
		t.Error(err)
	}
	_, err := b.Status(t.Context(), bot.BuildRef{Job: "shop", Branch: "main", Queue: "99999"})
	wantCode(t, err, bot.CodeNotFound)
}

// TestRestart: an item that waits survives, and its build is found by the queue's
// id although Jenkins has forgotten that.
func TestRestart(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.fake.QuietDown(true)
	ref := b.build(t, job, "main", "k1")
	if got, err := b.Status(t.Context(), ref); err != nil || got.Message != "Jenkins is about to shut down" {
		t.Errorf("%+v, %v", got, err)
	}
	b.fake.Restart(50*time.Millisecond, 50*time.Millisecond)
	_, err := b.Status(t.Context(), ref)
	if class, _ := bot.RetryOf(err); bot.CodeOf(err) != bot.CodeUnavailable || class != bot.RetryBackoff {
		t.Errorf("while it is down: %v", err)
	}
	b.fake.QuietDown(false)
	for err != nil && b.pause(t.Context(), 10*time.Millisecond) {
		_, err = b.Status(t.Context(), ref)
	}
	got := b.until(t, ref, finished)
	b.fake.Restart(0, 0) // the item of the queue is forgotten
	again, err := b.Status(t.Context(), ref)
	if err != nil || again.Ref != got.Ref || again.Sequence != got.Sequence {
		t.Errorf("%+v, %v", again, err)
	}
}

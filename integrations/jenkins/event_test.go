package jenkins

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// polled runs one round and gives what it told.
func (b *bench) polled(t *testing.T) []bot.Event {
	t.Helper()
	if _, err := b.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out []bot.Event
	err := b.work.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Inbox.Claim(ctx, "test", time.Now().Add(time.Hour), time.Hour, 100)
		for _, r := range rows {
			if !strings.HasPrefix(r.Key, "poll/") || r.Event == nil {
				return fmt.Errorf("row %+v", r)
			}
			out = append(out, *r.Event)
			if err := tx.Inbox.Done(ctx, r.ID, "done", ""); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hooked sends a body to the webhook of the project and gives what it means.
func (b *bench) hooked(t *testing.T, body string) []bot.Event {
	t.Helper()
	u := b.HookURL(t.Context(), "0190-shop")
	d := bot.Delivery{Instance: "jenkins", Path: strings.TrimPrefix(u, "https://ops.example.com/hooks/jenkins"), Body: []byte(body), ReceivedAt: time.Now()}
	id, scope, err := b.Verify(d)
	if err != nil || id == "" || scope.ProjectID != "0190-shop" {
		t.Fatalf("%q %+v %v", id, scope, err)
	}
	events, err := b.Parse(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func say(e bot.Event) string {
	return fmt.Sprintf("%s %s@%d %s %s", e.ID, e.Type, e.Sequence, e.Build.State, e.Build.Result)
}

func says(list []bot.Event) []string {
	var out []string
	for _, e := range list {
		out = append(out, say(e))
	}
	return out
}

// TestThreeSources tell of one build in the same events.
func TestThreeSources(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Waits: true})
	ref := b.until(t, b.build(t, job, "main", "k"), running).Ref
	call := fmt.Sprintf(`{"build_url":"%s/job/shop/job/main/1/"}`, b.fake.URL)
	sources := func() map[string][]string {
		all := b.fake.Notifications()
		return map[string][]string{
			"poll": says(b.polled(t)), "plugin": says(b.hooked(t, string(all[len(all)-1].Body))), "Jenkinsfile": says(b.hooked(t, call)),
		}
	}
	same := func(want ...string) {
		t.Helper()
		for name, got := range sources() {
			// What polling has told once it does not file again.
			if !slices.Equal(got, want) && !(name == "poll" && slices.Equal(got, want[1:])) {
				t.Errorf("%s says %q, want %q", name, got, want)
			}
		}
	}
	same("build/shop%23op-1/main/1/started pipelinerun.started@10 running ", "build/shop%23op-1/main/1/progress/12 pipelinerun.progressed@12 running ")
	b.fake.Finish("shop/main", 1, "UNSTABLE")
	same("build/shop%23op-1/main/1/started pipelinerun.started@10 running ", "build/shop%23op-1/main/1/finished pipelinerun.finished@1099511627776 finished UNSTABLE")
	if again := b.polled(t); len(again) != 0 {
		t.Errorf("told again: %q", says(again))
	}
	if got := b.hooked(t, call)[1]; got.Kind != bot.ResourceJob || got.ExternalID != "shop#op-1" || got.Commit == "" || got.Branch != "main" || got.Build.Ref != ref {
		t.Errorf("%+v", got)
	}
}

// TestPollSeesTheQueue and builds that came and went between two rounds; what was
// there before OpsBot is not told.
func TestPollSeesTheQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Exclusive: true, Waits: true})
	b.until(t, b.build(t, job, "main", "k1"), running)
	b.build(t, job, "main", "k2")
	var types []string
	for _, e := range b.polled(t) {
		types = append(types, string(e.Type)+" "+e.Build.By)
	}
	if want := []string{"pipelinerun.queued alice", "pipelinerun.started alice", "pipelinerun.progressed alice"}; !slices.Equal(types, want) {
		t.Errorf("%q", types)
	}
	b.fake.Finish("shop/main", 1, "SUCCESS")
	b.until(t, bot.BuildRef{Job: "shop", Branch: "main", Number: 2}, running)
	b.fake.Finish("shop/main", 2, "FAILURE")
	if got := says(b.polled(t)); len(got) != 3 || !strings.Contains(got[2], "main/2/finished") {
		t.Errorf("%q", got)
	}
	err := change(t.Context(), b.Service, kindJob, "shop", func(d *jobDoc, _ bool) error { d.Since = d.Since.Add(time.Hour); return nil })
	if err != nil {
		t.Fatal(err)
	}
	b.repo.Commit("old", &fake.Program{})
	b.until(t, b.build(t, job, "old", "k3"), finished)
	if got := says(b.polled(t)); len(got) != 0 {
		t.Errorf("an old build is told of: %q", got)
	}
}

// TestPollSeesTheEndOfTheQueue: an item that was cancelled ends its build.
func TestPollSeesTheEndOfTheQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Exclusive: true, Waits: true})
	b.until(t, b.build(t, job, "main", "k1"), running)
	ref := b.build(t, job, "main", "k2")
	b.polled(t)
	if err := b.Abort(t.Context(), ref, "carol"); err != nil {
		t.Fatal(err)
	}
	got := b.polled(t)
	if len(got) != 1 || got[0].Type != bot.EventBuildFinished || got[0].Build.Ref != ref || got[0].Build.Message != "Aborted by carol" {
		t.Errorf("%q", says(got))
	}
	if got := b.polled(t); len(got) != 0 {
		t.Errorf("told again: %q", says(got))
	}
}

// TestOneRequestForManyJobs.
func TestOneRequestForManyJobs(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.repo.Commit("main", &fake.Program{})
	for _, name := range []string{"shop", "cart", "mail"} {
		if _, err := b.EnsureJob(t.Context(), spec(name)); err != nil {
			t.Fatal(err)
		}
		b.until(t, b.build(t, bot.Job{ExternalID: name}, "main", "k"), finished)
	}
	if got := b.polled(t); len(got) != 6 {
		t.Errorf("%q", says(got))
	}
	before := len(b.fake.Calls())
	b.polled(t)
	if n := len(b.fake.Calls()) - before; n != 1 {
		t.Errorf("%d requests for three idle jobs", n)
	}
}

// TestRun polls by itself, and has Jenkins look for what was pushed.
func TestRun(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- b.work.Run(ctx) }()
	go func() { done <- b.Run(ctx) }()
	b.repo.Commit("topic", &fake.Program{})
	err := b.work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, e := range []bot.Event{{Type: bot.EventPushed, ProjectID: "0190-shop"}, {Type: bot.EventPushed, ProjectID: "0190-none"}, {Type: bot.EventBuildStarted}} {
			if err := b.HandleEvent(ctx, tx, &e, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.until(t, awaitBuild(t, b, "topic"), finished)
	for told := false; !told && b.pause(t.Context(), 10*time.Millisecond); {
		seen, _, err := read[seenDoc](t.Context(), b.Service, kindSeen, "shop/topic")
		if err != nil {
			t.Fatal(err)
		}
		told = seen.Done == 1
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func awaitBuild(t *testing.T, b *bench, branch string) bot.BuildRef {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		list, err := b.Builds(ctx, bot.Job{ExternalID: "shop"}, branch, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			return list[0].Ref
		}
		b.pause(ctx, 10*time.Millisecond)
	}
}

// TestSweep forgets old requests and no others.
func TestSweep(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k1"), finished)
	b.until(t, b.build(t, job, "main", "k2"), finished)
	err := change(t.Context(), b.Service, kindRequest, requestKey("shop", "k1"), func(d *requestDoc, _ bool) error {
		d.At = d.At.Add(-remembered - time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"k1": false, "k2": true} {
		if _, known, err := read[requestDoc](t.Context(), b.Service, kindRequest, requestKey("shop", key)); known != want || err != nil {
			t.Errorf("%s: %v, %v", key, known, err)
		}
	}
}

// TestLease: one replica polls, unless it is dead.
func TestLease(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	other := b.service(t, nil)
	other.env.Owner = "node2:1"
	for _, c := range []struct {
		s    *Service
		want bool
	}{{b.Service, true}, {other, false}, {b.Service, true}} {
		if ours, err := c.s.acquire(t.Context()); err != nil || ours != c.want {
			t.Errorf("%s: %v, %v", c.s.env.Owner, ours, err)
		}
	}
}

// TestHooksAreClosed to all but the token of the project.
func TestHooksAreClosed(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	good := strings.TrimPrefix(b.HookURL(t.Context(), "0190-shop"), "https://ops.example.com/hooks/jenkins")
	for _, path := range []string{"", "/", "/0190-shop", "/0190-shop/", good + "x", "/0190-other/" + filepath.Base(good), good[:len(good)-1], "/../" + filepath.Base(good)} {
		_, _, err := b.Verify(bot.Delivery{Path: path})
		wantCode(t, err, bot.CodeUnauthenticated)
	}
	none := b.service(t, func(c *Config) { c.WebhookSecret = c.Password })
	if u := none.HookURL(t.Context(), "0190-shop"); u != "" {
		t.Error(u)
	}
	_, _, err := none.Verify(bot.Delivery{Path: good})
	wantCode(t, err, bot.CodeUnauthenticated)
	weak := b.service(t, func(c *Config) { c.WebhookSecret = secret(t, "short") })
	_, _, err = weak.Verify(bot.Delivery{Path: good})
	wantCode(t, err, bot.CodeUnauthenticated)
}

// TestNotices reads recorded notifications and those of real servers.
func TestNotices(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"name":"feature%2Fnotify","url":"job/hello-world/job/feature%252Fnotify/","build":{"full_url":"http://127.0.0.1:18080/job/hello-world/job/feature%252Fnotify/2/","number":2,"queue_id":221,"phase":"QUEUED","url":"job/hello-world/job/feature%252Fnotify/2/"}}`: "{hello-world feature/notify 2 } false",
		`{"url":"job/a/job/b/job/main/","build":{"number":7,"phase":"FINALIZED","status":"SUCCESS","url":"job/a/job/b/job/main/7/"}}`:                                                                                                                                      "{a/b main 7 } true",
		`{"build_url":"https://ci.example.com/jenkins/job/shop/job/main/12/"}`:               "{shop main 12 } false",
		`{"name":"asgard","build":{"number":18,"phase":"COMPLETED","url":"job/asgard/18/"}}`: "nothing",
		`{"build":{"number":18,"phase":"COMPLETED","url":"job/a/job/b/17/"}}`:                "error",
		`{"build_url":"https://ci.example.com/job/shop/job/..%2f..%2fx/1/"}`:                 "nothing",
		`{"build_url":"https://ci.example.com/job/sh%3Cop/job/main/1/"}`:                     "nothing",
		`{}`: "error", `[]`: "error", ``: "error", `{"build":{"url":5}}`: "error", "{\"build_url\":\"\xff\"}": "error",
	} {
		n, ok, err := parseNotice([]byte(body))
		got := fmt.Sprint(n.ref, " ", n.ended)
		switch {
		case err != nil:
			got = "error"
		case !ok:
			got = "nothing"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "payloads", "jenkins", "notification-plugin", "*.json"))
	if err != nil || len(files) == 0 {
		t.Logf("!!! no notifications of real servers read: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, err := parseNotice(data); ok || err != nil && !strings.Contains(file, "help-page") {
			t.Errorf("%s: %v, %v", filepath.Base(file), ok, err) // all of freestyle jobs
		}
	}
}

func FuzzNotice(f *testing.F) {
	f.Add([]byte(`{"build":{"number":2,"phase":"QUEUED","url":"job/hello-world/job/feature%252Fnotify/2/"}}`))
	f.Add([]byte(`{"build_url":"https://ci.example.com/jenkins/job/shop/job/main/12/"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, ok, err := parseNotice(body)
		if !ok || err != nil {
			return
		}
		if n.ref.Number < 1 || checkFullName(n.ref.Job) != nil || !goodBranch(n.ref.Branch) {
			t.Errorf("%q names %+v", body, n.ref)
		}
		if again, ok := parseBuildURL(buildPath(n.ref.Job, encodeBranch(n.ref.Branch), n.ref.Number)); !ok || again != n.ref {
			t.Errorf("%+v is at an address that names %+v", n.ref, again)
		}
	})
}

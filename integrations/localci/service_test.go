package localci

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// gate is an execution that tells when it begins and ends when it is told.
type gate struct {
	mu      sync.Mutex
	began   chan string // branch#number
	release chan outcome
	causes  map[string]error
}

func newGate(s *Service) *gate {
	g := &gate{began: make(chan string, 100), release: make(chan outcome, 100), causes: map[string]error{}}
	s.execute = func(ctx context.Context, r *run) outcome {
		r.log.Line("working")
		g.began <- r.build.Ref.Branch + "#" + string(rune('0'+r.build.Ref.Number))
		select {
		case o := <-g.release:
			return o
		case <-ctx.Done():
			g.mu.Lock()
			g.causes[buildKey(r.build.Ref)] = context.Cause(ctx)
			g.mu.Unlock()
			return outcome{Result: bot.ResultAborted, Message: context.Cause(ctx).Error()}
		}
	}
	return g
}

func (g *gate) next(t *testing.T) string {
	t.Helper()
	select {
	case name := <-g.began:
		return name
	case <-time.After(60 * time.Second):
		t.Fatal("no build began")
		return ""
	}
}

var success = outcome{Result: bot.ResultSuccess}

func TestIndexingQueuesBranchesWithJenkinsfile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.repo.commit(t, "feature/x", nil)
	b.repo.git(t, b.repo.work, "rm", "-q", "Jenkinsfile")
	b.repo.commit(t, "no-pipeline", nil)
	for range 2 { // a second time changes nothing
		if _, err := b.EnsureJob(t.Context(), b.spec()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"pipelinerun.queued main#1 queued", "pipelinerun.queued feature/x#1 queued"}
	if got := b.store.events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := b.status(t, "main", 1).Cause; got != (bot.Cause{Cause: "op1", Root: "root1"}) {
		t.Errorf("cause %+v", got)
	}
	if got, want := b.status(t, "feature/x", 1).URL, "http://127.0.0.1:8080/ci/ci/job/shop/job/feature%252Fx/1/"; got != want {
		t.Errorf("url %s, want %s", got, want)
	}
}

func TestFindJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		name, operation, project string
		want                     bot.Presence
	}{
		{"shop", "op1", "p1", bot.PresenceOurs},
		{"shop", "op2", "p1", bot.PresenceForeign},
		{"other", "op1", "p1", bot.PresenceAbsent},
	}
	for _, tt := range tests {
		spec := b.spec()
		spec.Name, spec.Operation, spec.ProjectID = tt.name, tt.operation, tt.project
		if got, _, err := b.FindJob(t.Context(), spec); err != nil || got != tt.want {
			t.Errorf("%s by %s: %s, %v; want %s", tt.name, tt.operation, got, err, tt.want)
		}
	}
	spec := b.spec()
	spec.ProjectID = "p2"
	if _, err := b.EnsureJob(t.Context(), spec); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("another project's job: %v, want a conflict", err)
	}
	for _, name := range []string{"", "..", "a//b", "a\nb"} {
		spec.Name = name
		if _, err := b.EnsureJob(t.Context(), spec); bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("name %q: %v, want invalid", name, err)
		}
	}
}

// Two executors take the queue in order; the third waits for one of them.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	for range 3 {
		if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, b.Service)
	first := []string{g.next(t), g.next(t)}
	slices.Sort(first)
	if !slices.Equal(first, []string{"main#1", "main#2"}) {
		t.Errorf("first %q", first)
	}
	if got := b.status(t, "main", 3).State; got != bot.BuildQueued {
		t.Errorf("the third is %s", got)
	}
	g.release <- success
	if got := g.next(t); got != "main#3" {
		t.Errorf("then %s", got)
	}
	g.release <- success
	g.release <- success
	if got := g.next(t); got != "main#4" {
		t.Errorf("last %s", got)
	}
	g.release <- outcome{Result: bot.ResultUnstable}
	for n := 1; n <= 4; n++ {
		b.finished(t, "main", n)
	}
	builds, err := b.Builds(t.Context(), b.job, "main", 2)
	if err != nil || len(builds) != 2 || builds[0].Ref.Number != 4 || builds[1].Ref.Number != 3 {
		t.Errorf("newest builds %+v, %v", builds, err)
	}
}

func TestBuildIsIdempotentByKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	req := bot.BuildRequest{Job: b.job, Branch: "main", Key: "op/7", By: "alice", Parameters: map[string]string{"A": "1"}}
	one, err := b.Build(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	b.repo.commit(t, "main", nil) // a newer commit must not make a second build of it
	two, err := b.Build(t.Context(), req)
	if err != nil || one != two || one.Number != 2 {
		t.Errorf("builds %+v and %+v, %v", one, two, err)
	}
	req.Key = "op/8"
	if three, err := b.Build(t.Context(), req); err != nil || three.Number != 3 {
		t.Errorf("another key: %+v, %v", three, err)
	}
}

func TestBuildRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.repo.git(t, b.repo.work, "rm", "-q", "Jenkinsfile")
	b.repo.commit(t, "bare", nil)
	tests := []struct {
		req  bot.BuildRequest
		want bot.Code
	}{
		{bot.BuildRequest{Job: bot.Job{ExternalID: "nope"}}, bot.CodeNotFound},
		{bot.BuildRequest{Job: b.job, Branch: "nope"}, bot.CodeNotFound},
		{bot.BuildRequest{Job: b.job, Branch: "bare"}, bot.CodeInvalid},
		{bot.BuildRequest{Job: b.job, Commit: "main"}, bot.CodeInvalid},
		{bot.BuildRequest{Job: b.job, Commit: strings.Repeat("0", 40)}, bot.CodeNotFound},
		{bot.BuildRequest{Job: b.job, Parameters: map[string]string{"A=B": ""}}, bot.CodeInvalid},
		{bot.BuildRequest{Job: b.job, Parameters: map[string]string{"A": strings.Repeat("x", 70000)}}, bot.CodeTooLarge},
	}
	for _, tt := range tests {
		if _, err := b.Build(t.Context(), tt.req); bot.CodeOf(err) != tt.want {
			t.Errorf("%+v: %v, want %s", tt.req, err, tt.want)
		}
	}
	if _, err := b.Status(t.Context(), b.ref("main", 9)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("status of no build: %v", err)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := b.status(t, "main", 1).Commit
	b.handle(t, bot.Event{ID: "e1", Type: bot.EventPushed, Branch: "main", Commit: seen})
	if builds, _ := b.Builds(t.Context(), b.job, "", 0); len(builds) != 1 {
		t.Fatalf("the indexed commit was built twice: %+v", builds)
	}
	next := b.repo.commit(t, "main", nil)
	push := bot.Event{ID: "e2", Type: bot.EventPushed, Branch: "main", Commit: next, Pusher: "alice"}
	b.handle(t, push)
	b.handle(t, push)
	build := b.status(t, "main", 2)
	if build.Commit != next || build.By != "alice" || build.Cause != (bot.Cause{Cause: "e2", Root: "change-root"}) {
		t.Errorf("build %+v", build)
	}
	b.repo.git(t, b.repo.work, "rm", "-q", "Jenkinsfile")
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: b.repo.commit(t, "main", nil)})
	b.handle(t, bot.Event{Type: bot.EventServiceDeployed, Branch: "main", Commit: seen})
	if builds, _ := b.Builds(t.Context(), b.job, "", 0); len(builds) != 2 {
		t.Errorf("builds %+v, want two", builds)
	}
	// Back to a commit of before is a push as any other.
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: seen})
	if got := b.status(t, "main", 3).Commit; got != seen {
		t.Errorf("commit %s, want %s", got, seen)
	}
}

func TestBranchDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	stop := serve(t, b.Service)
	g.next(t)
	commit := b.status(t, "main", 1).Commit
	for range 2 { // one runs beside main #1, the other waits
		if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
			t.Fatal(err)
		}
	}
	g.next(t)
	b.handle(t, bot.Event{Type: bot.EventBranchDeleted, Branch: "main"})
	b.store.await(t, "the end of all builds", func() bool {
		builds, err := b.Builds(t.Context(), b.job, "", 0)
		return err == nil && len(builds) == 0
	})
	ends := 0
	for _, e := range b.store.events() {
		if strings.HasPrefix(e, "pipelinerun.finished") && strings.HasSuffix(e, "finished ABORTED") {
			ends++
		}
	}
	if ends != 3 {
		t.Errorf("events %q, want three aborted builds", b.store.events())
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	// The branch comes back: its numbers go on, for others remember the old ones.
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: commit})
	if got := b.status(t, "main", 4).State; got != bot.BuildQueued {
		t.Errorf("main #4 is %s", got)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	for range 2 {
		if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Abort(t.Context(), b.ref("main", 2), "bob"); err != nil {
		t.Fatal(err)
	}
	if build := b.status(t, "main", 2); build.Result != bot.ResultAborted || !strings.Contains(build.Message, "bob") {
		t.Errorf("queued build %+v", build)
	}
	serve(t, b.Service)
	g.next(t)
	g.next(t)
	if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
		t.Fatal(err)
	}
	build := b.finished(t, "main", 1)
	if build.Result != bot.ResultAborted || build.Message != "aborted by bob" {
		t.Errorf("running build %+v", build)
	}
	if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
		t.Errorf("an ended build: %v", err)
	}
	if got := b.status(t, "main", 3).State; got != bot.BuildRunning {
		t.Errorf("the other build is %s", got)
	}
	if text := b.logOf(t, "main", 1); text != "Branch indexing\nworking\nFinished: ABORTED\n" {
		t.Errorf("log %q", text)
	}
}

// A process that dies leaves its build running; the next one of the node runs it
// again under its number, before what came later.
func TestInterruptedBuildRunsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	stop := serve(t, b.Service)
	g.next(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	build := b.status(t, "main", 1)
	if build.State != bot.BuildRunning || build.Attempt != 1 {
		t.Fatalf("after the stop %+v", build)
	}
	if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
		t.Fatal(err)
	}
	b.Service = b.start(t, "node1:2", b.env.Dir)
	b.Service.config.Executors = 1
	g = newGate(b.Service)
	serve(t, b.Service)
	if got := g.next(t); got != "main#1" {
		t.Errorf("began %s", got)
	}
	g.release <- success
	build = b.finished(t, "main", 1)
	if build.Attempt != 2 || build.Result != bot.ResultSuccess {
		t.Errorf("build %+v", build)
	}
	text := b.logOf(t, "main", 1)
	if !strings.Contains(text, "this is attempt 2]\n") || strings.Count(text, "Finished:") != 1 {
		t.Errorf("log %q", text)
	}
	g.release <- success
	b.finished(t, "main", 2)
}

func TestGivenUpAfterThreeAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 { // the default
		if _, err := b.claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	build := b.status(t, "main", 1)
	if build.State != bot.BuildFinished || build.Result != bot.ResultFailure || build.Attempt != 3 {
		t.Errorf("build %+v", build)
	}
}

// A second node waits for the lease and takes it once it has run out.
func TestLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	serve(t, b.Service)
	g.next(t)
	other := b.start(t, "node2:1", t.TempDir())
	if ours, err := other.acquire(t.Context()); ours || err != nil {
		t.Fatalf("another node's lease: %v, %v", ours, err)
	}
	if _, err := other.ReadLog(t.Context(), bot.LogRef{Build: b.ref("main", 1)}, 0); bot.CodeOf(err) != bot.CodeUnavailable ||
		!strings.Contains(err.Error(), "node1") {
		t.Errorf("log from another node: %v", err)
	}
	later := b.start(t, "node1:2", t.TempDir())
	if ours, err := later.acquire(t.Context()); !ours || err != nil {
		t.Errorf("a later process of the node: %v, %v", ours, err)
	}
}

func TestResultSurvivesAFullStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	serve(t, b.Service)
	g.next(t)
	b.store.breakWith(bot.Errorf(bot.CodeStorageFull, "no space"))
	g.release <- outcome{Result: bot.ResultUnstable, Message: "one test failed"}
	<-b.store.failed
	b.store.breakWith(nil)
	for over := false; !over; {
		select {
		case <-b.clock.asked: // the retry waits on the clock
			b.clock.advance(pollTime)
		case <-time.After(60 * time.Second):
			t.Fatal("nobody tries again")
		}
		over = b.status(t, "main", 1).State == bot.BuildFinished
	}
	if build := b.finished(t, "main", 1); build.Result != bot.ResultUnstable || build.Message != "one test failed" {
		t.Errorf("build %+v", build)
	}
}

func TestRemoveJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGate(b.Service)
	stop := serve(t, b.Service)
	g.next(t)
	if err := b.RemoveJob(t.Context(), b.job); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveJob(t.Context(), b.job); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if presence, _, err := b.FindJob(t.Context(), b.spec()); presence != bot.PresenceAbsent || err != nil {
		t.Errorf("after removal %s, %v", presence, err)
	}
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: strings.Repeat("a", 40)})
	left, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job})
	if bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("build of a removed job: %+v, %v", left, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if stop := new(engine.Stop); !errors.As(g.causes[buildKey(b.ref("main", 1))], &stop) {
		t.Errorf("the running build ended by %v", g.causes)
	}
}

func TestOldBuildsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.KeepBuilds = 2
	b.execute = func(context.Context, *run) outcome { return success }
	serve(t, b.Service)
	b.finished(t, "main", 1)
	for n := 2; n <= 4; n++ {
		if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
			t.Fatal(err)
		}
		b.finished(t, "main", n)
	}
	builds, err := b.Builds(t.Context(), b.job, "main", 0)
	if err != nil || len(builds) != 2 {
		t.Errorf("kept %+v, %v", builds, err)
	}
	if _, err := b.Status(t.Context(), b.ref("main", 1)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("main #1: %v", err)
	}
}

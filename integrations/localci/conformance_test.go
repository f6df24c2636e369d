package localci

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/pipelinetest"
)

// TestConformance runs real builds, in the sandbox.
func TestConformance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.runner.Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("bubblewrap is missing: %v", err)
		}
		t.Skipf("!!! %d RULES OF A PIPELINE NOT TESTED on localci: %v", len(pipelinetest.Rules()), err)
	}
	pipelinetest.Run(t, rig)
}

// rig is an instance that runs, over a repository of its own.
func rig(t *testing.T) pipelinetest.Rig {
	t.Helper()
	b := &bench{store: newMemory(), clock: newStubClock(), blobs: &blobs{kept: map[string]string{}}, repo: newRepository(t)}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": jenkinsfileOf(pipelinetest.Succeeds)})
	dir := t.TempDir()
	b.Service = b.start(t, "node1:1", dir)
	b.env.Clock = bot.SystemClock{} // processes take real time
	b.env.Edge = http.NewFileTransport(http.Dir(dir))
	serve(t, b.Service)
	commits := 0
	return pipelinetest.Rig{
		Pipeline: b.Service, Executors: b.config.Executors, Source: bot.CloneSource{URL: b.repo.bare, Path: true},
		Commit: func(_ context.Context, branch string, does pipelinetest.Program) (string, error) {
			commits++
			return b.repo.commit(t, branch, map[string]string{"Jenkinsfile": jenkinsfileOf(does), "n": fmt.Sprint(commits)}), nil
		},
	}
}

func jenkinsfileOf(does pipelinetest.Program) string {
	last := map[pipelinetest.Program]string{pipelinetest.Succeeds: "true", pipelinetest.Fails: "exit 1", pipelinetest.Waits: "exec sleep 3600"}[does]
	return fmt.Sprintf("pipeline {\n agent any\n parameters { string(name: 'GREETING') }\n stages { stage('One') { steps {\n  echo '%s'\n  sh '%s'\n } } }\n}\n", pipelinetest.LogLine, last)
}

// A build that is stopped before its first step is an aborted one, not a fault.
func TestAbortBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.execute = func(ctx context.Context, r *run) outcome {
		if err := b.Abort(context.WithoutCancel(ctx), r.build.Ref, "bob"); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		return r.cannot(ctx, ctx.Err())
	}
	serve(t, b.Service)
	if build := b.finished(t, "main", 1); build.Result != bot.ResultAborted || build.Message != "Aborted by bob" {
		t.Errorf("the build is %s: %s", build.Result, build.Message)
	}
	if text := b.logOf(t, "main", 1); text != "Branch indexing\nAborted by bob\nFinished: ABORTED\n" {
		t.Errorf("log %q", text)
	}
}

// What is said of builds that others remember and that are no more, or never ran.
func TestWordsOnBuildsThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
		t.Fatal(err)
	}
	if text := b.logOf(t, "main", 1); text != "Aborted by bob while it was waiting\nFinished: ABORTED\n" {
		t.Errorf("log of a build that never ran: %q", text)
	}
	b.handle(t, bot.Event{Type: bot.EventBranchDeleted, Branch: "main"})
	for number, want := range map[int]string{
		1: "Build #1 of shop/main is no longer kept: its branch was deleted.",
		2: "There is no build #2 of shop/main.",
	} {
		_, err := b.ReadLog(t.Context(), bot.LogRef{Build: b.ref("main", number)}, 0)
		if bot.CodeOf(err) != bot.CodeNotFound || bot.MessageOf(err) != want {
			t.Errorf("log of #%d: %v, want %q", number, err, want)
		}
	}
}

// A build that can't go on because OpsBot ends has not failed: its log says nothing.
func TestEndOfOpsBotIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := onNode(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.host.alive = ctx
	if o := n.host.cannot(ctx, ctx.Err()); o.Result != "" {
		t.Errorf("outcome %+v", o)
	}
	if text := b.logOf(t, "main", 1); text != "" {
		t.Errorf("log %q", text)
	}
}

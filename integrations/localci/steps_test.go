package localci

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
	"opsbot/integrations/localci/report"
)

// step runs fn as the execution of every build, in a workspace that holds files.
func (b *bench) step(t *testing.T, fn func(ctx context.Context, r *run, m mounted) error) {
	t.Helper()
	b.execute = func(ctx context.Context, r *run) outcome {
		sh, err := b.newShell(ctx, "build", "shop", b.repo.bare)
		if err != nil {
			t.Error(err)
			return outcome{}
		}
		defer sh.close()
		r.shell = sh
		m, err := sh.take("shop", r.build.Ref.Branch, insideWork+"/x", func(string) bool { return true })
		if err != nil {
			t.Error(err)
			return outcome{}
		}
		o := success
		if err := fn(ctx, r, m); err != nil {
			o = outcome{Result: bot.ResultFailure, Message: err.Error()}
		}
		if err := r.gather(ctx, &o); err != nil {
			t.Error(err)
		}
		return o
	}
}

func put(t *testing.T, m mounted, name, text string) {
	t.Helper()
	path := filepath.Join(m.space.files(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

// Tests add up over the steps of a build, and compare themselves with the last
// build of the branch that had any.
func TestTestReports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := map[int]string{
		1: `<testsuite name="s"><testcase classname="c" name="flip"><failure message="no"/></testcase></testsuite>`,
		3: `<testsuite name="s"><testcase classname="c" name="flip"/><testcase classname="c" name="skip"><skipped/></testcase></testsuite>`,
	}
	b.step(t, func(ctx context.Context, r *run, m mounted) error {
		for _, dir := range []string{"a", "b"} {
			if text[r.build.Ref.Number] == "" {
				return nil
			}
			put(t, m, dir+"/out/r.xml", text[r.build.Ref.Number])
			if _, err := r.junit(ctx, m, dir, engine.TestStep{Pattern: "out/*.xml"}, r.log.Line); err != nil {
				return err
			}
		}
		return nil
	})
	serve(t, b.Service)
	one := b.finished(t, "main", 1)
	if one.Tests == nil || one.Tests.Total != 2 || one.Tests.Failed != 2 || !slices.Equal(one.Tests.Failures, []string{"c.flip", "c.flip"}) {
		t.Errorf("first report %+v", one.Tests)
	}
	for n := 2; n <= 3; n++ {
		if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
			t.Fatal(err)
		}
		b.finished(t, "main", n)
	}
	if got := b.status(t, "main", 2).Tests; got != nil {
		t.Errorf("second report %+v", got)
	}
	tests, err := b.TestReport(t.Context(), b.ref("main", 3))
	if err != nil {
		t.Fatal(err)
	}
	if c := tests.Suites[0].Cases[0]; len(tests.Suites) != 2 || c.Status != report.Fixed {
		t.Errorf("third report %+v", tests)
	}
	if _, err := b.TestReport(t.Context(), b.ref("main", 2)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("report of a build without: %v", err)
	}
}

func TestMissingReportsFailTheStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.step(t, func(ctx context.Context, r *run, m mounted) error {
		_, err := r.junit(ctx, m, "", engine.TestStep{Pattern: "out/*.xml"}, r.log.Line)
		return err
	})
	serve(t, b.Service)
	if build := b.finished(t, "main", 1); build.Message != "No test report files were found. Configuration error?" {
		t.Errorf("build %+v", build)
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.step(t, func(ctx context.Context, r *run, m mounted) error {
		put(t, m, "dist/a.txt", "one")
		if err := os.Symlink("/etc/passwd", filepath.Join(m.space.files(), "dist", "p.txt")); err != nil {
			return err
		}
		if _, err := r.archive(ctx, m, "dist", fileset.Request{Artifacts: "*.txt"}, r.log.Line); err != nil {
			return err
		}
		put(t, m, "dist/a.txt", "two")
		_, err := r.archive(ctx, m, "dist", fileset.Request{Artifacts: "*.txt"}, r.log.Line)
		return err
	})
	serve(t, b.Service)
	build := b.finished(t, "main", 1)
	if len(build.Artifacts) != 1 {
		t.Fatalf("artifacts %+v", build.Artifacts)
	}
	a := build.Artifacts[0]
	if a.Kind != bot.ArtifactArchive || a.Name != "a.txt" || a.Bytes != 3 || b.blobs.kept[a.Digest] != "two" {
		t.Errorf("artifact %+v", a)
	}
}

// Chat messages go out once, also when their build runs twice, and not without end.
func TestChat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	again := make(chan struct{}, 1)
	b.step(t, func(ctx context.Context, r *run, _ mounted) error {
		if err := r.chat(ctx, "#dev", "hello", bot.ToneGood); err != nil {
			return err
		}
		if r.build.Attempt == 1 {
			again <- struct{}{}
			<-ctx.Done()
			return nil
		}
		for range 2 * maxChats {
			if err := r.chat(ctx, "", strings.Repeat("x", 2*maxChat), bot.ToneNeutral); err != nil {
				return err
			}
		}
		return nil
	})
	stop := serve(t, b.Service)
	<-again
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	serve(t, b.Service)
	b.finished(t, "main", 1)
	said := map[string]int{}
	for _, row := range b.store.inbox {
		if e := row.Event; e.Type == bot.EventChatMessage {
			said[e.Text]++
			if e.ProjectID != "p1" || len(e.Text) > maxChat+3 {
				t.Errorf("message %+v", e)
			}
		}
	}
	if said["hello"] != 1 || len(said) != 2 || said["hello"]+said[strings.Repeat("x", maxChat)+"…"] != maxChats {
		t.Errorf("said %d different things, hello %d times", len(said), said["hello"])
	}
}

// Stages are reported while the build runs, but not more often than once a second.
func TestProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.step(t, func(ctx context.Context, r *run, _ mounted) error {
		for n := range 5 {
			r.progress(ctx, []bot.Stage{{Name: "Build", Status: "IN_PROGRESS", Duration: time.Duration(n)}})
			b.clock.advance(progressTime / 2)
		}
		return nil
	})
	serve(t, b.Service)
	build := b.finished(t, "main", 1)
	count := 0
	for _, e := range b.store.events() {
		if strings.HasPrefix(e, string(bot.EventBuildProgress)) {
			count++
		}
	}
	if count != 3 {
		t.Errorf("%d reports of progress, want 3: %q", count, b.store.events())
	}
	if build.Sequence != 6 { // queued, started, three times progress, finished
		t.Errorf("sequence %d, want 6", build.Sequence)
	}
}

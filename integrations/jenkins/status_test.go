package jenkins

import (
	"io"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

func stagesOf(b bot.Build) string {
	var out []string
	for _, s := range b.Stages {
		out = append(out, s.Name+":"+s.Status)
	}
	return strings.Join(out, " ")
}

// TestReport: stages, tests, failures, artifacts and the message, with the stage
// view's plugin and without it.
func TestReport(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]fake.Option{"wfapi": nil, "log": {fake.Without("pipeline-stage-view")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil, opts...)
			job := b.job(t, &fake.Program{
				Stages: []string{"Build", "Test", "Publish"}, FailsIn: "Test", Error: "script returned exit code 3", Artifacts: []string{"dist/a b.tgz"},
				Tests: &fake.Tests{Passed: []string{"x.A.ok"}, Failed: []string{"x.A.bad", "x.B.worse"}, Skipped: []string{"x.C.later"}},
			})
			got := b.until(t, b.build(t, job, "main", "k"), finished)
			if want := "Build:SUCCESS Test:FAILED"; stagesOf(got) != want {
				t.Errorf("stages %s, want %s", stagesOf(got), want)
			}
			if got.Tests == nil || got.Tests.Total != 4 || got.Tests.Failed != 2 || got.Tests.Skipped != 1 || !slices.Equal(got.Tests.Failures, []string{"x.A.bad", "x.B.worse"}) {
				t.Errorf("tests %+v", got.Tests)
			}
			if len(got.Artifacts) != 1 || got.Artifacts[0].URI != job.URL+"/job/main/1/artifact/dist/a%20b.tgz" {
				t.Errorf("artifacts %+v", got.Artifacts)
			}
			if want := map[string]string{"wfapi": "Test: script returned exit code 3", "log": "Tests failed: x.A.bad, x.B.worse"}[name]; got.Message != want {
				t.Errorf("message %q, want %q", got.Message, want)
			}
		})
	}
}

func TestBrokenJenkinsfile(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Broken: true})
	got := b.until(t, b.build(t, job, "main", "k"), finished)
	if got.Result != bot.ResultFailure || got.Message != "WorkflowScript: 2: Expected a symbol @ line 2, column 27." || got.Commit == "" || len(got.Stages) != 0 {
		t.Errorf("%+v", got)
	}
}

func readLog(t *testing.T, b *bench, ref bot.BuildRef, offset int) string {
	t.Helper()
	body, err := b.ReadLog(t.Context(), bot.LogRef{Build: ref}, int64(offset))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFollowLog: what is read piece by piece is what is read at once, and the pieces
// cost a piece each although Jenkins counts other bytes.
func TestFollowLog(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Waits: true, Lines: []string{"one ünï", "two"}})
	ref := b.until(t, b.build(t, job, "main", "k"), running).Ref
	text := readLog(t, b, ref, 0)
	for _, lines := range [][]string{{"three", "[Pipeline] sh"}, {"four\rfive"}, {}, {"six"}} {
		b.fake.Log("shop/main", 1, lines...)
		text += readLog(t, b, ref, len(text))
	}
	b.fake.Finish("shop/main", 1, "SUCCESS")
	text += readLog(t, b, ref, len(text))
	whole := 0
	for _, c := range b.fake.Calls() {
		if strings.HasSuffix(c.Path, "/consoleText") && !strings.Contains(c.Path, "indexing") {
			whole++
		}
	}
	if whole != 0 {
		t.Errorf("the whole log was read %d times on the way", whole)
	}
	other := b.service(t, nil) // knows no raw positions
	for _, offset := range []int{0, 1, 7, len(text) - 3, len(text), len(text) + 100} {
		if got, want := readLog(t, &bench{Service: other}, ref, offset), text[min(offset, len(text)):]; got != want {
			t.Errorf("from %d: %q, want %q", offset, got, want)
		}
	}
	if !strings.Contains(text, "one ünï\ntwo\n") || !strings.Contains(text, "four\rfive\n") || !strings.HasSuffix(text, "Finished: SUCCESS\n") || strings.Contains(text, "ha:") {
		t.Errorf("%q", text)
	}
}

// TestSequence grows with each step of a build and depends on nothing else.
func TestSequence(t *testing.T) {
	t.Parallel()
	steps := []struct {
		build     bot.Build
		questions int64
	}{
		{bot.Build{State: bot.BuildQueued}, 0},
		{bot.Build{State: bot.BuildRunning}, 0},
		{bot.Build{State: bot.BuildRunning, Commit: "c"}, 0},
		{bot.Build{State: bot.BuildRunning, Commit: "c", Stages: []bot.Stage{{Status: statusRunning}}}, 0},
		{bot.Build{State: bot.BuildRunning, Commit: "c", Stages: []bot.Stage{{Status: statusRunning}}}, 1},
		{bot.Build{State: bot.BuildRunning, Commit: "c", Stages: []bot.Stage{{Status: statusRunning}}}, 2},
		{bot.Build{State: bot.BuildRunning, Commit: "c", Stages: []bot.Stage{{Status: "SUCCESS"}}}, 2},
		{bot.Build{State: bot.BuildRunning, Commit: "c", Stages: []bot.Stage{{Status: "SUCCESS"}, {Status: statusRunning}}}, 2},
		{bot.Build{State: bot.BuildFinished, Commit: "c"}, 0},
	}
	last := int64(0)
	for i, step := range steps {
		now := sequenceOf(step.build, step.questions)
		if now <= last {
			t.Errorf("step %d has %d, the one before %d", i, now, last)
		}
		last = now
	}
}

func FuzzScanLog(f *testing.F) {
	f.Add("Started by user bot\n[x] Starting branch indexing...\n  Checking branch a b\nNo changes detected: a b (still at 0123456789012345678901234567890123456789)\nFinished: SUCCESS\n")
	f.Add("FATAL: Failed\njava.net.ConnectException: refused\n\tat x\nCaused: y\nstderr: fatal: z\nFinished: FAILURE\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := parseScan(text)
		if l.failed && !l.finished || len(l.reason) > 900 || strings.Contains(l.reason, "\n") {
			t.Errorf("%+v", l)
		}
		log := &logText{text: text}
		if strings.ContainsAny(log.reason(), "\n") || log.commit() != "" && !isHash(log.commit()) {
			t.Errorf("%q %q", log.reason(), log.commit())
		}
		_ = log.stages()
		if message, happened := log.question(); strings.Contains(message, "\n") || happened < 0 {
			t.Errorf("%q %d", message, happened)
		}
	})
}

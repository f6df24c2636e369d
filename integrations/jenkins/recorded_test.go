package jenkins

import (
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// TestRecordedBuild reads what a real Jenkins said of a build with a failed test.
func TestRecordedBuild(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	for path, file := range map[string]string{"/main/1/api/json": "failed-build", "/main/1/wfapi/describe": "failed-stages", "/main/1/testReport/api/json": "failed-tests"} {
		body, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		b.fake.AddFault(fake.Fault{Path: path, Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json;charset=utf-8"}, Body: string(body)})
	}
	got, err := b.Status(t.Context(), bot.BuildRef{Job: job.ExternalID, Branch: "main", Number: 1})
	if err != nil {
		t.Fatal(err)
	}
	wantStages := []bot.Stage{
		{Name: "Declarative: Checkout SCM", Status: "SUCCESS", Duration: 748 * time.Millisecond},
		{Name: "Build", Status: "SUCCESS", Duration: 494 * time.Millisecond},
		{Name: "Test", Status: "FAILED", Error: "script returned exit code 3", Duration: 808 * time.Millisecond},
	}
	if !slices.Equal(got.Stages[:3], wantStages) {
		t.Errorf("stages %+v", got.Stages)
	}
	if got.Tests == nil || got.Tests.Total != 2 || got.Tests.Failed != 1 || !slices.Equal(got.Tests.Failures, []string{"hello.World.parts"}) {
		t.Errorf("tests %+v", got.Tests)
	}
	if got.Result != bot.ResultFailure || got.Commit != "5412064ec4d6def1a6f8146697920a8c803375f5" || got.Message != "Test: script returned exit code 3" ||
		got.FinishedAt.Sub(got.StartedAt) != 8898*time.Millisecond || got.StartedAt.Sub(got.QueuedAt) != 8782*time.Millisecond {
		t.Errorf("%+v", got)
	}
}

// TestStampedLog: a pipeline may put the time before its lines.
func TestStampedLog(t *testing.T) {
	t.Parallel()
	const stamp = "[2026-11-21T00:04:51.576Z] "
	l := &logText{text: "[Pipeline] { (Ask)\n[Pipeline] input\n" + stamp + "Deploy?\n" + stamp + "Proceed or Abort\n"}
	if message, happened := l.question(); message != "Deploy?" || happened != 1 {
		t.Errorf("%q %d", message, happened)
	}
	l.text += stamp + "Approved by bot\n" + stamp + "ERROR: no such host\nFinished: FAILURE\n"
	if message, happened := l.question(); message != "" || happened != 2 || l.reason() != "no such host" {
		t.Errorf("%q %d %q", message, happened, l.reason())
	}
}

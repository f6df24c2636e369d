package localci

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

func TestCustomWorkspace(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"shared-corner": "/build/shared-corner", "a/./b": "/build/a/b", "/srv/x": "/srv/x", "/var/ci/x/": "/var/ci/x",
	} {
		if got, err := customWorkspace(name); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", ".", "..", "../../etc", "/", "/usr", "/usr/local/x", "/etc", "/proc/1", "/home/opsbot", "/build",
		"cache", "/build/cache/go", "workspace/shop_main", "repository.git", "/tmp",
	} {
		if got, err := customWorkspace(name); err == nil {
			t.Errorf("%q gives %q", name, got)
		}
	}
}

// onNode gives a node of a build without running anything.
func onNode(t *testing.T, b *bench) *node {
	t.Helper()
	sh := b.shell(t)
	r := &run{s: b.Service, build: b.status(t, "main", 1), shell: sh, alive: t.Context(), paths: map[string]int{}}
	l, err := openLog(b.logPath(r.build.Ref), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r.log = l
	return &node{host: &host{run: r}, m: b.take(t, sh, "main", false)}
}

// A pipeline's file steps stay in the workspace, whatever links a script has laid.
func TestFilesStayInside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := onNode(t, b)
	ctx := t.Context()
	if err := n.WriteFile(ctx, "a/b.txt", "text"); err != nil {
		t.Fatal(err)
	}
	if text, err := n.ReadFile(ctx, n.Path()+"/a/b.txt"); err != nil || text != "text" {
		t.Errorf("read %q, %v", text, err)
	}
	if ok, err := n.Exists(ctx, "a"); !ok || err != nil {
		t.Errorf("exists %v, %v", ok, err)
	}
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("p"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(n.m.space.files(), "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link/precious", "../../x", "/etc/passwd", n.Path() + "/../x"} {
		if ok, _ := n.Exists(ctx, name); ok {
			t.Errorf("%s exists", name)
		}
		if text, err := n.ReadFile(ctx, name); err == nil {
			t.Errorf("read %s: %q", name, text)
		}
		if err := n.WriteFile(ctx, name, "spoiled"); err == nil {
			t.Errorf("wrote %s", name)
		}
		_ = n.Remove(ctx, name)
	}
	if err := n.Remove(ctx, "."); err != nil {
		t.Fatal(err)
	}
	if ok, _ := n.Exists(ctx, "a"); ok {
		t.Error("the workspace isn't empty")
	}
	if text, err := os.ReadFile(outside); string(text) != "p" {
		t.Errorf("a file outside was touched: %q, %v", text, err)
	}
}

func TestFailuresKeepTheirWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := onNode(t, b)
	var said []string
	say := func(line string) { said = append(said, line) }
	var f *engine.Failure
	_, err := n.Archive(t.Context(), engine.ArchiveStep{Dir: n.Path(), Artifacts: "x/*.jar"}, say)
	if !errors.As(err, &f) || f.Class != "hudson.AbortException" || !strings.HasPrefix(f.Message, "No artifacts found") {
		t.Errorf("archive: %v", err)
	}
	_, err = n.Tests(t.Context(), engine.TestStep{Dir: n.Path(), Pattern: "*.xml"}, say)
	if !errors.As(err, &f) || f.Message != "No test report files were found. Configuration error?" {
		t.Errorf("tests: %v", err)
	}
	want := []string{
		"Archiving artifacts", "‘x/*.jar’ doesn’t match anything: even ‘x’ doesn’t exist",
		"Recording test results", "No test report files were found. Configuration error?",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
	if _, err := n.Tests(t.Context(), engine.TestStep{Dir: "/etc", Pattern: "*"}, say); !errors.As(err, &f) {
		t.Errorf("tests outside: %v", err)
	}
}

// Only the last "Finished:" is held back; one that a build prints is kept.
func TestFinishedLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := onNode(t, b).host
	for _, line := range []string{"a", "Finished: lies", "b", "Finished: SUCCESS"} {
		h.Line(line)
	}
	if err := h.log.Ending("Finished: SUCCESS"); err != nil {
		t.Error(err)
	}
	if got := readFile(t, b.logPath(h.build.Ref)); got != "a\nFinished: lies\nb\nFinished: SUCCESS\n" {
		t.Errorf("log %q", got)
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	stage := func(status engine.Status, path ...string) *engine.Stage {
		return &engine.Stage{Name: path[len(path)-1], Path: path, Status: status, Started: at, Ended: at.Add(time.Second)}
	}
	both := stage("SUCCESS", "Both")
	line := stage("SUCCESS", "Both", "Line")
	line.Children = []*engine.Stage{stage("SUCCESS", "Both", "Line", "L1"), stage("FAILED", "Both", "Line", "L2")}
	both.Children = []*engine.Stage{line, stage("ABORTED", "Both", "Single")}
	var got []string
	for _, s := range flatten([]*engine.Stage{both, stage("FAILED", "After")}) {
		got = append(got, s.Name+"<"+s.Parent+" "+s.Status+" "+s.Duration.String())
	}
	want := []string{
		"Both< SUCCESS 1s", "Line<Both SUCCESS 1s", "Single<Both ABORTED 1s", "L1<Line SUCCESS 1s", "L2<Line FAILED 1s", "After< FAILED 1s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("stages %q, want %q", got, want)
	}
	b := setup(t)
	h := onNode(t, b).host
	running := stage(engine.StatusRunning, "A")
	running.Ended = time.Time{}
	h.Stage(running)
	h.Stage(stage("SUCCESS", "B"))
	h.Stage(stage("FAILED", "A"))
	if len(h.stages) != 2 || h.stages[0].Status != "FAILED" || h.stages[1].Name != "B" {
		t.Errorf("stages %+v", h.stages)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]*engine.Failure{
		"":                          nil,
		"Timeout has been exceeded": {Stopped: &engine.Interruption{Timeout: true}},
		"Aborted by bob":            {Stopped: &engine.Interruption{By: "bob"}},
		"java.lang.Exception":       {Class: "java.lang.Exception"},
		"first":                     {Class: "c", Message: "first\nsecond"},
	} {
		if got := messageOf(engine.Outcome{Failure: f}); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}

// After an interruption each folder is emptied once, the second one of the same
// branch too.
func TestFreshWorkspaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := onNode(t, b).host
	if h.fresh("a") {
		t.Error("a first attempt empties the workspace")
	}
	h.build.Attempt = 2
	got := []bool{h.fresh("b"), h.fresh("b@2"), h.fresh("b"), h.fresh("b@2")}
	if want := []bool{true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("emptied %v, want %v", got, want)
	}
}

// A refused file fails its build before anything runs, with every place in the log.
func TestRefusedJenkinsfile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := "pipeline {\n    stages {\n        stage('S') { steps { echo 1 } }\n        stage('S') { steps { echo 'x' } }\n    }\n}\n"
	_, errs := jenkinsfile.Parse([]byte(text))
	if len(errs) < 2 {
		t.Fatalf("%d errors, want some", len(errs))
	}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": text})
	ref, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, b.Service)
	build := b.finished(t, "main", ref.Number)
	if build.Result != bot.ResultFailure || len(build.Stages) != 0 || !strings.HasPrefix(build.Message, "Jenkinsfile:") {
		t.Errorf("build %+v", build)
	}
	log := b.logOf(t, "main", ref.Number)
	for _, e := range errs {
		if !strings.Contains(log, e.Error()) {
			t.Errorf("log lacks %q:\n%s", e, log)
		}
	}
	if !strings.HasSuffix(log, "Finished: FAILURE\n") {
		t.Errorf("log %q", log)
	}
}

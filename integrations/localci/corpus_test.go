package localci

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/report"
)

// recordedCase is what of a case.json is compared here. The engine's own test
// compares everything on a plain host; this one shows that the service around it,
// with its sandbox, checkout, reports and artifacts, changes nothing.
type recordedCase struct {
	ID, Topic, Job, Branch string
	Rung                   any
	Builds                 int
	Stop                   string            `json:"stop_when_log_contains"`
	Parameters             map[string]string `json:"parameters_of_build_2"`
	Expect                 recordedBuild
	ExpectBuilds           []recordedBuild `json:"expect_builds"`
}

type recordedBuild struct {
	Result string
	Stages []struct{ Name, Status, Tag string }
	Log    []string
	Tests  *struct {
		Total, Failed, Skipped int
		Suites                 []struct {
			Cases []struct{ Classname, Name, Status string }
		}
	}
	Contents map[string]string `json:"artifact_contents"`
}

func TestRecordedBuilds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("engine/testdata/corpus/*/case.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cases: %v", err)
	}
	short := []string{"junit", "archive", "checkout", "env-built-in"}
	ran := 0
	for _, file := range files {
		var c recordedCase
		if err := json.Unmarshal([]byte(readFile(t, file)), &c); err != nil {
			t.Fatal(err)
		}
		if c.Rung != 1.0 || testing.Short() && !slices.Contains(short, c.Topic) {
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			c.replay(t, filepath.Dir(file))
		})
	}
	if ran < 25 {
		t.Errorf("only %d cases", ran)
	}
}

// replay makes the case's repository, job and builds, and compares each build.
func (c recordedCase) replay(t *testing.T, dir string) {
	t.Helper()
	b := &bench{store: newMemory(), blobs: &blobs{kept: map[string]string{}}, repo: newRepository(t), clock: newStubClock()}
	b.Service = b.start(t, "node1:1", t.TempDir())
	if err := b.runner.Available(); err != nil {
		t.Skipf("NOT TESTED, no sandbox: %v", err)
	}
	b.env.Clock = bot.SystemClock{}
	c.lay(t, b, dir, "tree", "first change")
	spec := b.spec()
	spec.Name = c.Job
	job, err := b.EnsureJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, b.Service)
	c.stop(t, b)
	c.compare(t, b, 1, c.Expect)
	if c.Builds < 2 {
		return
	}
	commit := c.lay(t, b, dir, "tree2", "second change")
	if c.Parameters == nil && commit != "" {
		b.handle(t, bot.Event{ID: "push", Type: bot.EventPushed, Branch: c.Branch, Commit: commit})
	} else if _, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: c.Branch, Parameters: c.Parameters}); err != nil {
		t.Fatal(err)
	}
	c.compare(t, b, 2, c.ExpectBuilds[1])
}

// stop aborts the build when the case says so. Only reading the log again and
// again shows when: it is a file.
func (c recordedCase) stop(t *testing.T, b *bench) {
	t.Helper()
	if c.Stop == "" {
		return
	}
	ref := bot.BuildRef{Job: c.Job, Branch: c.Branch, Number: 1}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if text, err := os.ReadFile(b.logPath(ref)); err == nil && strings.Contains(string(text), c.Stop) {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the log never says %q", c.Stop)
		}
	}
	if err := b.Abort(t.Context(), ref, "alice"); err != nil {
		t.Fatal(err)
	}
}

// lay commits a tree of the case to its branch; "" if it has none.
func (c recordedCase) lay(t *testing.T, b *bench, dir, tree, message string) string {
	t.Helper()
	from := os.DirFS(filepath.Join(dir, tree))
	if _, err := fs.Stat(from, "."); err != nil && tree != "tree" {
		return ""
	}
	b.repo.git(t, b.repo.work, "checkout", "-q", "-B", c.Branch)
	_ = fs.WalkDir(from, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // a case without files
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := e.Info()
		to := filepath.Join(b.repo.work, name)
		_ = os.MkdirAll(filepath.Dir(to), 0o755)
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
		return nil
	})
	script := readFile(t, filepath.Join(dir, "Jenkinsfile"))
	if err := os.WriteFile(filepath.Join(b.repo.work, "Jenkinsfile"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	b.repo.git(t, b.repo.work, "add", "-A", "-f")
	b.repo.git(t, b.repo.work, "commit", "-q", "--allow-empty", "-m", message)
	b.repo.git(t, b.repo.work, "push", "-q", "-f", b.repo.bare, "HEAD:refs/heads/"+c.Branch)
	return b.repo.git(t, b.repo.work, "rev-parse", "HEAD")
}

func (c recordedCase) compare(t *testing.T, b *bench, number int, want recordedBuild) {
	t.Helper()
	ref := bot.BuildRef{Job: c.Job, Branch: c.Branch, Number: number}
	b.store.await(t, fmt.Sprintf("build %d", number), func() bool {
		build, err := b.Status(t.Context(), ref)
		return err == nil && build.State == bot.BuildFinished
	})
	build, err := b.Status(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	log := readFile(t, b.logPath(ref))
	if string(build.Result) != want.Result {
		t.Errorf("build %d: result %s, want %s (%s)\n%s", number, build.Result, want.Result, build.Message, log)
	}
	var stages []string
	for _, s := range build.Stages {
		stages = append(stages, s.Name+" "+s.Status)
	}
	var wanted []string
	for _, s := range want.Stages {
		wanted = append(wanted, s.Name+" "+s.Status)
	}
	if !slices.Equal(stages, wanted) {
		t.Errorf("build %d: stages %q, want %q", number, stages, wanted)
	}
	if missing := firstMissing(strings.Split(log, "\n"), want.Log); missing != "" {
		t.Errorf("build %d: the log lacks, at its place, %q:\n%s", number, missing, log)
	}
	if want.Contents != nil {
		got := map[string]string{}
		for _, a := range build.Artifacts {
			got[a.Name] = b.blobs.kept[a.Digest]
		}
		if fmt.Sprint(got) != fmt.Sprint(want.Contents) {
			t.Errorf("build %d: artifacts %q, want %q", number, got, want.Contents)
		}
	}
	compareTests(t, b, build, want)
}

func compareTests(t *testing.T, b *bench, build bot.Build, want recordedBuild) {
	t.Helper()
	if (build.Tests != nil) != (want.Tests != nil) {
		t.Fatalf("tests %+v, want %+v", build.Tests, want.Tests)
	}
	if want.Tests == nil {
		return
	}
	if got, want := *build.Tests, *want.Tests; got.Total != want.Total || got.Failed != want.Failed || got.Skipped != want.Skipped {
		t.Errorf("tests %+v, want %+v", got, want)
	}
	tests, err := b.TestReport(t.Context(), build.Ref)
	if err != nil {
		t.Fatal(err)
	}
	var got, wanted []string
	for _, s := range tests.Suites {
		for _, c := range s.Cases {
			got = append(got, c.FullName()+" "+string(c.Status))
		}
	}
	for _, s := range want.Tests.Suites {
		for _, c := range s.Cases {
			wanted = append(wanted, c.Classname+"."+c.Name+" "+string(report.Status(c.Status)))
		}
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("cases %q, want %q", got, wanted)
	}
}

// firstMissing finds the first wanted line that doesn't follow those before it.
func firstMissing(lines, want []string) string {
	placeholder := regexp.MustCompile(`<[A-Z_]+>`)
	for _, w := range want {
		w = strings.ReplaceAll(w, "http://<HOST>/", "http://127.0.0.1:8080/ci/ci/")
		parts := placeholder.Split(w, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		fits := regexp.MustCompile("^" + strings.Join(parts, ".+") + "$")
		at := slices.IndexFunc(lines, fits.MatchString)
		if at < 0 {
			return w
		}
		lines = lines[at+1:]
	}
	return ""
}

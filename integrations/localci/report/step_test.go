package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"opsbot/integrations/localci/report"
)

// recorded is an excerpt of one recorded case: what stood in the workspace, and
// what a Jenkins 2.460 logged and reported.
type recorded struct {
	ID    string
	Steps []struct {
		Files      []string
		Dir        string
		AllowEmpty bool `json:"allow_empty"`
		Failed     bool
	}
	Builds []struct {
		Files   map[string]string
		Log     []string
		Failure string
		Tests   *recordedTests
	}
}

type recordedTests struct {
	Total, Passed, Failed, Skipped int
	Suites                         []struct {
		Name  string
		Cases []struct {
			Classname, Name, Status string
			Duration                float64
			Message                 string
			SkippedMessage          string `json:"skipped_message"`
			Age                     int
		}
	}
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 18 {
		t.Fatalf("%d recorded cases, want 18", len(cases))
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			c.replay(t)
		})
	}
}

// replay runs every step of every build and compares each build's report.
func (c recorded) replay(t *testing.T) {
	t.Helper()
	var previous *report.Report
	for n, build := range c.Builds {
		root := workspace(t, build.Files)
		merged, log, failure := &report.Report{}, []string(nil), ""
		for _, s := range c.Steps {
			req := report.Request{Dir: s.Dir, Files: s.Files, AllowEmpty: s.AllowEmpty, BuildFailed: s.Failed, Shown: "/ws"}
			got, err := report.Run(t.Context(), root, req, func(line string) { log = append(log, line) })
			if err != nil {
				failure = err.Error()
				continue
			}
			merged.Merge(got)
		}
		merged.Compare(previous, n+1)
		previous = merged
		if failure != build.Failure {
			t.Errorf("build %d: failure %q, want %q", n+1, failure, build.Failure)
		}
		if !slices.Equal(log, build.Log) {
			t.Errorf("build %d: log %q, want %q", n+1, log, build.Log)
		}
		compare(t, n+1, merged, build.Tests)
	}
}

func compare(t *testing.T, build int, got *report.Report, want *recordedTests) {
	t.Helper()
	if want == nil {
		want = &recordedTests{}
	}
	totals := report.Totals{Total: want.Total, Passed: want.Passed, Failed: want.Failed, Skipped: want.Skipped}
	if got.Totals() != totals {
		t.Errorf("totals %+v, want %+v", got.Totals(), totals)
	}
	if len(got.Suites) != len(want.Suites) {
		t.Fatalf("%d suites, want %d: %+v", len(got.Suites), len(want.Suites), got.Suites)
	}
	for i, ws := range want.Suites {
		gs := got.Suites[i]
		if gs.Name != ws.Name || len(gs.Cases) != len(ws.Cases) {
			t.Fatalf("suite %q with %d cases, want %q with %d", gs.Name, len(gs.Cases), ws.Name, len(ws.Cases))
		}
		for j, w := range ws.Cases {
			g := gs.Cases[j]
			if g.Class != w.Classname || g.Name != w.Name || string(g.Status) != w.Status || g.Seconds != w.Duration {
				t.Errorf("case %+v, want %+v", g, w)
			}
			if g.Message != w.Message+w.SkippedMessage {
				t.Errorf("%s: message %q, want %q", g.FullName(), g.Message, w.Message+w.SkippedMessage)
			}
			if w.Status == "FAILED" && build-g.FailedSince+1 != w.Age {
				t.Errorf("%s: failed since %d in build %d, want age %d", g.FullName(), g.FailedSince, build, w.Age)
			}
		}
	}
}

func workspace(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func run(t *testing.T, root *os.Root, req report.Request) (*report.Report, []string, error) {
	t.Helper()
	var log []string
	got, err := report.Run(t.Context(), root, req, func(line string) { log = append(log, line) })
	return got, log, err
}

// What is no XML at all is a failed test if it is called so, and a wrong pattern
// if it isn't.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"bad.xml": "<testsuite>", "notes.txt": "hello"})
	got, _, err := run(t, root, report.Request{Files: []string{"bad.xml"}, Shown: "/ws"})
	if err != nil {
		t.Fatal(err)
	}
	c := got.Suites[0].Cases[0]
	if got.Suites[0].Name != "bad.xml" || c.Class != "bad.xml" || c.Name != "[failed-to-read]" || c.Status != report.Failed ||
		!strings.HasPrefix(c.Trace, "Failed to read test report file /ws/bad.xml\n") {
		t.Errorf("suite %+v", got.Suites[0])
	}
	_, log, err := run(t, root, report.Request{Files: []string{"notes.txt"}, Shown: "/ws"})
	const want = "Failed to read /ws/notes.txt\nIs this really a JUnit report file? Your configuration must be matching too many files"
	var failure *report.Failure
	if !errors.As(err, &failure) || failure.Text != want || failure.Class != "java.io.IOException" {
		t.Errorf("err = %v, want %q", err, want)
	}
	if !slices.Equal(log, []string{"Recording test results", want}) {
		t.Errorf("log %q", log)
	}
}

// A file with another root element adds nothing to those that have results.
func TestOtherRootIsPassedOver(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{
		"a.xml": `<html><body>no tests</body></html>`, "b.xml": `<testsuite name="b"><testcase name="t"/></testsuite>`,
	})
	got, _, err := run(t, root, report.Request{Files: []string{"a.xml", "b.xml"}})
	if err != nil || got.Totals().Total != 1 {
		t.Errorf("report %+v, %v", got, err)
	}
	if _, _, err := run(t, root, report.Request{Files: []string{"a.xml"}}); err == nil {
		t.Error("a report without any test case passed")
	}
}

// A build that is broken already isn't told off for an empty report, but still
// for a missing one.
func TestAfterFailure(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"a.xml": `<testsuite name="a"/>`})
	_, log, err := run(t, root, report.Request{Files: []string{"a.xml"}, BuildFailed: true})
	if err != nil || len(log) != 1 {
		t.Errorf("log %q, %v", log, err)
	}
	if _, _, err := run(t, root, report.Request{BuildFailed: true}); err == nil {
		t.Error("no file at all passed")
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"big.xml": strings.Repeat(" ", 33<<20)})
	if err := os.Symlink("/etc/passwd", filepath.Join(root.Name(), "passwd.xml")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root.Name(), "pipe.xml"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"big.xml": "larger than", "passwd.xml": "escapes", "pipe.xml": "not a regular file",
	} {
		got, _, err := run(t, root, report.Request{Files: []string{name}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c := got.Suites[0].Cases[0]; c.Name != "[failed-to-read]" || !strings.Contains(c.Trace, want) || strings.Contains(c.Trace, "root:") {
			t.Errorf("%s: %+v, want %q", name, c, want)
		}
	}
	got, _, err := run(t, root, report.Request{Files: []string{"gone.xml"}, AllowEmpty: true})
	if err != nil || got.Totals().Total != 0 {
		t.Errorf("a file that vanished: %+v, %v", got, err)
	}
}

func TestRunStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	root := workspace(t, map[string]string{"a.xml": "<testsuite/>"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := report.Run(ctx, root, report.Request{Files: []string{"a.xml"}}, func(string) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
}

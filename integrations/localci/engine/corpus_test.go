package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

// recordedCase is one Jenkinsfile and what a real Jenkins did with it.
type recordedCase struct {
	ID     string `json:"id"`
	Rung   any    `json:"rung"`
	Topic  string `json:"topic"`
	Job    string `json:"job"`
	Branch string `json:"branch"`
	Builds int    `json:"builds"`

	Parameters map[string]string `json:"parameters_of_build_2"`
	StopAt     string            `json:"stop_when_log_contains"`
	Unordered  bool              `json:"log_unordered"`
	Either     [][]string        `json:"either_order"`

	Expect       expectation   `json:"expect"`
	ExpectBuilds []expectation `json:"expect_builds"`

	dir string
}

type expectation struct {
	Result  string `json:"result"`
	Refused bool   `json:"refused"`
	Stages  []struct {
		Name, Status, Parent, Error string
	} `json:"stages"`
	Log     []string `json:"log"`
	Failure *struct {
		Class   string
		Message *string
	} `json:"failure"`
	Tests *struct {
		Total, Passed, Failed, Skipped int
	} `json:"tests"`
	Artifacts        []string          `json:"artifacts"`
	ArtifactContents map[string]string `json:"artifact_contents"`
	DisplayName      string            `json:"display_name"`
	Description      string            `json:"description"`
}

// exceptions are the cases that may differ, each with its reason.
func exceptions() map[string]string {
	return map[string]string{}
}

func loadCorpus(t *testing.T) []recordedCase {
	t.Helper()
	dirs, err := filepath.Glob("testdata/corpus/[0-9]*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var cases []recordedCase
	for _, dir := range dirs {
		data, err := os.ReadFile(filepath.Join(dir, "case.json"))
		if err != nil {
			t.Fatal(err)
		}
		c := recordedCase{dir: dir}
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// TestCorpus runs every recorded Jenkinsfile and says of each whether it agrees
// with Jenkins. What differs fails, unless it is listed.
func TestCorpus(t *testing.T) { //nolint:tparallel // the count waits for the cases
	t.Parallel()
	var mu sync.Mutex
	agree, total := map[string]int{}, map[string]int{}
	t.Run("cases", func(t *testing.T) {
		for _, c := range loadCorpus(t) {
			t.Run(c.ID, func(t *testing.T) {
				t.Parallel()
				why := c.differs(t)
				rung := fmt.Sprint(c.Rung)
				mu.Lock()
				defer mu.Unlock()
				total[rung]++
				if why == "" {
					agree[rung]++
					t.Log("agree")
					return
				}
				t.Logf("differ: %s", why)
				if _, listed := exceptions()[c.ID]; !listed {
					t.Fail()
				}
			})
		}
	})
	for _, rung := range slices.Sorted(maps.Keys(total)) {
		t.Logf("rung %s: %d of %d agree", rung, agree[rung], total[rung])
	}
}

// differs runs the case and tells the first difference.
func (c recordedCase) differs(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(c.dir, "Jenkinsfile"))
	if err != nil {
		t.Fatal(err)
	}
	file, errs := jenkinsfile.Parse(src)
	if c.Expect.Refused {
		return c.refusal(errs)
	}
	if len(errs) > 0 {
		if c.Topic == "runtime" {
			return "" // refused up front instead of failing when it runs
		}
		return fmt.Sprintf("refused: %v", errs)
	}
	env := newPlainHost(t, c)
	all := c.ExpectBuilds
	if len(all) == 0 {
		all = []expectation{c.Expect}
	}
	for i, want := range all {
		if why := env.build(t, c, file, i+1, want); why != "" {
			return fmt.Sprintf("build %d: %s", i+1, why)
		}
	}
	return ""
}

func (c recordedCase) refusal(errs []*jenkinsfile.Error) string {
	var got, want []string
	for _, e := range errs {
		got = append(got, e.Pos.String())
	}
	place := regexp.MustCompile(` @ line (\d+), column (\d+)\.$`)
	for _, line := range c.Expect.Log {
		if m := place.FindStringSubmatch(line); m != nil {
			want = append(want, m[1]+":"+m[2])
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("errors at %v, want %v", got, want)
	}
	return ""
}

// build runs one build and compares it.
func (h *plainHost) build(t *testing.T, c recordedCase, file *jenkinsfile.File, number int, want expectation) string {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	h.start(c, number, func() { cancel(&engine.Stop{By: "somebody"}) })
	build := engine.Build{
		Job: c.Job, Branch: c.Branch, Number: number, URL: h.url, Home: h.home, PrimaryBranch: c.Branch == "main",
		Previous: h.previous, Machine: map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": h.home},
	}
	if number == 2 {
		build.Parameters = c.Parameters
		build.Changes = h.changes
	}
	out := engine.Run(ctx, file, build, h, bot.SystemClock{})
	h.previous = &engine.Previous{
		Number: number, Result: out.Result, Commit: h.commit, SuccessfulCommit: h.commit,
	}
	why := h.compare(c, out, want)
	if why != "" {
		why += "\n" + strings.Join(h.lines, "\n")
	}
	return why
}

func (h *plainHost) compare(c recordedCase, out engine.Outcome, want expectation) string {
	if string(out.Result) != want.Result {
		return fmt.Sprintf("result %s, want %s", out.Result, want.Result)
	}
	if why := h.compareStages(c, out, want); why != "" {
		return why
	}
	if why := h.compareLog(c, want.Log); why != "" {
		return why
	}
	if f := want.Failure; f != nil && (out.Failure == nil || out.Failure.Class != f.Class ||
		f.Message != nil && !h.pattern(*f.Message).MatchString(out.Failure.Message)) {
		return fmt.Sprintf("failure %+v, want %+v", out.Failure, *f)
	}
	if (want.Tests != nil) != (out.Tests != nil) {
		return fmt.Sprintf("tests %v, want %v", out.Tests, want.Tests)
	}
	if w := want.Tests; w != nil && *out.Tests != (engine.Totals{Total: w.Total, Passed: w.Passed, Failed: w.Failed, Skipped: w.Skipped}) {
		return fmt.Sprintf("tests %v, want %v", *out.Tests, *w)
	}
	if !slices.Equal(out.Artifacts, want.Artifacts) && len(out.Artifacts)+len(want.Artifacts) > 0 {
		return fmt.Sprintf("artifacts %q, want %q", out.Artifacts, want.Artifacts)
	}
	for name, text := range want.ArtifactContents {
		if h.archived[name] != text {
			return fmt.Sprintf("artifact %s is %q, want %q", name, h.archived[name], text)
		}
	}
	if out.Description != want.Description || want.DisplayName != "" && out.DisplayName != want.DisplayName {
		return fmt.Sprintf("%q %q, want %q %q", out.DisplayName, out.Description, want.DisplayName, want.Description)
	}
	return ""
}

func (h *plainHost) compareStages(c recordedCase, out engine.Outcome, want expectation) string {
	var got, wanted []string
	for _, s := range want.Stages {
		wanted = append(wanted, strings.Join([]string{s.Parent, s.Name, s.Status, s.Error}, "|"))
	}
	var walk func(parent string, list []*engine.Stage)
	walk = func(parent string, list []*engine.Stage) {
		for _, s := range list {
			got = append(got, strings.Join([]string{parent, s.Name, string(s.Status), s.Error}, "|"))
			walk(s.Name, s.Children)
		}
	}
	walk("", out.Stages)
	if c.Unordered {
		slices.Sort(got)
		slices.Sort(wanted)
	}
	same := func(got, wanted string) bool { return h.pattern(wanted).MatchString(got) }
	if !slices.EqualFunc(got, wanted, same) {
		return fmt.Sprintf("stages %q, want %q", got, wanted)
	}
	return ""
}

// compareLog wants the recorded lines in their order; of branches as a set.
func (h *plainHost) compareLog(c recordedCase, want []string) string {
	if c.Unordered {
		rest := slices.Clone(h.lines)
		for _, line := range want {
			i := slices.IndexFunc(rest, h.pattern(line).MatchString)
			if i < 0 {
				return fmt.Sprintf("log has no %q", line)
			}
			rest = slices.Delete(rest, i, i+1)
		}
		return ""
	}
	why := h.ordered(want)
	if swapped := swap(want, c.Either); why != "" && swapped != nil {
		return h.ordered(swapped)
	}
	return why
}

func (h *plainHost) ordered(want []string) string {
	at := 0
	for _, line := range want {
		re := h.pattern(line)
		i := slices.IndexFunc(h.lines[at:], re.MatchString)
		if i < 0 {
			return fmt.Sprintf("log has no %q after line %d", line, at)
		}
		at += i + 1
	}
	return ""
}

// swap exchanges the pairs that may come in either order.
func swap(want []string, pairs [][]string) []string {
	if len(pairs) == 0 {
		return nil
	}
	out := slices.Clone(want)
	for _, p := range pairs {
		i, j := slices.Index(out, p[0]), slices.Index(out, p[1])
		if i >= 0 && j >= 0 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

// pattern is a recorded line with its placeholders filled in.
func (h *plainHost) pattern(line string) *regexp.Regexp {
	text := regexp.QuoteMeta(line)
	for name, value := range map[string]string{
		"WORKSPACE": regexp.QuoteMeta(h.workspacePath()), "JENKINS_HOME": regexp.QuoteMeta(h.home),
		"GIT_URL": regexp.QuoteMeta(h.repo), "HOST": "ci.example.com", "COMMIT": "[0-9a-f]{40}", "TIME": ".*", "USER": ".*",
		"ID": "[0-9a-f]+", "HASH": ".*", "N": `\d+`, "VERSION": ".*", "STEPS": ".*",
	} {
		text = strings.ReplaceAll(text, "<"+name+">", value)
	}
	return regexp.MustCompile("^" + text + "$")
}

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// page has every part, with something outdated in it.
func page() string {
	var b strings.Builder
	b.WriteString("# Title\n")
	for _, name := range []string{"imports", "commands", "rights", "integrations", "configuration"} {
		fmt.Fprintf(&b, "\n<!-- begin %s -->\noutdated %s\n<!-- end %s -->\n", name, name, name)
	}
	return b.String() + "\nThe end.\n"
}

func TestReadmeIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(t.Context(), string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Error("README.md is not current: run go generate ./test/docs")
	}
}

func TestGenerateReplacesOnlyTheParts(t *testing.T) {
	t.Parallel()
	got, err := generate(t.Context(), page())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, "outdated") {
		t.Error("an outdated part is still there")
	}
	if !strings.HasPrefix(got, "# Title\n") || !strings.HasSuffix(got, "\nThe end.\n") {
		t.Error("text outside the parts has changed")
	}
	for _, want := range []string{
		"| `deploy NAME[@VERSION] to ENV", "also `build`", "| `bot` | nothing |", "`localgit`",
		// A developer may skip the question in staging only.
		"| `yes` | – | only staging |", "localrun: { type: localrun }",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	again, err := generate(t.Context(), got)
	if err != nil || again != got {
		t.Errorf("the second time gives something else (error %v)", err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"missing": {strings.Replace(page(), "<!-- begin rights -->", "", 1), `"rights" is missing`},
		"endless": {strings.Replace(page(), "<!-- end rights -->", "", 1), `"rights" has no end`},
		"unknown": {page() + "<!-- begin more -->\n<!-- end more -->", `no part "more"`},
		"twice":   {page() + "<!-- begin rights -->\n<!-- end rights -->", `"rights" is there twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := generate(t.Context(), c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestUpdateLeavesACurrentFileAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(page()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := update(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	// Only the time of the last write tells, whoever runs the test.
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := update(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(path)
	if err != nil || !second.ModTime().Equal(first.ModTime()) {
		t.Errorf("a current file was written again (error %v)", err)
	}
}

func TestEveryVerbHasItsRow(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]part{"commands": commandTable, "rights": rights} {
		var b strings.Builder
		if err := write(t.Context(), io.Writer(&b)); err != nil {
			t.Fatal(err)
		}
		for _, s := range specs() {
			if !strings.Contains(b.String(), "| `"+s.Verb) {
				t.Errorf("%s: %s has no row", name, s.Verb)
			}
		}
	}
}

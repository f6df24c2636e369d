package main

import (
	"strings"
	"testing"
)

// output runs the report over events, one a line.
func output(t *testing.T, events ...string) (string, int) {
	t.Helper()
	var out strings.Builder
	code := run(strings.NewReader(strings.Join(events, "\n")), &out)
	return out.String(), code
}

func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in:\n%s", p, text)
		}
	}
}

const (
	startA = `{"Action":"start","Package":"p"}`
	okP    = `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`
	passP  = `{"Action":"pass","Package":"p"}`
	passA  = `{"Action":"pass","Package":"p","Test":"TestA"}`
	saysA  = `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: something\n"}`
)

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	text, code := output(t, startA, `{"Action":"run","Package":"p","Test":"TestA"}`, saysA, passA, `{"Action":"output","Package":"p","Output":"PASS\n"}`, okP, passP)
	wants(t, text, "ok  \tp\t0.1s\n", "tests: 1 passed, 0 failed, 0 skipped; packages: 1, 0 of them failed")
	if code != 0 || strings.Contains(text, "something") || strings.Contains(text, "PASS\n") {
		t.Errorf("code %d, output:\n%s", code, text)
	}
}

func TestAFailureIsShownAndCounted(t *testing.T) {
	t.Parallel()
	text, code := output(t, saysA, `{"Action":"fail","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`, `{"Action":"fail","Package":"p"}`)
	wants(t, text, "a_test.go:1: something", "FAIL\tp", "failed:  p TestA", "tests: 0 passed, 1 failed, 0 skipped; packages: 1, 1 of them failed")
	if code != 1 {
		t.Errorf("code %d", code)
	}
}

func TestSkippedTestsAreListed(t *testing.T) {
	t.Parallel()
	text, code := output(t, passA,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: NO PAYLOAD CORPUS: x is missing\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestB"}`, `{"Action":"skip","Package":"p","Test":"TestC"}`, okP, passP)
	wants(t, text, "skipped: p TestB: b_test.go:3: NO PAYLOAD CORPUS: x is missing\n", "skipped: p TestC: no reason given",
		"!!! NO PAYLOAD CORPUS: 1 tests", "tests: 1 passed, 0 failed, 2 skipped")
	if code != 0 {
		t.Errorf("code %d", code)
	}
}

func TestACrashShowsWhatWasRunning(t *testing.T) {
	t.Parallel()
	text, code := output(t, saysA, passA, `{"Action":"output","Package":"p","Test":"TestB","Output":"panic: test timed out\n"}`, `{"Action":"fail","Package":"p"}`)
	wants(t, text, "--- UNFINISHED: p TestB\npanic: test timed out", "tests: 1 passed, 1 failed")
	if code != 1 || strings.Contains(text, "something") {
		t.Errorf("code %d, output:\n%s", code, text)
	}
}

func TestWhatDoesNotBuildFails(t *testing.T) {
	t.Parallel()
	text, code := output(t, passA, `{"Action":"build-output","ImportPath":"q","Output":"q/a.go:1: syntax error\n"}`,
		`{"Action":"build-fail","ImportPath":"q"}`, `{"Action":"fail","Package":"q"}`, passP)
	wants(t, text, "q/a.go:1: syntax error", "packages: 2, 1 of them failed")
	if code != 1 {
		t.Errorf("code %d", code)
	}
}

func TestNothingRanIsAFailure(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "pattern ./...: no such folder", passP} {
		if text, code := output(t, in); code != 1 {
			t.Errorf("%q: code %d, output %s", in, code, text)
		} else if in != passP {
			wants(t, text, in)
		}
	}
}

// Command report reads the output of `go test -json` and prints what a person
// wants of it: the line of each package, the output of what failed, the tests
// that were left out and why, and one line of totals. It exits 1 if anything
// failed or nothing ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// corpusMark is how a test says that the payload samples are not there.
const corpusMark = "NO PAYLOAD CORPUS"

func main() {
	os.Exit(run(os.Stdin, os.Stdout))
}

// run returns the exit code.
func run(in io.Reader, out io.Writer) int {
	r := report{out: out, output: map[test][]string{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), 64<<20)
	for lines.Scan() {
		r.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintf(out, "report: read the test output: %v\n", err)
		return 1
	}
	return r.summary()
}

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

type test struct{ pkg, name string }

type skipped struct {
	test
	reason string
}

type report struct {
	out                  io.Writer
	output               map[test][]string // of tests that have not ended yet
	passed, failed       int
	skipped              []skipped
	failures             []test
	packages, badPackage int
}

func (r *report) line(text []byte) {
	var e event
	if json.Unmarshal(text, &e) != nil || e.Action == "" {
		fmt.Fprintf(r.out, "%s\n", text) // not of go test: shown as it is
		return
	}
	t := test{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "output" && e.Test == "":
		r.packageOutput(e.Output)
	case e.Action == "output":
		r.output[t] = append(r.output[t], e.Output)
	case e.Test == "":
		r.packageEnd(e)
	default:
		r.testEnd(e.Action, t)
	}
}

// packageOutput shows all but the word that the package's own line repeats.
func (r *report) packageOutput(text string) {
	if text != "PASS\n" && text != "FAIL\n" {
		fmt.Fprint(r.out, text)
	}
}

func (r *report) packageEnd(e event) {
	switch e.Action {
	case "pass", "skip":
		r.packages++
	case "fail":
		r.packages++
		r.badPackage++
		// A package that ended in the middle (a time limit, a crash) never said how
		// its running tests ended: what they printed is the trace to follow.
		for _, t := range r.open(e.Package) {
			fmt.Fprintf(r.out, "--- UNFINISHED: %s %s\n%s", t.pkg, t.name, strings.Join(r.output[t], ""))
			r.failures = append(r.failures, t)
			r.failed++
			delete(r.output, t)
		}
	}
}

func (r *report) open(pkg string) []test {
	var out []test
	for t := range r.output {
		if t.pkg == pkg {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b test) int { return cmp.Compare(a.name, b.name) })
	return out
}

func (r *report) testEnd(action string, t test) {
	switch action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.failures = append(r.failures, t)
		fmt.Fprint(r.out, strings.Join(r.output[t], ""))
	case "skip":
		r.skipped = append(r.skipped, skipped{t, reason(r.output[t])})
	default:
		return // run, pause, cont, start, bench
	}
	delete(r.output, t)
}

// reason is what a skipped test said, without the frame around it.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			said = append(said, line)
		}
	}
	return cmp.Or(strings.Join(said, " "), "no reason given")
}

// summary prints the end and returns the exit code.
func (r *report) summary() int {
	for _, t := range r.failures {
		fmt.Fprintf(r.out, "failed:  %s %s\n", t.pkg, t.name)
	}
	corpus := 0
	for _, s := range r.skipped {
		fmt.Fprintf(r.out, "skipped: %s %s: %s\n", s.pkg, s.name, s.reason)
		if strings.Contains(s.reason, corpusMark) {
			corpus++
		}
	}
	if corpus > 0 {
		fmt.Fprintf(r.out, "!!! %s: %d tests that need the payload samples did not run; set OPSBOT_PAYLOADS to their folder !!!\n", corpusMark, corpus)
	}
	fmt.Fprintf(r.out, "tests: %d passed, %d failed, %d skipped; packages: %d, %d of them failed\n",
		r.passed, r.failed, len(r.skipped), r.packages, r.badPackage)
	if r.failed > 0 || r.badPackage > 0 || r.passed == 0 {
		return 1
	}
	return 0
}

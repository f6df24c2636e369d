// Package report reads JUnit's XML as Jenkins' junit step does, and keeps what it
// says of each test.
//
// The files come from a build and are not trusted: nothing outside the file is
// ever loaded, and size, depth, entities and the number of test cases are bounded.
package report

import "fmt"

// Status is what a test case did, in Jenkins' words.
type Status string

// The statuses. Fixed and Regression say that the last report had it otherwise.
const (
	Passed     Status = "PASSED"
	Failed     Status = "FAILED"
	Skipped    Status = "SKIPPED"
	Fixed      Status = "FIXED"
	Regression Status = "REGRESSION"
)

// Case is one test case. Its texts come from the build.
type Case struct {
	Class  string `json:"class"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Seconds is how long it ran, as the report has it.
	Seconds float64 `json:"seconds,omitempty"`
	// Message and Trace are of the first error or else failure element; Message
	// of a skipped case says why it was skipped.
	Message string `json:"message,omitempty"`
	Trace   string `json:"trace,omitempty"`
	// FailedSince is the number of the first of the builds in a row in which the
	// case failed; 0 if it doesn't.
	FailedSince int `json:"failed_since,omitempty"`
}

// FullName is class and name, by which Jenkins finds a case again.
func (c Case) FullName() string { return c.Class + "." + c.Name }

// Broken reports whether the case counts as failed.
func (c Case) Broken() bool { return c.Status == Failed || c.Status == Regression }

// ok reports whether the case counts as passed. A skipped case is neither.
func (c Case) ok() bool { return c.Status == Passed || c.Status == Fixed }

// Suite is one test suite: nested ones stand beside each other.
type Suite struct {
	Name  string `json:"name"`
	Cases []Case `json:"cases"`
	id    string
}

// Report is what the junit steps of one build found. The zero Report holds
// nothing. It is not safe for concurrent use.
type Report struct {
	Suites []Suite `json:"suites"`
}

// Totals counts the cases of a report; Passed includes Fixed, Failed includes
// Regression.
type Totals struct{ Total, Passed, Failed, Skipped int }

// Totals counts. Jenkins never believes the counts that stand in the file.
func (r *Report) Totals() Totals {
	var t Totals
	for _, s := range r.Suites {
		for _, c := range s.Cases {
			t.Total++
			switch {
			case c.Broken():
				t.Failed++
			case c.ok():
				t.Passed++
			default:
				t.Skipped++
			}
		}
	}
	return t
}

// Failures names the first limit failed cases.
func (r *Report) Failures(limit int) []string {
	var names []string
	for _, s := range r.Suites {
		for _, c := range s.Cases {
			if len(names) == limit {
				return names
			}
			if c.Broken() {
				names = append(names, c.FullName())
			}
		}
	}
	return names
}

// Mask changes every text of the report, which may hold what nobody is to read.
func (r *Report) Mask(mask func(text string) string) {
	for i := range r.Suites {
		s := &r.Suites[i]
		s.Name = mask(s.Name)
		for k := range s.Cases {
			c := &s.Cases[k]
			c.Class, c.Name, c.Message, c.Trace = mask(c.Class), mask(c.Name), mask(c.Message), mask(c.Trace)
		}
	}
}

// Merge adds what another step of the same build found. Suites of the same name
// stay apart: the steps are different places.
func (r *Report) Merge(step *Report) {
	r.Suites = append(r.Suites, step.Suites...)
}

// add takes in a suite of the same step. One that was written over several files
// is put together again; an id, where both have one, tells suites apart.
func (r *Report) add(suite Suite) {
	for i := range r.Suites {
		have := &r.Suites[i]
		if have.Name == suite.Name && (have.id == "" || suite.id == "" || have.id == suite.id) {
			have.Cases = append(have.Cases, suite.Cases...)
			return
		}
	}
	r.Suites = append(r.Suites, suite)
}

// Compare sets every status by what the last earlier build with a report had,
// nil if there is none, and since when each case has failed; build is the number
// of r's own build. As in Jenkins a case that was skipped before and passes now
// is Fixed, for it did not pass before.
func (r *Report) Compare(previous *Report, build int) {
	before := previous.index()
	for _, s := range r.Suites {
		for i := range s.Cases {
			c := &s.Cases[i]
			last, known := before[s.Name+"\x00"+c.FullName()]
			c.compare(last, known, build)
		}
	}
}

func (c *Case) compare(last Case, known bool, build int) {
	c.FailedSince = 0
	switch {
	case c.ok() && known && !last.ok():
		c.Status = Fixed
	case c.ok():
		c.Status = Passed
	case c.Broken():
		c.Status, c.FailedSince = Failed, build
		if known && last.ok() {
			c.Status = Regression
		}
		if known && last.Broken() {
			c.FailedSince = last.FailedSince
		}
	}
}

// index finds cases by suite and name; of several alike the first suite counts,
// and in it the last case.
func (r *Report) index() map[string]Case {
	all := map[string]Case{}
	if r == nil {
		return all
	}
	for _, s := range r.Suites {
		own := map[string]Case{}
		for _, c := range s.Cases {
			own[s.Name+"\x00"+c.FullName()] = c
		}
		for key, c := range own {
			if _, taken := all[key]; !taken {
				all[key] = c
			}
		}
	}
	return all
}

// String sums up the report in one line, for logs.
func (t Totals) String() string {
	return fmt.Sprintf("%d tests, %d failed, %d skipped", t.Total, t.Failed, t.Skipped)
}

package report

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// errNullName is where Jenkins fails with a NullPointerException: a test case
// for which neither the file nor the name tells a class.
var errNullName = errors.New("a test case without class name in a suite without name")

// parse reads one file. name is its path; an unreadable file counts as one failed
// test if its name says that it is XML, and is an error otherwise.
func parse(name string, data []byte) ([]Suite, error) {
	if len(data) == 0 {
		return []Suite{broken(name, "[empty]", "Test report file "+name+" was length 0")}, nil
	}
	root, err := parseXML(data)
	if err != nil && !strings.HasSuffix(name, ".xml") {
		return nil, fmt.Errorf("Failed to read %s\n"+ // Jenkins’ words
			"Is this really a JUnit report file? Your configuration must be matching too many files", name)
	}
	if err != nil {
		return []Suite{unreadable(name, err)}, nil
	}
	var suites []Suite
	if err := collect(root, path.Base(name), &suites); err != nil {
		return nil, fmt.Errorf("Failed to read %s: %w", name, err) // Jenkins’ words
	}
	return suites, nil
}

func unreadable(name string, err error) Suite {
	return broken(name, "[failed-to-read]", "Failed to read test report file "+name+"\n"+err.Error())
}

// broken is the suite that stands for a file which could not be read.
func broken(name, test, trace string) Suite {
	base := strings.ToValidUTF8(path.Base(name), "\ufffd")
	trace = strings.ToValidUTF8(trace, "\ufffd")
	return Suite{Name: base, Cases: []Case{{Class: base, Name: test, Status: Failed, Trace: trace}}}
}

// collect flattens: inner suites first, then what stands in e itself. The root's
// own name doesn't matter; a root that holds no suite and no case gives nothing.
func collect(e *element, file string, suites *[]Suite) error {
	for _, c := range e.children {
		if c.name != "testsuite" {
			continue
		}
		if err := collect(c, file, suites); err != nil {
			return err
		}
	}
	if e.first("testcase") == nil && e.first("error") == nil {
		return nil
	}
	suite, err := newSuite(e, file)
	*suites = append(*suites, suite)
	return err
}

func newSuite(e *element, file string) (Suite, error) {
	name, named := e.attr("name")
	title := "(" + file + ")"
	if named {
		title = name
		if pkg, _ := e.attr("package"); pkg != "" {
			title = pkg + "." + name
		}
	}
	id, _ := e.attr("id")
	suite := Suite{Name: safe(title), id: id}
	if e.first("error") != nil {
		// The class of tests itself could not be loaded.
		suite.Cases = append(suite.Cases, newCase(e, "<init>", name))
	}
	for _, c := range e.children {
		if c.name != "testcase" {
			continue
		}
		tc, err := testCase(c, name, named)
		if err != nil {
			return suite, err
		}
		suite.Cases = append(suite.Cases, tc)
	}
	return suite, nil
}

func testCase(e *element, suite string, suiteNamed bool) (Case, error) {
	name, _ := e.attr("name")
	class, classed := e.attr("classname")
	if !classed {
		class, classed = suite, suiteNamed
	}
	if !classed {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return Case{}, errNullName
		}
		class, name = name[:dot], name[dot+1:]
	}
	return newCase(e, class, name), nil
}

func newCase(e *element, class, name string) Case {
	if name == "" {
		name = "(?)"
	}
	c := Case{Class: class, Name: name, Status: Passed, Seconds: seconds(e)}
	problem := e.first("error")
	if problem == nil {
		problem = e.first("failure")
	}
	if problem != nil {
		c.Status, c.Trace = Failed, problem.text.String()
		c.Message, _ = problem.attr("message")
		c.Message = cut(c.Message)
	}
	if skipped := e.first("skipped"); skipped != nil {
		c.Status = Skipped
		message, ok := skipped.attr("message")
		if !ok {
			message = skipped.text.String()
		}
		c.Message = cut(message)
	}
	return c
}

// cut bounds a message; traces were bounded when they were read.
func cut(text string) string {
	const most = 8 << 10
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// safe makes a suite's name fit for a URL, as Jenkins does.
func safe(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:?#%<>`, r) {
			return '_'
		}
		return r
	}, name)
}

// seconds reads a duration as tools write it: with thousands separated, with a
// unit behind it, or not at all.
func seconds(e *element) float64 {
	text, _ := e.attr("time")
	text = strings.TrimSpace(strings.ReplaceAll(text, ",", ""))
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		value, _ = strconv.ParseFloat(regexp.MustCompile(`^-?[0-9]*\.?[0-9]*`).FindString(text), 64)
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0
	}
	return value
}

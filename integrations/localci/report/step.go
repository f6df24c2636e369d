package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// The messages of the step, as it prints them.
const (
	lineRecording = "Recording test results"
	lineNoFiles   = "No test report files were found. Configuration error?"
	lineNoResults = "None of the test reports contained any result"
)

// Request is one junit step, its patterns looked up already.
type Request struct {
	// Dir is the step's folder relative to the workspace, Files what its patterns
	// selected, relative to Dir.
	Dir   string
	Files []string
	// Shown is what the build believes Dir to be called, for messages.
	Shown string
	// AllowEmpty passes a step that finds no file or no test case.
	AllowEmpty bool
	// BuildFailed says that the build's result is FAILURE already: an empty report
	// is then no further failure.
	BuildFailed bool
}

// Failure fails the step. Its text stands in the log as written, where it
// happened and again at the end.
type Failure struct {
	// Class is the Java exception that it is in Jenkins.
	Class string
	Text  string
}

// Error is the text.
func (f *Failure) Error() string { return f.Text }

// The bounds of one step.
const (
	maxFile  = 32 << 20
	maxBytes = 128 << 20
	maxCases = 200_000
)

// Run does one junit step. It says each line of the step's log as it comes. The
// report is never nil when the error is; with failed tests in it, stage and build
// become UNSTABLE, which is the caller's to do. The error is a *Failure where the
// step fails, anything else is ours.
func Run(ctx context.Context, root *os.Root, req Request, say func(line string)) (*Report, error) {
	say(lineRecording)
	found, err := read(ctx, root, req)
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		say(failure.Text)
		return nil, err
	case err != nil:
		return nil, err
	}
	if len(req.Files) == 0 {
		say(lineNoFiles)
		if !req.AllowEmpty {
			return nil, &Failure{Class: "hudson.AbortException", Text: lineNoFiles}
		}
	}
	if found.Totals().Total > 0 || req.BuildFailed {
		return found, nil
	}
	say(lineNoResults)
	if !req.AllowEmpty {
		return nil, &Failure{Class: "hudson.AbortException", Text: lineNoResults}
	}
	return found, nil
}

func read(ctx context.Context, root *os.Root, req Request) (*Report, error) {
	all, left, cases := &Report{}, int64(maxBytes), 0
	for _, name := range req.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		shown := path.Join(req.Shown, name)
		data, err := readFile(root, path.Join(".", req.Dir, name), min(maxFile, left))
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since it was found
		}
		suites, err := parseOr(shown, data, err)
		if err != nil {
			return nil, &Failure{Class: "java.io.IOException", Text: err.Error()}
		}
		left -= int64(len(data))
		for _, s := range suites {
			cases += len(s.Cases)
			all.add(s)
		}
		if cases > maxCases {
			return nil, &Failure{Class: "java.io.IOException", Text: fmt.Sprintf("more than %d test cases", maxCases)}
		}
	}
	return all, nil
}

// parseOr counts a file that may not be read, or is too large to be, as one
// that isn't well-formed.
func parseOr(name string, data []byte, err error) ([]Suite, error) {
	if err != nil {
		return []Suite{unreadable(name, err)}, nil
	}
	return parse(name, data)
}

func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	// Without O_NONBLOCK a pipe that took the file's place would hold us for ever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("not a regular file"), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return data, nil
}

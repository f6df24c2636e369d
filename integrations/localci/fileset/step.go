package fileset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Request is one archiveArtifacts step.
type Request struct {
	// Artifacts and Excludes are the lists of patterns as written.
	Artifacts, Excludes string
	// AllowEmpty passes a step that finds nothing.
	AllowEmpty bool
	// KeepDefaultExcludes is Jenkins' defaultExcludes: false.
	KeepDefaultExcludes bool
	// FoldCase is Jenkins' caseSensitive: false.
	FoldCase bool
	// Fingerprint adds Jenkins' line about it; a digest is kept in any case.
	Fingerprint bool
	// OnlyIfSuccessful skips the step in a build that is FAILURE or worse.
	OnlyIfSuccessful bool
	// BuildFailed says that the build's result is worse than UNSTABLE already.
	BuildFailed bool
}

// Failure is the message with which a step fails the build; it stands in the
// log as written.
type Failure string

// Error is the message.
func (f Failure) Error() string { return string(f) }

// Run does one archiveArtifacts step below dir. It says each line of the step's
// log, before the line that follows happens. Its error is a Failure where
// Jenkins fails the step, anything else is ours.
func Run(ctx context.Context, root *os.Root, dir string, req Request, sink Sink, limits Limits,
	say func(line string),
) ([]Artifact, error) {
	patterns := strings.TrimSpace(req.Artifacts)
	if patterns == "" {
		return nil, Failure("No artifacts are configured for archiving.\n" +
			"You probably forgot to set the file pattern, so please go back to the configuration and specify it.\n" +
			"If you really did mean to archive all the files in the workspace, please specify \"**\"")
	}
	if req.OnlyIfSuccessful && req.BuildFailed {
		say("Skipped archiving because build is not successful")
		return nil, nil
	}
	say("Archiving artifacts")
	set := Parse(patterns, req.Excludes)
	set.NoDefaultExcludes, set.FoldCase = req.KeepDefaultExcludes, req.FoldCase
	paths, err := Find(ctx, root, dir, set, limits)
	if err != nil {
		return nil, asFailure(err)
	}
	if len(paths) == 0 {
		return nil, nothingFound(ctx, root, dir, patterns, req, say)
	}
	kept, err := Archive(ctx, root, dir, paths, sink, limits)
	if err != nil {
		return nil, asFailure(err)
	}
	if req.Fingerprint {
		say("Recording fingerprints")
	}
	return kept, nil
}

// nothingFound stays silent in a build that has failed before: it likely never
// got to the point where it makes its artifacts.
func nothingFound(ctx context.Context, root *os.Root, dir, patterns string, req Request, say func(string)) error {
	if req.BuildFailed {
		return nil
	}
	if hint := Hint(ctx, root, dir, patterns, req.FoldCase); hint != "" {
		say(hint)
	}
	text := fmt.Sprintf("No artifacts found that match the file pattern \"%s\". Configuration error?", patterns)
	if !req.AllowEmpty {
		return Failure(text)
	}
	say(text)
	return nil
}

// asFailure turns a broken limit into a failed step: it is the build's doing.
func asFailure(err error) error {
	for _, limit := range []error{ErrTooManyEntries, ErrTooManyFiles, ErrTooLarge} {
		if errors.Is(err, limit) {
			return Failure(err.Error())
		}
	}
	return err
}

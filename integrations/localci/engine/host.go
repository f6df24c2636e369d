package engine

import (
	"context"
	"io"
)

// Host is what a build runs on. The engine may call it from several goroutines. An
// error that wraps ErrCutOff, of it or of its workspaces, cuts the run off.
type Host interface {
	// Allocate locks a workspace until release is called. Of the same name a second
	// one at the same time gets a folder of its own.
	Allocate(ctx context.Context, req WorkspaceRequest) (ws Workspace, release func(), err error)
	// Send posts a message of slackSend or mattermostSend. Its error fails the step.
	Send(ctx context.Context, m Message) error
	// Line takes one line of the log, without its line end, in order. One call at a
	// time.
	Line(line string)
	// Stage is told when a stage starts and when it has ended. One call at a time;
	// the stage must not be kept.
	Stage(s *Stage)
}

// WorkspaceRequest says which workspace is wanted.
type WorkspaceRequest struct {
	// Label is the label expression, "" for any node.
	Label string
	// Custom is agent's customWorkspace, relative to the home or absolute; "" for
	// the branch's own.
	Custom string
}

// Workspace is a folder on a node. Paths that it takes are relative to it, with
// slashes, or absolute as scripts see them.
type Workspace interface {
	// Path is the folder's absolute path as scripts see it.
	Path() string
	// Checkout puts the build's commit into dir; what isn't in it stays. Its own
	// log goes to log.
	Checkout(ctx context.Context, dir string, log io.Writer) (Revision, error)
	// Shell runs a script to its end. When ctx ends it sends TERM to the whole
	// process group and goes on waiting, for a while, for the end of it. The error
	// is for a script that could not be started at all.
	Shell(ctx context.Context, s Script) (Exit, error)
	// Tests does a junit step, Archive an archiveArtifacts step. They write the
	// step's log themselves by say. An error that is a *Failure fails the step in
	// its words.
	Tests(ctx context.Context, step TestStep, say func(line string)) (Totals, error)
	Archive(ctx context.Context, step ArchiveStep, say func(line string)) ([]string, error)
}

// Files is what a Workspace may do besides; without it the steps that need it
// fail.
type Files interface {
	Exists(ctx context.Context, name string) (bool, error)
	ReadFile(ctx context.Context, name string) (string, error)
	// WriteFile makes the folders above.
	WriteFile(ctx context.Context, name, text string) error
	// Remove removes a folder with all that is in it.
	Remove(ctx context.Context, dir string) error
}

// Stasher is what a Workspace may do besides: keep files for other workspaces of the
// same build. A stash of a name takes the place of an earlier one.
type Stasher interface {
	// Stash keeps files below step.Dir and returns how many; replaced says that there
	// was a stash of that name. An empty one is kept only if step.AllowEmpty.
	Stash(ctx context.Context, step StashStep) (files int, replaced bool, err error)
	// Unstash lays the files of a stash below dir; found is false if there is none.
	Unstash(ctx context.Context, name, dir string) (found bool, err error)
}

// StashStep is one stash step.
type StashStep struct {
	Dir, Name, Includes, Excludes string
	AllowEmpty, NoDefaultExcludes bool
}

// Revision is what a checkout has checked out.
type Revision struct {
	Commit string
	URL    string
}

// Script is one sh step.
type Script struct {
	// Text is the script. Direct says that it starts with #! and names its own
	// interpreter; otherwise it is for /bin/sh -xe.
	Text   string
	Direct bool
	// Dir is where it runs.
	Dir string
	// Env is the whole environment, NAME=value, sorted by name.
	Env []string
	// Stdout and Stderr are the same writer unless the output is returned.
	Stdout, Stderr io.Writer
}

// Exit is how a script ended.
type Exit struct {
	// Code is the exit code; 128 + N when signal N ended the script itself.
	Code int
	// Signal is that signal's number, 0 if it exited.
	Signal int
	// Own: it ended by itself, before the end of its context could be told to it.
	Own bool
}

// TestStep is one junit step.
type TestStep struct {
	// Dir is the folder that Pattern is relative to.
	Dir, Pattern string
	AllowEmpty   bool
	// BuildFailed says that the build's result is FAILURE or worse already.
	BuildFailed bool
	// Mask takes secrets out of a text of a report that is kept; nil keeps all.
	Mask func(text string) string
}

// Totals counts test cases.
type Totals struct{ Total, Passed, Failed, Skipped int }

// ArchiveStep is one archiveArtifacts step, its flags as the step's parameters.
type ArchiveStep struct {
	Dir, Artifacts, Excludes string
	AllowEmpty, Fingerprint  bool
	OnlyIfSuccessful         bool
	// NoDefaultExcludes and FoldCase are defaultExcludes: false and caseSensitive:
	// false.
	NoDefaultExcludes, FoldCase bool
	BuildFailed                 bool
}

// Message is what a build says in the chat.
type Message struct {
	// Step is slackSend or mattermostSend.
	Step string
	// Channel is as written, "" for the project's own. Color is good, warning,
	// danger, #rrggbb or "".
	Channel, Color, Text string
}

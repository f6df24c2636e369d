// Package pipelinetest is the conformance suite of bot.Pipeline and its optional
// ports, and an in-memory pipeline that passes it. Every CI integration runs the
// suite; each rule has a deliberately broken pipeline that the suite rejects.
package pipelinetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
)

// Program is what a commit's pipeline does when it is built.
type Program string

// The programs that a Rig can commit. Each writes LogLine first.
const (
	Succeeds Program = "succeeds"
	Fails    Program = "fails"
	Waits    Program = "waits" // until it is aborted
)

// LogLine is what every program writes to its log.
const LogLine = "hello, log: ünïcödé"

// Rig is a pipeline under test and what the contract's ports cannot do themselves.
type Rig struct {
	Pipeline bot.Pipeline
	// Source is a repository whose branch main Succeeds.
	Source bot.CloneSource
	// Commit adds a commit to a branch of Source, made if it is new, and returns its
	// id. The pipeline is not told of it.
	Commit func(ctx context.Context, branch string, does Program) (string, error)
	// Executors is how many builds run at once; 0 leaves out the rules that need a
	// build to wait.
	Executors int
}

// Rule is one promise of the contract. Check returns nil when the pipeline keeps
// it, or cannot be asked.
type Rule = conformance.Rule[Rig]

// Run checks every rule on a fresh pipeline, whose builds run until the test ends.
func Run(t *testing.T, fresh func(t *testing.T) Rig) {
	t.Helper()
	conformance.Run(t, Rules(), 90*time.Second, fresh)
}

// Rules are the promises of bot.Pipeline, bot.Aborter, bot.LogReader and
// bot.BuildLister.
func Rules() []Rule {
	return []Rule{
		{"a job that was never made is absent", absent},
		{"a job that was made is ours, as told", oursAsMade},
		{"another's job is foreign", foreign},
		{"another project's job is a conflict and stays as it was", conflict},
		{"a job made at once is one", raceOfOne},
		{"a job is updated in place", updateKeepsBuilds},
		{"a removed job is absent with its builds, and removing again succeeds", removal},
		{"removing a job leaves the others", removeOnlyOne},
		{"a build runs and ends", buildEnds},
		{"a build keeps what it was asked with", buildKeepsRequest},
		{"a build is of the newest commit", newestCommit},
		{"a build is of the commit asked for", namedCommit},
		{"the same key is the same build", sameKey},
		{"the same key at once is the same build", sameKeyRace},
		{"other keys are other builds", otherKeys},
		{"what is not there is not built", buildMissing},
		{"a build that never was is not found", statusMissing},
		{"a failing build is a failure and says so", failing},
		{"a later report has a higher sequence", sequence},
		{"an aborted build that runs ends aborted", abortRunning},
		{"an aborted build that waits never runs", abortQueued},
		{"aborting an ended build changes nothing", abortEnded},
		{"a log holds what the build wrote", logWhole},
		{"a log is read from an offset on", logOffset},
		{"a log of a build that never was is not found", logMissing},
		{"builds are listed newest first", listNewestFirst},
		{"a list of builds ends at its limit", listLimit},
		{"a list has builds of its branch only", listBranch},
	}
}

func (r Rig) spec(name, project, operation string) bot.JobSpec {
	return bot.JobSpec{ProjectID: project, Name: name, Source: r.Source, Branch: "main", Operation: operation}
}

func (r Rig) job(ctx context.Context, name string) (bot.Job, error) {
	job, err := r.Pipeline.EnsureJob(ctx, r.spec(name, "0190-"+name, "op-1"))
	if err != nil {
		return job, fmt.Errorf("EnsureJob %s: %w", name, err)
	}
	return job, nil
}

// branch makes a job and commits a program to a branch of it that the job has not
// been told of.
func (r Rig) branch(ctx context.Context, name string, does Program) (job bot.Job, commit string, err error) {
	if job, err = r.job(ctx, "shop"); err != nil {
		return job, "", err
	}
	if commit, err = r.Commit(ctx, name, does); err != nil {
		return job, "", fmt.Errorf("commit to %s: %w", name, err)
	}
	return job, commit, nil
}

func (r Rig) build(ctx context.Context, job bot.Job, branch, key string) (bot.BuildRef, error) {
	ref, err := r.Pipeline.Build(ctx, bot.BuildRequest{Job: job, Branch: branch, Key: key, By: "alice"})
	if err != nil {
		return ref, fmt.Errorf("Build %s %s: %w", branch, key, err)
	}
	return ref, nil
}

// until asks for a build's status until it is as wanted, or ctx ends. Builds are
// processes elsewhere: there is nothing to wait on.
func (r Rig) until(ctx context.Context, ref bot.BuildRef, what string, ok func(b bot.Build) bool) (bot.Build, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := r.Pipeline.Status(ctx, ref)
		if err != nil {
			return b, fmt.Errorf("Status of %v: %w", ref, err)
		}
		if ok(b) {
			return b, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return b, fmt.Errorf("the build %v is %s %s, not %s: %w", ref, b.State, b.Result, what, ctx.Err())
		}
	}
}

func (r Rig) ended(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	return r.until(ctx, ref, "ended", func(b bot.Build) bool { return b.State == bot.BuildFinished })
}

// endsAs waits for the end of a build, which must have that result.
func (r Rig) endsAs(ctx context.Context, ref bot.BuildRef, want bot.Result) (bot.Build, error) {
	b, err := r.ended(ctx, ref)
	if err == nil && b.Result != want {
		err = fmt.Errorf("the build %v ended as %s (%s), want %s", ref, b.Result, b.Message, want)
	}
	return b, err
}

// built makes the job shop and one build of main, and waits for its end.
func (r Rig) built(ctx context.Context) (bot.Job, bot.Build, error) {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return job, bot.Build{}, err
	}
	ref, err := r.build(ctx, job, "main", "key-1")
	if err != nil {
		return job, bot.Build{}, err
	}
	b, err := r.endsAs(ctx, ref, bot.ResultSuccess)
	return job, b, err
}

package pipelinetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

// FakeExecutors is how many builds of a Fake run at once.
const FakeExecutors = 2

// Fake is a pipeline in memory that passes the suite, for tests of what works with
// pipelines. Its builds go one step further each time that somebody looks at one:
// no test has to wait. The zero value is ready. Safe for concurrent use.
type Fake struct {
	mu      sync.Mutex
	commits map[string]Program  // by id
	heads   map[string]string   // branch -> commit
	jobs    map[string]*fakeJob // by id
	builds  []*bot.Build        // as queued
	keys    map[[2]string]*bot.Build
}

type fakeJob struct {
	bot.Job
	spec bot.JobSpec
	last map[string]int
}

var (
	_ bot.Pipeline    = (*Fake)(nil)
	_ bot.Aborter     = (*Fake)(nil)
	_ bot.LogReader   = (*Fake)(nil)
	_ bot.BuildLister = (*Fake)(nil)
)

// NewRig gives a fresh Fake with all that the suite needs.
func NewRig() (Rig, *Fake) {
	f := &Fake{}
	f.Add("main", Succeeds)
	return Rig{
		Pipeline: f, Executors: FakeExecutors, Source: bot.CloneSource{URL: "https://forge.example.com/foo-org/shop.git"},
		Commit: func(_ context.Context, branch string, does Program) (string, error) { return f.Add(branch, does), nil },
	}, f
}

// Add commits a program to a branch of the one repository that a Fake knows.
func (f *Fake) Add(branch string, does Program) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.commits == nil {
		f.commits, f.heads = map[string]Program{}, map[string]string{}
		f.jobs, f.keys = map[string]*fakeJob{}, map[[2]string]*bot.Build{}
	}
	id := fmt.Sprintf("%040x", len(f.commits)+1)
	f.commits[id], f.heads[branch] = does, id
	return id
}

// now grows with every report, as a clock would.
func (f *Fake) now(b *bot.Build) time.Time {
	b.Sequence++
	return time.Date(2026, 3, 1, 11, 0, int(b.Sequence), 0, time.UTC)
}

// step moves every build that can go on by one state.
func (f *Fake) step() {
	running := 0
	for _, b := range f.builds {
		if b.State == bot.BuildRunning {
			switch f.commits[b.Commit] {
			case Succeeds:
				f.end(b, bot.ResultSuccess, "")
			case Fails:
				f.end(b, bot.ResultFailure, "script returned exit code 1")
			default:
				running++
			}
		}
	}
	for _, b := range f.builds {
		if b.State == bot.BuildQueued && running < FakeExecutors {
			b.State, b.StartedAt = bot.BuildRunning, f.now(b)
			running++
		}
	}
}

func (f *Fake) end(b *bot.Build, r bot.Result, why string) {
	b.State, b.Result, b.Message, b.FinishedAt = bot.BuildFinished, r, why, f.now(b)
}

// FindJob implements bot.Pipeline.
func (f *Fake) FindJob(_ context.Context, spec bot.JobSpec) (bot.Presence, bot.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch j := f.jobs[spec.Name]; {
	case j == nil:
		return bot.PresenceAbsent, bot.Job{}, nil
	case j.spec.Operation != spec.Operation || j.spec.ProjectID != spec.ProjectID:
		return bot.PresenceForeign, j.Job, nil
	default:
		return bot.PresenceOurs, j.Job, nil
	}
}

// EnsureJob implements bot.Pipeline.
func (f *Fake) EnsureJob(_ context.Context, spec bot.JobSpec) (bot.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[spec.Name]
	if j == nil {
		j = &fakeJob{last: map[string]int{}, spec: spec, Job: bot.Job{ExternalID: spec.Name, URL: "https://ci.example.com/job/" + spec.Name}}
		f.jobs[spec.Name] = j
	}
	if j.spec.ProjectID != spec.ProjectID {
		return bot.Job{}, bot.Errorf(bot.CodeConflict, "There is a job %s already: %s", spec.Name, j.URL)
	}
	spec.Operation = j.spec.Operation
	j.spec = spec
	return j.Job, nil
}

// RemoveJob implements bot.Pipeline.
func (f *Fake) RemoveJob(_ context.Context, job bot.Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.jobs, job.ExternalID)
	f.builds = slices.DeleteFunc(f.builds, func(b *bot.Build) bool { return b.Ref.Job == job.ExternalID })
	maps.DeleteFunc(f.keys, func(k [2]string, _ *bot.Build) bool { return k[0] == job.ExternalID })
	return nil
}

// Build implements bot.Pipeline.
func (f *Fake) Build(_ context.Context, req bot.BuildRequest) (bot.BuildRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := req.Job.ExternalID
	if b := f.keys[[2]string{id, req.Key}]; b != nil {
		return b.Ref, nil
	}
	j, commit := f.jobs[id], req.Commit
	if j == nil {
		return bot.BuildRef{}, bot.Errorf(bot.CodeNotFound, "There is no job %s.", id)
	}
	if commit == "" {
		commit = f.heads[req.Branch]
	}
	if f.commits[commit] == "" {
		return bot.BuildRef{}, bot.Errorf(bot.CodeNotFound, "%s has no branch %s.", id, req.Branch)
	}
	j.last[req.Branch]++
	b := &bot.Build{
		ProjectID: j.spec.ProjectID, Ref: bot.BuildRef{Job: id, Branch: req.Branch, Number: j.last[req.Branch]},
		Attempt: 1, State: bot.BuildQueued, Commit: commit, Parameters: maps.Clone(req.Parameters), By: req.By, Cause: req.Cause,
	}
	b.QueuedAt, b.URL = f.now(b), fmt.Sprintf("%s/job/%s/%d/", j.URL, req.Branch, b.Ref.Number)
	f.builds = append(f.builds, b)
	if req.Key != "" {
		f.keys[[2]string{id, req.Key}] = b
	}
	return b.Ref, nil
}

func (f *Fake) get(ref bot.BuildRef) (*bot.Build, error) {
	for _, b := range f.builds {
		if b.Ref == ref {
			return b, nil
		}
	}
	return nil, bot.Errorf(bot.CodeNotFound, "There is no build #%d of %s %s.", ref.Number, ref.Job, ref.Branch)
}

// Status implements bot.Pipeline. The builds go on after each look.
func (f *Fake) Status(_ context.Context, ref bot.BuildRef) (bot.Build, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.get(ref)
	if err != nil {
		return bot.Build{}, err
	}
	seen := *b
	f.step()
	return seen, nil
}

// Abort implements bot.Aborter.
func (f *Fake) Abort(_ context.Context, ref bot.BuildRef, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.get(ref)
	if err == nil && b.State != bot.BuildFinished {
		f.end(b, bot.ResultAborted, "Aborted by "+by)
	}
	return err
}

// ReadLog implements bot.LogReader.
func (f *Fake) ReadLog(_ context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.get(ref.Build)
	if err != nil {
		return nil, err
	}
	text := ""
	if !b.StartedAt.IsZero() {
		text = LogLine + "\n"
	}
	return io.NopCloser(strings.NewReader(text[min(int(offset), len(text)):])), nil
}

// Builds implements bot.BuildLister.
func (f *Fake) Builds(_ context.Context, job bot.Job, branch string, limit int) ([]bot.Build, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []bot.Build
	for _, b := range slices.Backward(f.builds) {
		if b.Ref.Job == job.ExternalID && b.Ref.Branch == branch && len(list) < limit {
			list = append(list, *b)
		}
	}
	return list, nil
}

package localci

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
	"opsbot/integrations/localci/report"
)

const (
	// progressTime is the least time between two reports of a build's stages.
	progressTime = time.Second
	// maxChats bounds what one build may say in the chat.
	maxChats = 50
	// maxChat bounds one message, in bytes.
	maxChat = 4 << 10
	// maxFailures is how many failed tests a build names.
	maxFailures = 10
)

// results gathers what the steps of one build leave behind. It is safe for
// concurrent use.
type results struct {
	mu        sync.Mutex
	tests     report.Report
	artifacts []fileset.Artifact
	chats     int
	shown     time.Time
	used      []string // workspaces that this attempt has had
	full      bool     // the disk was full
	inputs    int      // questions asked
}

// junit reads the reports that the step's pattern selects below dir, a folder of
// the workspace, and counts the step's own test cases.
func (r *run) junit(ctx context.Context, m mounted, dir string, step engine.TestStep, say func(string)) (report.Totals, error) {
	files, err := fileset.Find(ctx, m.space.root, dir, fileset.Parse(step.Pattern, ""), fileset.Limits{})
	if err != nil {
		return report.Totals{}, err
	}
	found, err := report.Run(ctx, m.space.root, report.Request{
		Dir: dir, Files: files, Shown: path.Join(r.shell.workDir(m), dir),
		AllowEmpty: step.AllowEmpty, BuildFailed: step.BuildFailed,
	}, say)
	if err != nil {
		return report.Totals{}, err
	}
	if step.Mask != nil {
		found.Mask(step.Mask)
	}
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	r.results.tests.Merge(found)
	return found.Totals(), nil
}

// archive keeps what the request selects below dir and returns the paths.
func (r *run) archive(ctx context.Context, m mounted, dir string, req fileset.Request, say func(string)) ([]string, error) {
	kept, err := fileset.Run(ctx, m.space.root, dir, req, r.s.env.Blobs, fileset.Limits{}, say)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, a := range kept {
		paths = append(paths, a.Path)
	}
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	r.results.artifacts = fileset.Merge(r.results.artifacts, kept)
	return paths, nil
}

// chat hands a message of the pipeline (slackSend, mattermostSend) to the relay.
// Its key has no attempt in it: a build run again doesn't repeat itself.
func (r *run) chat(ctx context.Context, channel, text string, tone bot.Tone) error {
	r.results.mu.Lock()
	r.results.chats++
	number := r.results.chats
	r.results.mu.Unlock()
	if number > maxChats {
		return nil
	}
	if len(text) > maxChat {
		text = strings.ToValidUTF8(text[:maxChat], "") + "…"
	}
	build := r.build
	e := bot.Event{
		ID: fmt.Sprintf("%s/chat-%d", buildKey(build.Ref), number), Source: r.s.env.Name, Type: bot.EventChatMessage,
		OccurredAt: r.s.env.Clock.Now(), ProjectID: build.ProjectID, Kind: bot.ResourceJob, ExternalID: build.Ref.Job,
		// Without the build: this is no report of it, and must not count as an old one.
		Branch: build.Ref.Branch, Commit: build.Commit, Text: text, Tone: tone, Room: channel, URL: build.URL, Cause: build.Cause,
	}
	return r.s.write(ctx, func(ctx context.Context, tx *bot.Tx) error { return r.s.emit(ctx, tx, e) })
}

// stagesNow are the stages so far.
func (r *run) stagesNow() []bot.Stage {
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	return slices.Clone(r.stages)
}

// progress reports the stages, at most once a second: the end brings the rest.
func (r *run) progress(ctx context.Context, stages []bot.Stage) {
	r.results.mu.Lock()
	now := r.s.env.Clock.Now()
	due := now.Sub(r.results.shown) >= progressTime
	if due {
		r.results.shown = now
	}
	r.results.mu.Unlock()
	if !due {
		return
	}
	err := r.s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		b, err := r.s.loadBuild(ctx, tx, r.build.Ref)
		if err != nil || b.body.Build.State != bot.BuildRunning || b.body.Build.Attempt != r.build.Attempt {
			return err
		}
		b.body.Build.Stages = stages
		return r.s.report(ctx, tx, b, bot.EventBuildProgress)
	})
	if err != nil && ctx.Err() == nil {
		r.s.env.Log.Warn("report progress of build", "build", buildKey(r.build.Ref), "error", err)
	}
}

// gather adds tests and artifacts to the outcome, and compares the tests with
// those of the last build that had any.
func (r *run) gather(ctx context.Context, o *outcome) error {
	r.results.mu.Lock()
	defer r.results.mu.Unlock()
	for _, a := range r.results.artifacts {
		o.Artifacts = append(o.Artifacts, bot.Artifact{Kind: bot.ArtifactArchive, Name: a.Path, Digest: a.Digest, Bytes: a.Size})
	}
	tests := &r.results.tests
	totals := tests.Totals()
	if totals.Total == 0 {
		return nil
	}
	tests.Compare(r.previousTests(ctx), r.build.Ref.Number)
	o.Tests = &bot.TestTotals{
		Total: totals.Total, Failed: totals.Failed, Skipped: totals.Skipped, Failures: tests.Failures(maxFailures),
	}
	body, err := json.Marshal(tests)
	if err != nil {
		return fmt.Errorf("localci: encode test report: %w", err)
	}
	return r.s.untilSpace(r.alive, func() error { //nolint:contextcheck // also after a stop
		o.Report, _, err = r.s.env.Blobs.Put(ctx, bytes.NewReader(body))
		return err
	})
}

// previousTests reads the branch's last report; nil if it has none. One that is
// gone only costs the comparison.
func (r *run) previousTests(ctx context.Context) *report.Report {
	if r.previous.Report == "" {
		return nil
	}
	tests, err := readReport(ctx, r.s.env.Blobs, r.previous.Report)
	if err != nil {
		r.s.env.Log.Warn("read previous test report", "build", buildKey(r.build.Ref), "error", err)
		return nil
	}
	return tests
}

func readReport(ctx context.Context, blobs bot.Blobs, digest string) (*report.Report, error) {
	body, err := blobs.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	tests := &report.Report{}
	if err := json.NewDecoder(body).Decode(tests); err != nil {
		return nil, fmt.Errorf("localci: read test report %s: %w", digest, err)
	}
	return tests, nil
}

// TestReport gives every test case of a build; CodeNotFound if it has no report.
func (s *Service) TestReport(ctx context.Context, ref bot.BuildRef) (*report.Report, error) {
	var b *record[buildDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		b, err = s.loadBuild(ctx, tx, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.body.Report == "" {
		return nil, bot.Errorf(bot.CodeNotFound, "Build #%d of %s %s has no test report.", ref.Number, ref.Job, ref.Branch)
	}
	return readReport(ctx, s.env.Blobs, b.body.Report)
}

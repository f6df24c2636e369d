package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"opsbot/blueprints"
	"opsbot/bot"
	"opsbot/bot/config"
)

// trialConfig is the embedded stack on ports of the system's choice, with nothing
// to deploy to.
const trialConfig = `
listen: 127.0.0.1:0
console: 127.0.0.1:0
apps: 127.0.0.1:0
log: { level: error }
integrations:
  localgit: { type: localgit }
  localci: { type: localci }
defaults: { forge: localgit, pipeline: localci }
environments: []
`

// trial is a program of its own in a temporary data folder, in which rendered
// projects are built as a user's would be.
type trial struct{ a *app }

var _ blueprints.PipelineRunner = (*trial)(nil)

// withTrial runs do beside a trial, which is gone afterwards.
func (p *program) withTrial(ctx context.Context, do func(ctx context.Context, t *trial) error) (err error) {
	dir, err := os.MkdirTemp("", "opsbot-trial-")
	if err != nil {
		return fmt.Errorf("make a folder for the trial: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "opsbot.yaml")
	if err := os.WriteFile(file, []byte(trialConfig), 0o600); err != nil {
		return fmt.Errorf("write the trial's configuration: %w", err)
	}
	cfg, err := config.Load(file, p.environ)
	if err != nil {
		return err
	}
	a, err := p.wire(ctx, cfg, filepath.Join(dir, "data"), p.logger(cfg, true), nil)
	if err != nil {
		return err
	}
	return a.run(ctx, func(ctx context.Context) error { return do(ctx, &trial{a}) })
}

// RunPipeline makes a repository of the tree and its job, and waits for the first
// build, which must be a SUCCESS.
func (t *trial) RunPipeline(ctx context.Context, project string, tree bot.Tree) error {
	now := t.a.services.Clock.Now()
	id := bot.NewID(now)
	forge, err := bot.Find[bot.RepoHost](t.a.instances, "localgit", "repositories")
	if err != nil {
		return err
	}
	// Fixtures may share a name; repositories can't.
	name := fmt.Sprintf("%s-%s", project, strings.ToLower(bot.NewToken()[:6]))
	repo, err := forge.EnsureRepository(ctx, bot.RepoSpec{ProjectID: id, Owner: "local", Name: name, DefaultBranch: "main", Operation: id})
	if err != nil {
		return err
	}
	if _, err := forge.Push(ctx, bot.PushRequest{
		Repository: repo, Branch: "main", Tree: tree, Author: bot.Signature{Name: "opsbot", Email: "opsbot@localhost"},
		Message: "Fixture", At: now, Operation: id,
	}); err != nil {
		return err
	}
	source, err := forge.CloneSource(ctx, repo)
	if err != nil {
		return err
	}
	pipeline, err := bot.Find[bot.Pipeline](t.a.instances, "localci", "builds")
	if err != nil {
		return err
	}
	job, err := pipeline.EnsureJob(ctx, bot.JobSpec{ProjectID: id, Name: name, Source: source, Branch: "main", Operation: id})
	if err != nil {
		return err
	}
	return t.await(ctx, job)
}

// await waits for the end of the job's first build.
func (t *trial) await(ctx context.Context, job bot.Job) error {
	lister, err := bot.Find[bot.BuildLister](t.a.instances, "localci", "list of builds")
	if err != nil {
		return err
	}
	for {
		builds, err := lister.Builds(ctx, job, "main", 1)
		if err != nil {
			return err
		}
		if len(builds) > 0 && builds[0].State == bot.BuildFinished {
			if builds[0].Result == bot.ResultSuccess {
				return nil
			}
			return fmt.Errorf("the pipeline ended with %s: %s\n%s", builds[0].Result, builds[0].Message, t.log(ctx, builds[0].Ref))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.a.services.Clock.After(200 * time.Millisecond):
		}
	}
}

// log is the end of a build's log, as far as it can be read.
func (t *trial) log(ctx context.Context, ref bot.BuildRef) string {
	reader, err := bot.Find[bot.LogReader](t.a.instances, "localci", "logs")
	if err != nil {
		return err.Error()
	}
	r, err := reader.ReadLog(ctx, bot.LogRef{Build: ref}, 0)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return err.Error()
	}
	return string(text[max(len(text)-2000, 0):])
}

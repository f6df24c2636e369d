package localci

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// outcome is what an executed build came to.
type outcome struct {
	Result    bot.Result
	Message   string
	Stages    []bot.Stage
	Tests     *bot.TestTotals
	Report    string // blob
	Artifacts []bot.Artifact
}

// Abort stops a build: a queued one at once, a running one by ending its
// processes; its post blocks still run. An ended build is success.
func (s *Service) Abort(ctx context.Context, ref bot.BuildRef, by string) error {
	err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		b, err := s.loadBuild(ctx, tx, ref)
		if err != nil {
			return err
		}
		switch b.body.Build.State {
		case bot.BuildQueued:
			return s.finish(ctx, tx, b, outcome{Result: bot.ResultAborted, Message: "Aborted by " + by + " while it was waiting"})
		case bot.BuildRunning:
			if b.body.AbortBy != "" {
				return nil
			}
			b.body.AbortBy = by
			return b.save(ctx, tx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("localci: abort %s %s #%d: %w", ref.Job, ref.Branch, ref.Number, err)
	}
	s.cancel(buildKey(ref), &engine.Stop{By: by})
	return nil
}

// cancel ends the builds running here whose key starts with prefix.
func (s *Service) cancel(prefix string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, cancel := range s.running {
		if strings.HasPrefix(key, prefix) {
			cancel(why)
		}
	}
}

// finish ends a build for good: it leaves the queue, the branch remembers it, and
// the event goes out.
func (s *Service) finish(ctx context.Context, tx *bot.Tx, b *record[buildDoc], o outcome) error {
	build := &b.body.Build
	build.State, build.Result, build.Message = bot.BuildFinished, o.Result, o.Message
	build.Stages, build.Tests, build.Artifacts = o.Stages, o.Tests, o.Artifacts
	build.FinishedAt, build.Inputs, b.body.Answers = s.env.Clock.Now(), nil, nil
	b.body.Report = o.Report
	if err := tx.Documents.Delete(ctx, s.env.Name, kindQueue, queueKey(b.body.Order)); err != nil {
		return err
	}
	if err := s.remember(ctx, tx, build, o.Report); err != nil {
		return err
	}
	return s.report(ctx, tx, b, bot.EventBuildFinished)
}

// remember keeps on the branch what the next build compares itself with, and
// lets go of builds beyond those kept.
func (s *Service) remember(ctx context.Context, tx *bot.Tx, build *bot.Build, report string) error {
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(build.Ref.Job, build.Ref.Branch))
	if err != nil {
		return err
	}
	if report != "" {
		branch.body.Report = report
	}
	if build.Ref.Number > branch.body.Finished {
		branch.body.Finished, branch.body.Result, branch.body.Commit = build.Ref.Number, build.Result, build.Commit
		if build.Result == bot.ResultSuccess {
			branch.body.Good = build.Commit
		}
	}
	if err := s.discard(ctx, tx, branch, build); err != nil {
		return err
	}
	return branch.save(ctx, tx)
}

// forget removes a finished build; its log goes when the logs are swept.
func (s *Service) forget(ctx context.Context, tx *bot.Tx, ref bot.BuildRef) error {
	b, err := load[buildDoc](ctx, tx, s.env.Name, kindBuild, buildKey(ref))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil || b.body.Build.State != bot.BuildFinished {
		return err
	}
	return b.remove(ctx, tx)
}

// prune ends and removes everything of a branch that is no more. What is queued
// ends now; what runs is removed by whoever runs it.
func (s *Service) prune(ctx context.Context, tx *bot.Tx, branch *record[branchDoc], why string) error {
	builds, err := list[buildDoc](ctx, tx, s.env.Name, kindBuild, branch.key+"/")
	if err != nil {
		return err
	}
	for _, b := range builds {
		switch b.body.Build.State {
		case bot.BuildQueued:
			if err := s.finish(ctx, tx, b, outcome{Result: bot.ResultAborted, Message: "Aborted because " + why}); err != nil {
				return err
			}
		case bot.BuildRunning:
			b.body.AbortBy = "OpsBot, because " + why
			if err := b.save(ctx, tx); err != nil {
				return err
			}
			continue
		}
		if err := b.remove(ctx, tx); err != nil {
			return err
		}
	}
	// finish has written the branch meanwhile.
	fresh, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branch.key)
	if err != nil {
		return err
	}
	fresh.body = branchDoc{Job: branch.body.Job, Branch: branch.body.Branch, Last: branch.body.Last, Kept: branch.body.Last, Pruned: true}
	if err := fresh.save(ctx, tx); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
}

func newest(found []*record[buildDoc], limit int) []bot.Build {
	slices.SortFunc(found, func(a, b *record[buildDoc]) int { return cmp.Compare(b.body.Order, a.body.Order) })
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	var builds []bot.Build
	for _, b := range found {
		builds = append(builds, b.body.Build)
	}
	return builds
}

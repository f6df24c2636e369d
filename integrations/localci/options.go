package localci

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

// branchOptions are those of a Jenkinsfile's options that hold for the builds of its
// branch from now on, as on Jenkins, where they are the job's.
type branchOptions struct {
	// Exclusive: one build at a time; AbortPrevious: a new one ends the one before.
	Exclusive     bool `json:"exclusive,omitempty"`
	AbortPrevious bool `json:"abort_previous,omitempty"`
	// KeepBuilds and KeepDays bound the builds that are kept; 0 is no bound.
	KeepBuilds int `json:"keep_builds,omitempty"`
	KeepDays   int `json:"keep_days,omitempty"`
}

// optionsOf reads them from a file.
func optionsOf(file *jenkinsfile.File) branchOptions {
	var o branchOptions
	if file.Pipeline == nil {
		return o
	}
	if call := file.Pipeline.Options.Find("disableConcurrentBuilds"); call != nil {
		o.Exclusive = true
		c, _ := call.Argument("abortPrevious", false).(*jenkinsfile.Const)
		o.AbortPrevious = c != nil && c.Value == true
	}
	if call := file.Pipeline.Options.Find("buildDiscarder"); call != nil {
		if rotator, ok := call.Argument("strategy", true).(*jenkinsfile.Call); ok && rotator.Named("logRotator") {
			o.KeepBuilds, o.KeepDays = countOf(rotator, "numToKeepStr"), countOf(rotator, "daysToKeepStr")
		}
	}
	return o
}

// countOf is a positive number that an argument holds, 0 without one.
func countOf(call *jenkinsfile.Call, name string) int {
	c, ok := call.Argument(name, false).(*jenkinsfile.Const)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(fmt.Sprint(c.Value))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// adopt makes the options of the build's Jenkinsfile those of its branch.
func (s *Service) adopt(ctx context.Context, r *run, file *jenkinsfile.File) error {
	wanted := optionsOf(file)
	if wanted == r.previous.Options {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(r.build.Ref.Job, r.build.Ref.Branch))
		if err != nil || branch.body.Pruned || branch.body.Options == wanted {
			return err
		}
		branch.body.Options = wanted
		return branch.save(ctx, tx)
	})
}

// blocked lets a queued build wait while another of its branch runs that wants to be
// alone, and says so once.
func (s *Service) blocked(ctx context.Context, tx *bot.Tx, b, running *record[buildDoc]) (bool, error) {
	if running == nil {
		return false, nil
	}
	ref := b.body.Build.Ref
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(ref.Job, ref.Branch))
	if err != nil || !branch.body.Options.Exclusive {
		return false, err
	}
	if branch.body.Options.AbortPrevious && running.body.AbortBy == "" && running.body.Superseded == 0 {
		running.body.Superseded = ref.Number
		if err := running.save(ctx, tx); err != nil {
			return true, err
		}
		if err := tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{}); err != nil {
			return true, err
		}
	}
	if b.body.Build.Message != "" {
		return true, nil
	}
	b.body.Build.Message = fmt.Sprintf("Waiting for build #%d to end: the Jenkinsfile allows one build at a time", running.body.Build.Ref.Number)
	return true, s.report(ctx, tx, b, bot.EventBuildQueued)
}

// stop is what a build is to be stopped with, nil if nothing wants it.
func (d buildDoc) stop() *engine.Stop {
	switch {
	case d.AbortBy != "":
		return &engine.Stop{By: d.AbortBy}
	case d.Superseded > 0:
		return &engine.Stop{Superseded: d.Superseded}
	}
	return nil
}

// stoppedBy is how a build ends that was stopped before it could say so itself.
func stoppedBy(stop *engine.Stop) outcome {
	if stop.Superseded > 0 {
		return outcome{Result: bot.ResultNotBuilt, Message: fmt.Sprintf("Superseded by #%d", stop.Superseded)}
	}
	return outcome{Result: bot.ResultAborted, Message: "Aborted by " + stop.By}
}

// discard forgets what the branch does not keep, up to a build that has just ended.
func (s *Service) discard(ctx context.Context, tx *bot.Tx, branch *record[branchDoc], build *bot.Build) error {
	options, keep := branch.body.Options, s.config.KeepBuilds
	if options.KeepBuilds > 0 {
		keep = min(keep, options.KeepBuilds)
	}
	oldest := s.env.Clock.Now().AddDate(0, 0, -options.KeepDays)
	for ; branch.body.Kept < build.Ref.Number; branch.body.Kept++ {
		old := bot.BuildRef{Job: build.Ref.Job, Branch: build.Ref.Branch, Number: branch.body.Kept}
		if branch.body.Kept > build.Ref.Number-keep {
			if options.KeepDays == 0 {
				return nil
			}
			if aged, err := s.endedBefore(ctx, tx, old, oldest); err != nil || !aged {
				return err
			}
		}
		if err := s.forget(ctx, tx, old); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endedBefore(ctx context.Context, tx *bot.Tx, ref bot.BuildRef, t time.Time) (bool, error) {
	b, err := load[buildDoc](ctx, tx, s.env.Name, kindBuild, buildKey(ref))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return b.body.Build.State == bot.BuildFinished && b.body.Build.FinishedAt.Before(t), nil
}

package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"opsbot/bot"
)

// pipelineRun is the class of a pipeline's builds: others have no stages.
const pipelineRun = "org.jenkinsci.plugins.workflow.job.WorkflowRun"

// buildJSON is a build as its own page and its branch's list give it.
type buildJSON struct {
	Class     string  `json:"_class"`
	Number    int     `json:"number"`
	QueueID   int64   `json:"queueId"`
	Building  bool    `json:"building"`
	Result    string  `json:"result"`
	Timestamp int64   `json:"timestamp"`
	Duration  int64   `json:"duration"`
	Actions   actions `json:"actions"`
	Artifacts []struct {
		RelativePath string `json:"relativePath"`
	} `json:"artifacts"`
}

const buildTree = "number,queueId,building,result,timestamp,duration,artifacts[relativePath]," +
	"actions[_class,causes[_class,shortDescription,userId,userName],parameters[name,value],lastBuiltRevision[SHA1,branch[name]],failCount,skipCount,totalCount,urlName,waitingDurationMillis]"

// Status reads a build back, by its number or, while it has none, by its item in
// the queue.
func (s *Service) Status(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	ref, id, err := s.enter(ctx, ref)
	if err != nil {
		return bot.Build{}, err
	}
	b, err := s.status(ctx, ref)
	b.Ref.Job = id
	return b, err
}

// status is Status by the job's name.
func (s *Service) status(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	if !goodBranch(ref.Branch) {
		return bot.Build{}, s.noBuild(ref)
	}
	if ref.Number > 0 {
		return s.statusOfBuild(ctx, ref)
	}
	q, err := s.readQueue(ctx, ref.Queue)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		// A few minutes after it left, and after a restart, an item is forgotten.
		return s.statusOfForgotten(ctx, ref)
	case err != nil:
		return bot.Build{}, err
	case q.Executable != nil:
		ref.Number = q.Executable.Number
		return s.statusOfBuild(ctx, ref)
	}
	return s.statusOfQueued(ctx, ref, q)
}

func (s *Service) noBuild(ref bot.BuildRef) *bot.Error {
	name := fmt.Sprintf("#%d", ref.Number)
	if ref.Number == 0 {
		name = "with the queue id " + bot.Shorten(ref.Queue, 20)
	}
	return bot.Errorf(bot.CodeNotFound, "Jenkins has no build %s of %s/%s.", name, bot.Shorten(ref.Job, 100), bot.Shorten(ref.Branch, 60))
}

// statusOfBuild reads a build; a branch's name is mostly, but not always, encoded as
// we do it.
func (s *Service) statusOfBuild(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	name := s.nameOf(ref.Job, ref.Branch)
	var got buildJSON
	err := s.getJSON(ctx, buildPath(ref.Job, name, ref.Number), buildTree, &got)
	if httpStatus(err) == http.StatusNotFound {
		var b *branchJSON
		if b, err = s.findBranch(ctx, ref.Job, ref.Branch); err != nil {
			return bot.Build{}, err
		}
		if b == nil || b.Name == name {
			return bot.Build{}, s.noBuild(ref)
		}
		name = b.Name
		err = s.getJSON(ctx, buildPath(ref.Job, name, ref.Number), buildTree, &got)
	}
	if httpStatus(err) == http.StatusNotFound {
		return bot.Build{}, s.noBuild(ref).Because(err)
	}
	if err != nil {
		return bot.Build{}, fmt.Errorf("jenkins: status of %s/%s #%d: %w", ref.Job, ref.Branch, ref.Number, err)
	}
	return s.report(ctx, ref, name, got)
}

// statusOfForgotten looks for the build that an item of the queue became.
func (s *Service) statusOfForgotten(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	b, err := s.findBranch(ctx, ref.Job, ref.Branch)
	if err != nil {
		return bot.Build{}, err
	}
	if b == nil {
		return bot.Build{}, s.noBuild(ref)
	}
	if b, err = s.readHistory(ctx, ref.Job, b.Name, 100); err != nil {
		return bot.Build{}, err
	}
	for _, one := range b.Builds {
		if strconv.FormatInt(one.QueueID, 10) == ref.Queue {
			ref.Number = one.Number
			return s.statusOfBuild(ctx, ref)
		}
	}
	d, known, err := read[queueDoc](ctx, s, kindQueue, queueKey(ref.Job, ref.Queue))
	if err != nil || !known {
		return bot.Build{}, orElse(err, s.noBuild(ref))
	}
	// It was cancelled, by us or by somebody in Jenkins.
	out := s.blank(ref, d)
	out.State, out.Result, out.Sequence = bot.BuildFinished, bot.ResultAborted, sequenceFinished
	return out, nil
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (s *Service) statusOfQueued(ctx context.Context, ref bot.BuildRef, q *queueJSON) (bot.Build, error) {
	d, _, err := read[queueDoc](ctx, s, kindQueue, queueKey(ref.Job, ref.Queue))
	if err != nil {
		return bot.Build{}, err
	}
	out := s.blank(ref, d)
	out.State, out.Sequence, out.QueuedAt = bot.BuildQueued, sequenceQueued, fromMillis(q.Since)
	out.Parameters = q.Actions.parameters()
	out.Message = bot.Shorten(q.Why, 200)
	if q.Cancelled {
		out.State, out.Result, out.Sequence, out.Message = bot.BuildFinished, bot.ResultAborted, sequenceFinished, abortedBy(d)
	}
	return out, nil
}

// blank is what is known of a build that has no page of its own.
func (s *Service) blank(ref bot.BuildRef, d queueDoc) bot.Build {
	return bot.Build{
		Ref: ref, Attempt: 1, URL: s.link(branchPath(ref.Job, s.nameOf(ref.Job, ref.Branch))),
		By: d.By, Cause: d.Cause, Message: abortedBy(d),
	}
}

// abortedBy tells who ended the build through OpsBot, "" if nobody did.
func abortedBy(d queueDoc) string {
	if d.AbortBy != "" {
		return "Aborted by " + d.AbortBy
	}
	for _, a := range d.Answers {
		if !a.Proceed && a.Done && a.By != "" {
			return "Rejected by " + a.By
		}
	}
	return ""
}

// Builds lists the builds of a branch, newest first.
func (s *Service) Builds(ctx context.Context, job bot.Job, branch string, limit int) ([]bot.Build, error) {
	name, err := s.resolve(ctx, job.ExternalID)
	if err != nil {
		return nil, err
	}
	if !goodBranch(branch) {
		return nil, s.noBranch(name, branch)
	}
	b, err := s.findBranch(ctx, name, branch)
	if err != nil || b == nil {
		return nil, err
	}
	life, err := s.life(ctx, name, branch)
	if err != nil {
		return nil, err
	}
	limit = min(max(limit, 1), 100)
	tree := fmt.Sprintf("name,builds[%s]{0,%d}", buildTree, limit)
	if err := s.getJSON(ctx, branchPath(name, b.Name), tree, b); err != nil {
		return nil, fmt.Errorf("jenkins: builds of %s/%s: %w", name, branch, err)
	}
	var out []bot.Build
	for _, one := range b.Builds {
		d, _, err := read[queueDoc](ctx, s, kindQueue, queueKey(name, strconv.FormatInt(one.QueueID, 10)))
		if err != nil {
			return nil, err
		}
		build := s.convert(bot.BuildRef{Job: name, Branch: branch, Number: one.Number}, b.Name, one, d)
		build.Ref.Job = inLife(job.ExternalID, life)
		out = append(out, build)
	}
	return out, nil
}

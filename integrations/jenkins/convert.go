package jenkins

import (
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// The sequence of a report: all sources compute it from what the build is, so that
// the same state has the same number whoever tells it.
const (
	sequenceQueued   = 1
	sequenceStarted  = 10
	sequenceFinished = 1 << 40
)

// sequenceOf grows with everything that can happen to a build; questions is how much
// has happened to those that it asks.
func sequenceOf(b bot.Build, questions int64) int64 {
	switch b.State {
	case bot.BuildQueued:
		return sequenceQueued
	case bot.BuildFinished:
		return sequenceFinished
	}
	n := sequenceStarted + questions
	if b.Commit != "" {
		n++
	}
	for _, st := range b.Stages {
		if n++; st.Status != statusRunning {
			n++
		}
	}
	return n
}

// What the stage view's plugin calls a stage that has not ended.
const (
	statusRunning = "IN_PROGRESS"
	statusPaused  = "PAUSED_PENDING_INPUT"
)

func fromMillis(ms int64) time.Time {
	if ms <= 0 || ms > 1<<45 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// convert gives the report that one answer of Jenkins makes; stages, failures and
// the message need more of them.
func (s *Service) convert(ref bot.BuildRef, name string, j buildJSON, d queueDoc) bot.Build {
	ref.Number, ref.Queue = j.Number, ""
	if j.QueueID > 0 {
		ref.Queue = strconv.FormatInt(j.QueueID, 10)
	}
	at := buildPath(ref.Job, name, j.Number)
	b := bot.Build{
		Ref: ref, Attempt: 1, State: bot.BuildRunning, Commit: j.Actions.commit(ref.Branch),
		Tests: j.Actions.tests(), StartedAt: fromMillis(j.Timestamp), QueuedAt: fromMillis(j.Timestamp - j.Actions.waited()),
		URL: s.link(at), LogURL: s.link(at + "console"), Parameters: j.Actions.parameters(), By: d.By, Cause: d.Cause,
	}
	delete(b.Parameters, KeyParameter)
	if len(b.Parameters) == 0 {
		b.Parameters = nil
	}
	if b.By == "" {
		b.By = j.Actions.by()
	}
	if !j.Building { // result and inProgress mislead while it is
		b.State, b.Result = bot.BuildFinished, resultOf(j.Result)
		b.FinishedAt = fromMillis(j.Timestamp + max(j.Duration, 0))
		for _, a := range j.Artifacts {
			b.Artifacts = append(b.Artifacts, bot.Artifact{
				Kind: bot.ArtifactArchive, Name: a.RelativePath, URI: s.link(at + "artifact/" + escapePath(a.RelativePath)),
			})
		}
		if b.Result == bot.ResultAborted {
			b.Message = abortedBy(d)
		}
	}
	b.Sequence = sequenceOf(b, 0)
	return b
}

func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = esc(p)
	}
	return strings.Join(parts, "/")
}

// resultOf maps what no bot.Result is called to the one that is safe.
func resultOf(text string) bot.Result {
	switch r := bot.Result(text); r {
	case bot.ResultSuccess, bot.ResultUnstable, bot.ResultFailure, bot.ResultNotBuilt, bot.ResultAborted:
		return r
	}
	return bot.ResultFailure
}

// commit is what was checked out of the branch: a build may have several
// checkouts, of shared libraries for instance.
func (a actions) commit(branch string) string {
	first := ""
	for _, one := range a {
		if one.Revision == nil || !isHash(one.Revision.SHA1) {
			continue
		}
		if first == "" {
			first = one.Revision.SHA1
		}
		for _, b := range one.Revision.Branch {
			if b.Name == branch || strings.HasSuffix(b.Name, "/"+branch) {
				return one.Revision.SHA1
			}
		}
	}
	return first
}

func isHash(text string) bool {
	if len(text) != 40 && len(text) != 64 {
		return false
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// waited is how long a build was in the queue, where the metrics plugin tells it.
func (a actions) waited() int64 {
	for _, one := range a {
		if one.Waited > 0 {
			return one.Waited
		}
	}
	return 0
}

// tests are the totals; nil without a report.
func (a actions) tests() *bot.TestTotals {
	for _, one := range a {
		if one.URLName == "testReport" && one.TotalCount != nil {
			return &bot.TestTotals{Total: *one.TotalCount, Failed: one.FailCount, Skipped: one.SkipCount}
		}
	}
	return nil
}

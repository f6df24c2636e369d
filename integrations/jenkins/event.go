package jenkins

import (
	"fmt"

	"opsbot/bot"
)

// eventsOf are the events that a report stands for, the same from whichever source
// it came: polling, the notification plugin and the Jenkinsfile's own call all read
// the build back and come here. An event's id says the build and what happened, so
// that the relay counts it once.
func eventsOf(b bot.Build) []bot.Event {
	switch b.State {
	case bot.BuildQueued:
		e := eventOf(b, bot.EventBuildQueued, "")
		e.ID = fmt.Sprintf("build/%s/%s/q%s/queued", esc(b.Ref.Job), esc(b.Ref.Branch), esc(b.Ref.Queue))
		e.OccurredAt = b.QueuedAt
		return []bot.Event{e}
	case bot.BuildRunning:
		out := []bot.Event{startOf(b)}
		if b.Sequence > sequenceStarted {
			out = append(out, eventOf(b, bot.EventBuildProgress, fmt.Sprintf("progress/%d", b.Sequence)))
		}
		return out
	default:
		end := eventOf(b, bot.EventBuildFinished, "finished")
		end.OccurredAt = b.FinishedAt
		if b.Ref.Number == 0 { // it was taken out of the queue
			end.ID = fmt.Sprintf("build/%s/%s/q%s/finished", esc(b.Ref.Job), esc(b.Ref.Branch), esc(b.Ref.Queue))
			return []bot.Event{end}
		}
		return []bot.Event{startOf(b), end}
	}
}

// startOf is the start of a build, of one that has ended as well: between two looks
// a short build may begin and end.
func startOf(b bot.Build) bot.Event {
	b.State, b.Result, b.Sequence, b.Message = bot.BuildRunning, "", sequenceStarted, ""
	b.Stages, b.Tests, b.Artifacts, b.Inputs, b.FinishedAt = nil, nil, nil, nil, bot.Build{}.FinishedAt
	e := eventOf(b, bot.EventBuildStarted, "started")
	e.OccurredAt = b.StartedAt
	return e
}

func eventOf(b bot.Build, what bot.EventType, name string) bot.Event {
	job, _ := cutLife(b.Ref.Job)
	return bot.Event{
		ID:   fmt.Sprintf("build/%s/%s/%d/%s", esc(b.Ref.Job), esc(b.Ref.Branch), b.Ref.Number, name),
		Type: what, Sequence: b.Sequence, Kind: bot.ResourceJob, ExternalID: job,
		Branch: b.Ref.Branch, Commit: b.Commit, Build: &b, URL: b.URL, Cause: b.Cause,
	}
}

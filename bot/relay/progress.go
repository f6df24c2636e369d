package relay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	usualOf    = 12 // builds of a branch that are looked at
	usualLeast = 3  // that must have succeeded: fewer say nothing
	// slowBuild is how long a build has run before its stages are worth edits of the card.
	slowBuild = 15 * time.Second
)

// loadUsual finds how long a build of the branch usually takes: the median of those
// that succeeded, but for the ones on the card.
func (v *view) loadUsual(ctx context.Context, tx *bot.Tx) error {
	recent, err := tx.Builds.Recent(ctx, v.project.ID, v.change.Branch, usualOf)
	if err != nil {
		return fmt.Errorf("relay: load earlier builds of %s: %w", v.change.ID, err)
	}
	var took []time.Duration
	for _, b := range recent {
		if b.Commit != v.change.Commit && b.Result == bot.ResultSuccess && b.FinishedAt.After(b.StartedAt) && !b.StartedAt.IsZero() {
			took = append(took, b.FinishedAt.Sub(b.StartedAt))
		}
	}
	if len(took) >= usualLeast {
		slices.Sort(took)
		v.usual = took[len(took)/2]
	}
	return nil
}

// running is where a running build is: the stage it is in, how long builds usually
// take and what it waits for.
func (v *view) running(b bot.Build) string {
	var text strings.Builder
	if name, at, of := stageNow(b.Stages); name != "" {
		fmt.Fprintf(&text, ", in %s", foreign(name, 60))
		if of > 1 {
			fmt.Fprintf(&text, " (stage %d of %d)", at, of)
		}
	}
	if v.usual > 0 {
		text.WriteString(", usually " + bot.Span(v.usual))
	}
	for _, q := range asked(b) {
		question := foreign(firstLine(q.Message), 120)
		if question == "" {
			question = "an answer"
		}
		text.WriteString(", waits for: " + string(question))
	}
	return text.String()
}

// shownQuestions bounds what a build with many branches may ask at once on one card.
const shownQuestions = 3

func asked(b bot.Build) []bot.Input { return b.Inputs[:min(len(b.Inputs), shownQuestions)] }

// stageNow is the stage that runs, the innermost one, and its place among those
// that were seen. Stages that are still to come are only known on some pipelines.
func stageNow(stages []bot.Stage) (name string, at, of int) {
	for i, s := range stages {
		if s.Status == "IN_PROGRESS" || s.Status == "PAUSED_PENDING_INPUT" {
			name, at = s.Name, i+1
		}
	}
	return name, at, len(stages)
}

// worthShowing reports whether a report of a running build says something that the
// card shows, and that is worth an edit: a question, or a stage of a build that
// takes its time.
func worthShowing(known bot.Build, e *bot.Event) bool {
	if e.Build == nil {
		return false
	}
	if !slices.EqualFunc(known.Inputs, e.Build.Inputs, func(a, b bot.Input) bool { return a.ID == b.ID }) {
		return true
	}
	if known.Message != e.Build.Message { // what a source says that can't list questions
		return true
	}
	before, _, _ := stageNow(known.Stages)
	now, _, _ := stageNow(e.Build.Stages)
	return now != before && now != "" && !e.Build.StartedAt.IsZero() && e.OccurredAt.Sub(e.Build.StartedAt) >= slowBuild
}

const shownArtifacts = 3

// artifactField links what the build archived, where its source serves it.
func artifactField(b bot.Build) (bot.Field, bool) {
	var links []string
	more := 0
	for _, a := range b.Artifacts {
		u := link(a.URI)
		switch {
		case u == "" || strings.ContainsAny(u, "() "):
		case len(links) == shownArtifacts:
			more++
		default:
			links = append(links, "["+string(foreign(a.Name, 80))+"]("+u+")")
		}
	}
	if more > 0 {
		links = append(links, fmt.Sprintf("and %d more", more))
	}
	return bot.Field{Name: "Artifacts", Value: bot.Text(strings.Join(links, ", "))}, len(links) > 0
}

package relay

import (
	"testing"
	"time"

	"opsbot/bot"
)

// TestWorthShowing: a card is edited for a question and its end, and for the stages
// of a build that takes its time.
func TestWorthShowing(t *testing.T) {
	t.Parallel()
	stages := func(now string) []bot.Stage {
		return []bot.Stage{{Name: "Checkout", Status: "SUCCESS"}, {Name: now, Status: "IN_PROGRESS"}}
	}
	question := []bot.Input{{ID: "Go"}}
	for name, c := range map[string]struct {
		known, report bot.Build
		after         time.Duration
		want          bool
	}{
		"nothing new":          {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Build")}, time.Minute, false},
		"a stage of a slow":    {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Test")}, time.Minute, true},
		"a stage of a quick":   {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Test")}, time.Second, false},
		"between two stages":   {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Build")[:1]}, time.Minute, false},
		"a question":           {bot.Build{}, bot.Build{Inputs: question}, time.Second, true},
		"the same question":    {bot.Build{Inputs: question}, bot.Build{Inputs: question}, time.Minute, false},
		"the question's end":   {bot.Build{Inputs: question}, bot.Build{}, time.Second, true},
		"another question":     {bot.Build{Inputs: question}, bot.Build{Inputs: []bot.Input{{ID: "On"}}}, time.Second, true},
		"nobody knows how old": {bot.Build{}, bot.Build{Stages: stages("Test")}, -1, false},
	} {
		e := &bot.Event{Type: bot.EventBuildProgress, OccurredAt: at1352(), Build: &c.report}
		if c.after >= 0 {
			c.report.StartedAt = at1352().Add(-c.after)
		}
		if got := worthShowing(c.known, e); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if worthShowing(bot.Build{}, &bot.Event{Type: bot.EventBuildProgress}) {
		t.Error("a report of no build is worth showing")
	}
}

package relay

import (
	"context"
	"strings"
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
		"nothing new":              {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Build")}, time.Minute, false},
		"a stage of a slow":        {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Test")}, time.Minute, true},
		"a stage of a quick":       {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Test")}, time.Second, false},
		"between two stages":       {bot.Build{Stages: stages("Build")}, bot.Build{Stages: stages("Build")[:1]}, time.Minute, false},
		"a question":               {bot.Build{}, bot.Build{Inputs: question}, time.Second, true},
		"the same question":        {bot.Build{Inputs: question}, bot.Build{Inputs: question}, time.Minute, false},
		"the question's end":       {bot.Build{Inputs: question}, bot.Build{}, time.Second, true},
		"another question":         {bot.Build{Inputs: question}, bot.Build{Inputs: []bot.Input{{ID: "On"}}}, time.Second, true},
		"a question told in words": {bot.Build{}, bot.Build{Message: "Waits for input"}, time.Second, true},
		"nobody knows how old":     {bot.Build{}, bot.Build{Stages: stages("Test")}, -1, false},
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

// TestEventBeforeItsProject: a service may tell of an object before its answer to
// the call that made it. What belongs to nobody after that is dropped.
func TestEventBeforeItsProject(t *testing.T) {
	t.Parallel()
	r := setup(t)
	made := bot.Project{ID: bot.NewID(at1352()), Slug: "new-one", State: bot.ProjectCreating, Room: r.project.Room, CreatedAt: at1352()}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, made) })
	r.delivery("d", "push repo-9 "+commit1)
	r.delivery("lost", "push elsewhere "+commit1)
	r.turn()
	r.addProject(made, "repo-9")
	r.clock.add(time.Second)
	r.turn()
	var found []bot.Change
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		found, err = tx.Changes.Recent(ctx, made.ID, 10)
		return err
	})
	if len(found) != 1 || found[0].Commit != commit1 {
		t.Errorf("%+v", found)
	}
	if strings.Contains(r.log.String(), "event dropped") {
		t.Errorf("dropped at once: %s", r.log)
	}
	r.clock.add(early)
	r.turn()
	if !strings.Contains(r.log.String(), "event dropped") {
		t.Errorf("not dropped: %s", r.log)
	}
	if n := r.left(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

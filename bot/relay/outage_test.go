package relay

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// health tells of the app's health, some time into the story.
func (r *rig) health(after time.Duration, health string) {
	r.t.Helper()
	e := bot.Event{Type: bot.EventIncidentResolved, Environment: "staging", Commit: commit1, Branch: "main", Health: health, OccurredAt: at1352().Add(after)}
	if health != "healthy" {
		e.Type, e.Text = bot.EventIncidentDetected, "it ended with status 9;\nsecret"
	}
	r.event(e)
	r.turn()
}

// news are the lines about an app's health, without the card.
func (r *rig) news() (lines []string) {
	for _, l := range r.shown() {
		if strings.HasPrefix(l, "hello-world in ") {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestAnAppThatDiesAndComesBack(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.turn()
	r.health(0, "healthy") // of no outage that was told
	r.health(time.Second, "unhealthy")
	down := "hello-world in staging went down at 13:52:01: it ended with status 9;"
	if got := r.news(); !slices.Equal(got, []string{down}) {
		t.Errorf("down: %q", got)
	}
	r.health(3*time.Second, "healthy")
	if got := r.news(); !slices.Equal(got, []string{down, "hello-world in staging is back at 13:52:03, after 2 s"}) {
		t.Errorf("back: %q", got)
	}
	all := r.chat.Messages(r.project.Room)
	for i, tone := range []bot.Tone{bot.ToneBad, bot.ToneGood} {
		if m := all[i+1]; m.Thread != r.chat.ThreadOf(all[0].ID) || m.Post.Tone != tone {
			t.Errorf("%q is in the thread %q with tone %q", m.Post.Text, m.Thread, m.Post.Tone)
		}
	}
}

// What dies again and again changes the two lines that stand, and makes new ones
// after five minutes; what is said is true at any time.
func TestNewsOfHealthAreFew(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.health(1*time.Second, "unhealthy")
	r.health(2*time.Second, "healthy")
	r.health(60*time.Second, "unhealthy")
	want := []string{
		"hello-world in staging went down 2 times since 13:52:01: it ended with status 9;",
		"hello-world in staging was back at 13:52:02 and is down again since 13:53:00",
	}
	if got := r.news(); !slices.Equal(got, want) {
		t.Errorf("again: %q", got)
	}
	r.health(64*time.Second, "healthy")
	want[1] = "hello-world in staging is back at 13:53:04, after 4 s"
	if got := r.news(); !slices.Equal(got, want) {
		t.Errorf("back again: %q", got)
	}
	r.health(5*time.Minute, "unhealthy") // the first line is 4:59 old
	r.health(5*time.Minute+time.Second, "healthy")
	if got := r.news(); len(got) != 2 || !strings.Contains(got[0], "3 times") {
		t.Errorf("before five minutes: %q", got)
	}
	r.health(6*time.Minute, "unhealthy")
	if got := r.news(); len(got) != 3 || got[2] != "hello-world in staging went down at 13:58:00: it ended with status 9;" {
		t.Errorf("after five minutes: %q", got)
	}
}

// A second line that is young keeps new ones away, too.
func TestALongOutageThatComesAgain(t *testing.T) {
	t.Parallel()
	r := setup(t, lines)
	r.health(time.Second, "unhealthy")
	r.health(10*time.Minute, "healthy")
	r.health(11*time.Minute, "unhealthy")
	r.health(12*time.Minute, "healthy")
	want := []string{
		"hello-world in staging went down 2 times since 13:52:01: it ended with status 9;",
		"hello-world in staging is back at 14:04:00, after 1 min",
	}
	if got := r.news(); !slices.Equal(got, want) {
		t.Errorf("news: %q", got)
	}
}

func TestAMonitorsAllClear(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.event(bot.Event{Type: bot.EventIncidentResolved, Environment: "production", Text: "p99 under 1 s"})
	r.turn()
	m := r.chat.Messages(r.project.Room)
	if len(m) != 1 || m[0].Post.Title != "Resolved: hello-world in production" || m[0].Post.Tone != bot.ToneGood {
		t.Errorf("messages %+v", m)
	}
}

func TestCardShowsWhatIsUnhealthy(t *testing.T) {
	t.Parallel()
	s := tell(t)
	v := s.version(s.build(1, nil))
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	show := func(state bot.EnvironmentState) string {
		state.ProjectID, state.Environment, state.UpdatedAt = s.rig.project.ID, "staging", at1352().Add(2*time.Minute)
		s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Environments.Put(ctx, state) })
		return s.picture(s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room}))
	}
	if got := show(bot.EnvironmentState{DesiredID: v.ID, Health: "unhealthy"}); !strings.Contains(got, ", unhealthy since 13:54:00  {bad}") || !strings.Contains(got, "by you  {bad}") {
		t.Errorf("an unhealthy app:\n%s", got)
	}
	for _, fine := range []bot.EnvironmentState{{DesiredID: v.ID, Health: "healthy"}, {DesiredID: "another", Health: "unhealthy"}} {
		if got := show(fine); strings.Contains(got, "unhealthy") || !strings.Contains(got, "by you  {good}") {
			t.Errorf("%s, and %s is wanted:\n%s", fine.Health, fine.DesiredID, got)
		}
	}
}

package relay

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// lines gives the project's room the old style.
func lines(r *rig) {
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: r.project.Room, Name: "dev", Style: StyleLines})
	})
}

// asking has the build wait for an answer.
func asking(b *bot.Build) *bot.Build {
	b.Inputs = []bot.Input{{ID: "Go", Message: "Release?"}}
	return b
}

func TestLines(t *testing.T) {
	t.Parallel()
	r := setup(t, lines)
	at := time.Date(2026, 3, 4, 13, 50, 54, 0, time.UTC)
	id := "043527e6-9c2e-4135-b9df-c658437c22d3"
	job := func(branch string, state bot.BuildState, result bot.Result) *bot.Build {
		b := build(state, 0)
		b.Ref.Branch, b.Result = branch, result
		b.URL = "http://jenkins/job/hello-world/job/" + branch + "/1/"
		return b
	}
	for _, e := range []bot.Event{
		{Type: bot.EventPushed, Branch: "master", Commit: commit1},
		{Type: bot.EventBuildQueued, Build: job("master", bot.BuildQueued, "")},
		{Type: bot.EventBuildStarted, Build: job("master", bot.BuildRunning, "")},
		{Type: bot.EventBuildProgress, Build: job("master", bot.BuildRunning, "")},
		{Type: bot.EventBuildProgress, Build: asking(job("master", bot.BuildRunning, ""))},
		{Type: bot.EventBuildProgress, Build: asking(job("master", bot.BuildRunning, ""))},
		{Type: bot.EventGateReported, Branch: "master", Commit: commit1, Text: "ERROR: coverage 61 % < 80 %", Tone: bot.ToneBad},
		{Type: bot.EventBuildFinished, Build: job("master", bot.BuildFinished, bot.ResultFailure)},
		{Type: bot.EventBuildFinished, Build: job("new-feature-branch", bot.BuildFinished, bot.ResultSuccess)},
		{Type: bot.EventBuildFinished, Build: job("x_[y](z)", bot.BuildFinished, bot.ResultAborted)},
		{Type: bot.EventServiceDeployed, DeploymentID: id, ExternalID: "/zwitscher-eureka", OccurredAt: at},
		{Type: bot.EventServiceProgress, DeploymentID: id, Text: "ScaleApplication", OccurredAt: at},
		{Type: bot.EventServiceUpgraded, DeploymentID: id, OccurredAt: at},
		{Type: bot.EventServiceRolled, DeploymentID: id, OccurredAt: at},
		{Type: bot.EventServiceFailed, DeploymentID: id, Text: "health check: 500", OccurredAt: at},
		{Type: bot.EventIncidentDetected, Environment: "production", Text: "<!channel> disk *full*"},
		{Type: bot.EventChatMessage, Text: "one\ntwo", Branch: "master", Commit: commit1},
	} {
		r.event(e)
		r.turn()
	}
	var got strings.Builder
	for _, m := range r.chat.Messages(r.project.Room) {
		if m.Post.Title != "" {
			got.WriteString(string(m.Post.Title) + " | ")
		}
		for _, l := range m.Post.Text {
			got.WriteString(bot.Unescape(l) + "\n")
		}
	}
	golden(t, "lines.golden", got.String())
}

func TestALineIsPostedOnce(t *testing.T) {
	t.Parallel()
	r := setup(t, lines)
	e := bot.Event{ID: "e", Type: bot.EventServiceDeployed, DeploymentID: "d"}
	r.event(e)
	r.turn()
	r.event(e) // the same key: the inbox has it
	r.turn()
	if got := r.shown(); len(got) != 1 {
		t.Errorf("the room shows %q", got)
	}
}

func TestWhatAPipelineSays(t *testing.T) {
	t.Parallel()
	ops := bot.RoomRef{Instance: "chat", ID: "C042"}
	r := setup(t, func(r *rig) {
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Rooms.Put(ctx, bot.Room{Ref: ops, Name: "ops"})
		})
	})
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	say := func(id, room string) {
		r.event(bot.Event{ID: id, Type: bot.EventChatMessage, Branch: "main", Commit: commit1, Room: room, Text: id + " @channel", Tone: bot.ToneGood})
	}
	say("in the thread", "")
	say("elsewhere", "#ops")
	say("by id", "C042")
	say("nowhere", "#unknown")
	r.turn()
	card := r.chat.Messages(r.project.Room)[0]
	var thread []string
	for _, m := range r.chat.Messages(r.project.Room)[1:] {
		if m.Thread != r.chat.ThreadOf(card.ID) {
			t.Errorf("%q is in the thread %q", m.Post.Text, m.Thread)
		}
		thread = append(thread, bot.Unescape(m.Post.Text[0]))
	}
	if !slices.Equal(thread, []string{"in the thread @channel", "nowhere @channel"}) {
		t.Errorf("under the card: %q", thread)
	}
	others := r.chat.Messages(ops)
	if len(others) != 2 || others[0].Thread != "" || others[0].Post.Text[0] != `elsewhere \@channel` || others[0].Post.Tone != bot.ToneGood {
		t.Errorf("in the other room: %+v", others)
	}
}

func TestIncidentStandsUnderItsCard(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.event(bot.Event{Type: bot.EventIncidentDetected, Commit: commit1, Environment: "production", Text: "p99 over 1 s"})
	r.event(bot.Event{Type: bot.EventIncidentDetected, Text: ""})
	r.turn()
	m := r.chat.Messages(r.project.Room)
	if len(m) != 3 || m[1].Thread != r.chat.ThreadOf(m[0].ID) || m[2].Thread != "" || m[1].Post.Tone != bot.ToneBad {
		t.Fatalf("messages = %+v", m)
	}
	if got := r.shown()[1:]; !slices.Equal(got, []string{"Incident: hello-world in production p99 over 1 s", "Incident: hello-world no description"}) {
		t.Errorf("shown = %q", got)
	}
}

func TestDeploymentEventFindsItsCard(t *testing.T) {
	t.Parallel()
	s := tell(t)
	v := s.version(s.build(1, nil))
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	h := &recorder{}
	s.rig.processor.o.Handlers = []bot.EventHandler{h}
	s.rig.event(bot.Event{Type: bot.EventServiceDeployed, DeploymentID: "043527e6-9c2e-4135-b9df-c658437c22ds"})
	s.rig.turn()
	if h.c == nil || h.c.ID != s.change.ID {
		t.Errorf("change = %+v", h.c)
	}
	if got := s.rig.shown(); len(got) != 1 {
		t.Errorf("the room shows %q", got)
	}
}

func TestProjectWithoutARoom(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	quiet := bot.Project{ID: bot.NewID(at1352()), Slug: "quiet", State: bot.ProjectActive, CreatedAt: at1352()}
	r := setup(t, withHandler(h))
	r.addProject(quiet, "repo-2")
	r.event(bot.Event{ID: "e", ProjectID: quiet.ID, Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.turn()
	if !slices.Equal(h.seen, []string{"e"}) || len(r.chat.Calls()) != 0 {
		t.Errorf("handled %v, %d calls", h.seen, len(r.chat.Calls()))
	}
}

func TestPostKeysAreValid(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, parts := range [][]string{
		{"ci", "job/1"}, {"ci", "job/2"}, {"ci", "job", "1"}, {"ci", strings.Repeat("x", 300)}, {"ci", "é"}, {"ci", "plain-1"}, {"", ""},
	} {
		key := postKey("line", parts...)
		if len(key) > 200 || strings.IndexFunc(key, outsideKey) >= 0 || seen[key] {
			t.Errorf("key of %q = %q", parts, key)
		}
		seen[key] = true
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://ci.example.com/job/1/": "https://ci.example.com/job/1/", "http://127.0.0.1:8080/log": "http://127.0.0.1:8080/log",
		"javascript:alert(1)": "", "https://user:pass@ci.example.com/": "", "//x": "", "data:text/html,x": "", "http://": "", "": "",
		"https://x/a b)\n[c](d)": "",
	} {
		if got := link(raw); got != want {
			t.Errorf("link(%q) = %q, want %q", raw, got, want)
		}
	}
}

package chats_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/relay"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	"opsbot/integrations"
	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
)

// The load: as many events in a minute as the busiest teams have, into ten channels.
const (
	loadEvents   = 2000
	loadChannels = 10
	loadSpan     = time.Minute
	speed        = 15 // times as fast as the wall clock
)

// quick is a clock on which a minute passes in four seconds.
type quick struct{ start time.Time }

func (c quick) Now() time.Time {
	return c.start.Add(time.Since(c.start) * speed).UTC().Truncate(time.Microsecond)
}
func (c quick) After(d time.Duration) <-chan time.Time { return time.After(d / speed) }

// service is a chat service under load.
type service struct {
	section  string // of the configuration
	secrets  map[string]string
	channels []string // ids
	// calls counts the calls that showed something, refused those that were told to
	// wait, busiest the most messages in a channel within ten seconds.
	calls, refused func() int
	busiest        func(channel string) int
	texts          func(channel string) []string
}

func loadSlack(t *testing.T, clock bot.Clock) service {
	t.Helper()
	server := slack.New(t, slack.WithClock(clock), slack.WithLimits(3))
	s := service{
		section: fmt.Sprintf("type: slack, api_url: %s/api/, bot_token: env:BOT, app_token: env:APP", server.URL),
		secrets: map[string]string{"BOT": server.BotToken, "APP": server.AppToken},
		busiest: func(channel string) int { return server.Busiest(channel, 10*time.Second) },
	}
	for i := range loadChannels {
		s.channels = append(s.channels, server.AddChannel(slack.Channel{Name: fmt.Sprintf("team-%d", i), Members: []string{server.BotUserID}}))
	}
	shows := func(c slack.Call) bool { return c.Method == "chat.postMessage" || c.Method == "chat.update" }
	s.calls = func() (n int) {
		for _, c := range server.Calls() {
			if shows(c) && c.Status == http.StatusOK {
				n++
			}
		}
		return n
	}
	s.refused = func() (n int) {
		for _, c := range server.Calls() {
			if c.Status == http.StatusTooManyRequests {
				n++
			}
		}
		return n
	}
	s.texts = func(channel string) (out []string) {
		for _, m := range server.FromBot(channel) {
			out = append(out, m.Text())
		}
		return out
	}
	return s
}

func loadMattermost(t *testing.T, clock bot.Clock) service {
	t.Helper()
	server := mattermost.New(t, mattermost.Clock(clock.Now))
	server.RateLimit(10, 100) // a server's own defaults
	robot := server.AddBot("opsbot")
	s := service{
		section: fmt.Sprintf("type: mattermost, url: %s, token: env:BOT", server.URL),
		secrets: map[string]string{"BOT": robot.Token},
	}
	for i := range loadChannels {
		s.channels = append(s.channels, server.AddChannel(fmt.Sprintf("team-%d", i), robot.ID).ID)
	}
	shows := func(c mattermost.Call) bool {
		return c.Method == http.MethodPost && c.Path == "/api/v4/posts" || c.Method == http.MethodPut && strings.HasPrefix(c.Path, "/api/v4/posts/")
	}
	s.calls = func() (n int) {
		for _, c := range server.Calls() {
			if shows(c) && c.Status < 300 {
				n++
			}
		}
		return n
	}
	s.refused = func() (n int) {
		for _, c := range server.Calls() {
			if c.Status == http.StatusTooManyRequests {
				n++
			}
		}
		return n
	}
	s.busiest = func(string) int { return 0 } // the server limits addresses, not channels
	s.texts = func(channel string) (out []string) {
		for _, p := range server.Channel(channel).Posts() {
			if p.UserID == robot.ID {
				text := p.Message
				for _, a := range p.Attachments {
					text += "\n" + a.Title + "\n" + a.Text
					for _, f := range a.Fields {
						text += "\n" + f.Title + " " + f.Value
					}
				}
				out = append(out, text)
			}
		}
		return out
	}
	return s
}

// member makes the integration of a section.
func member(t *testing.T, name string, s service, db *store.Store, clock bot.Clock) any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "opsbot.yaml")
	text := fmt.Sprintf("integrations:\n  console: { type: console }\n  %s: { %s }\n", name, s.section)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(key string) (string, bool) { v, ok := s.secrets[key]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range integrations.All(nil) {
		if kind.Type != name {
			continue
		}
		made, err := kind.New(bot.IntegrationEnv{
			Name: name, Config: cfg.Integrations.Get(name), Clock: clock, Log: slog.New(slog.DiscardHandler), Work: db, Waker: db,
			Blobs: db.Blobs(), Dir: t.TempDir(), PublicURL: "http://ops.example.com", BotName: "opsbot",
		})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	t.Fatalf("there is no integration %s", name)
	return nil
}

type registry map[string]any

func (r registry) Get(name string) any { return r[name] }
func (r registry) Names() []string     { return nil }

// TestLoad: 2,000 events in a minute. Each change ends on its card as it ended, no
// channel gets more than its bucket, and at most one call is told to wait.
func TestLoad(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, bot.Clock) service{"slack": loadSlack, "mattermost": loadMattermost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := quick{time.Now()}
			db := storetest.Open(t, func(o *store.Options) { o.Clock = clock })
			s := open(t, clock)
			chat := member(t, name, s, db, clock)
			if p, ok := chat.(interface{ Prepare(context.Context) error }); ok {
				if err := p.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			rooms := roomsOf(t, chat, s)
			projects := loadProjects(t, db, rooms)
			stop := runRelay(t, db, clock, registry{name: chat})
			defer stop()
			drained(t, db, feed(t, db, clock, projects))
			check(t, s)
		})
	}
}

// roomsOf are the channels as the chat names them.
func roomsOf(t *testing.T, chat any, s service) (out []bot.RoomRef) {
	t.Helper()
	for _, id := range s.channels {
		room, err := chat.(bot.RoomKeeper).FindRoom(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, room.Ref)
	}
	return out
}

func loadProjects(t *testing.T, db *store.Store, rooms []bot.RoomRef) (out []bot.Project) {
	t.Helper()
	for i, room := range rooms {
		out = append(out, bot.Project{
			ID: bot.NewID(time.Now()), Slug: fmt.Sprintf("service-%d", i), Owner: "acme", State: bot.ProjectActive, DefaultBranch: "main",
			Room: room, CreatedAt: time.Now(),
		})
	}
	write(t, db, func(ctx context.Context, tx *bot.Tx) error {
		for _, p := range out {
			if err := tx.Projects.Put(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
	return out
}

func write(t *testing.T, db *store.Store, fn func(ctx context.Context, tx *bot.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// runRelay runs what turns events into messages.
func runRelay(t *testing.T, db *store.Store, clock bot.Clock, all bot.Integrations) (stop func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	card := relay.NewChangeCard(relay.ChangeCardOptions{Clock: clock, Catalogue: func() []bot.Spec { return nil }})
	services := []bot.Service{
		db,
		relay.NewProcessor(relay.ProcessorOptions{Work: db, Waker: db, Clock: clock, Log: log, Integrations: all, Owner: "node:1"}),
		relay.NewPump(relay.PumpOptions{Work: db, Waker: db, Clock: clock, Log: log, Integrations: all, Owner: "node:1", Cards: []bot.Card{card}}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(services))
	for _, s := range services {
		go func() { done <- s.Run(ctx) }()
	}
	return func() {
		cancel()
		for range services {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}

// feed stores the events, spread over the minute: builds of one commit after the other,
// each queued, started, two stages, finished.
func feed(t *testing.T, db *store.Store, clock bot.Clock, projects []bot.Project) (roots []string) {
	t.Helper()
	const batch = 20
	states := []bot.EventType{bot.EventBuildQueued, bot.EventBuildStarted, bot.EventBuildProgress, bot.EventBuildProgress, bot.EventBuildFinished}
	var rows []bot.InboxRow
	for n := range loadEvents {
		p := projects[n%len(projects)]
		number, step := n/len(projects)/len(states)+1, n/len(projects)%len(states)
		rows = append(rows, event(clock.Now(), p, number, step, states[step]))
		roots = append(roots, rows[len(rows)-1].ID)
		if len(rows) < batch {
			continue
		}
		write(t, db, func(ctx context.Context, tx *bot.Tx) error {
			_, err := tx.Inbox.Add(ctx, rows...)
			return err
		})
		rows = nil
		<-clock.After(loadSpan * batch / loadEvents)
	}
	return roots
}

func event(now time.Time, p bot.Project, number, step int, kind bot.EventType) bot.InboxRow {
	commit := fmt.Sprintf("%040x", number)
	b := bot.Build{
		ProjectID: p.ID, Instance: "ci", Ref: bot.BuildRef{Job: p.Slug, Branch: "main", Number: number}, State: bot.BuildRunning, Commit: commit,
		QueuedAt: now, StartedAt: now, Sequence: int64(number*10 + step),
	}
	switch kind {
	case bot.EventBuildQueued:
		b.State = bot.BuildQueued
	case bot.EventBuildFinished:
		b.State, b.Result, b.FinishedAt = bot.BuildFinished, bot.ResultSuccess, now
	}
	id := fmt.Sprintf("%s-%d-%d", p.Slug, number, step)
	return bot.InboxRow{
		ID: bot.NewID(now), Instance: "ci", Key: id, Received: now, State: "new",
		Event: &bot.Event{ID: id, Source: "ci", Type: kind, OccurredAt: now, ReceivedAt: now, Sequence: b.Sequence, ProjectID: p.ID, Branch: "main", Commit: commit, Build: &b},
	}
}

// drained waits until every event is read and every message shown.
func drained(t *testing.T, db *store.Store, roots []string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, root := range roots {
		for open := 1; open > 0; {
			err := db.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
				open, err = tx.Causes.Open(ctx, root)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if open == 0 {
				break
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("%d rows are still open under %s", open, root)
			}
		}
	}
}

// check compares what the channels show with what happened.
func check(t *testing.T, s service) {
	t.Helper()
	builds := loadEvents / loadChannels / 5
	for i, channel := range s.channels {
		texts := s.texts(channel)
		if len(texts) != builds {
			t.Errorf("channel %d: %d cards, want %d", i, len(texts), builds)
		}
		for n := 1; n <= builds; n++ {
			commit := fmt.Sprintf("%07d", 0)
			want := fmt.Sprintf("#%d", n)
			found := slices.ContainsFunc(texts, func(text string) bool {
				return strings.Contains(strings.ReplaceAll(text, `\`, ""), want) && strings.Contains(text, "SUCCESS") && strings.Contains(text, commit)
			})
			if !found {
				t.Errorf("channel %d: no card shows build %d as it ended", i, n)
			}
		}
		if n := s.busiest(channel); n > 11 { // ten, and the one that the bucket held
			t.Errorf("channel %d: %d messages in ten seconds", i, n)
		}
	}
	calls, refused := s.calls(), s.refused()
	t.Logf("%d events in a minute: %d calls, %d saved by merging; %d told to wait", loadEvents, calls, loadEvents-calls, refused)
	if refused > 1 {
		t.Errorf("%d calls were told to wait", refused)
	}
	if calls >= loadEvents {
		t.Errorf("%d calls for %d events", calls, loadEvents)
	}
}

package relay

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	"opsbot/test/conformance/chattest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// skipClock is a clock whose pauses pass at once, moving its time.
type skipClock struct {
	mu     sync.Mutex
	now    time.Time
	pauses []time.Duration
}

func (c *skipClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *skipClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	c.pauses = append(c.pauses, d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return fired
}

func (c *skipClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// at1352 is when the tests' story begins.
func at1352() time.Time { return time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC) }

type instances map[string]any

func (i instances) Get(name string) any { return i[name] }
func (i instances) Names() []string     { return nil }

// lockedBuffer is a log that goroutines share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// rig is a relay over a real store, with one project and one chat.
type rig struct {
	t         *testing.T
	store     *store.Store
	work      bot.UnitOfWork // the store, unless a test wraps it
	clock     *skipClock
	log       *lockedBuffer
	chat      *chattest.Fake
	all       instances
	project   bot.Project
	processor *Processor
	pump      *Pump
	card      *ChangeCard
	handlers  []bot.EventHandler
	rows      int
}

const (
	commit1 = "3f2c1ab7d2c1a0e9f8b7a6c5d4e3f2a1b0c9d8e7"
	commit2 = "9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d"
)

// setup makes the rig; change may alter it before the services are made.
func setup(t *testing.T, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &skipClock{now: at1352()}, log: &lockedBuffer{}, chat: &chattest.Fake{}}
	r.store = storetest.Open(t, func(o *store.Options) { o.Clock = r.clock })
	r.work = r.store
	r.all = instances{"chat": r.chat, "forge": parser{}}
	r.project = bot.Project{
		ID: bot.NewID(at1352()), Slug: "hello-world", State: bot.ProjectActive, DefaultBranch: "main",
		Room: bot.RoomRef{Instance: "chat", ID: "dev"}, CreatedAt: at1352(),
	}
	r.addProject(r.project, "repo-1")
	for _, c := range change {
		c(r)
	}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	r.card = NewChangeCard(ChangeCardOptions{Clock: r.clock, Environments: environments(), Catalogue: catalogue})
	r.processor = NewProcessor(ProcessorOptions{
		Work: r.work, Waker: r.store, Clock: r.clock, Log: log, Integrations: r.all, Owner: "node:1", Handlers: r.handlers,
	})
	r.pump = NewPump(PumpOptions{
		Work: r.work, Waker: r.store, Clock: r.clock, Log: log, Integrations: r.all, Owner: "node:1", Cards: []bot.Card{r.card},
	})
	return r
}

func environments() []bot.Environment {
	return []bot.Environment{{Name: "staging", Auto: "main"}, {Name: "production", After: "staging"}}
}

func catalogue() []bot.Spec {
	return []bot.Spec{
		{Verb: "deploy", Params: []bot.Param{{Name: "name", Type: bot.ParamVersioned}, {Name: "env", Type: bot.ParamEnvironment, Keyword: "to"}}},
		{Verb: "buildNow", Params: []bot.Param{{Name: "name", Type: bot.ParamProject}, {Name: "branch", Type: bot.ParamBranch, Optional: true}}},
		{Verb: "proceed", Params: []bot.Param{{Name: "name", Type: bot.ParamProject}, {Name: "branch", Type: bot.ParamBranch, Optional: true}, {Name: "number", Type: bot.ParamNumber, Optional: true}}},
		{Verb: "abort", Params: []bot.Param{{Name: "name", Type: bot.ParamProject}, {Name: "branch", Type: bot.ParamBranch, Optional: true}, {Name: "number", Type: bot.ParamNumber, Optional: true}}},
		{Verb: "log", Params: []bot.Param{{Name: "name", Type: bot.ParamProject}, {Name: "branch", Type: bot.ParamBranch, Optional: true}, {Name: "number", Type: bot.ParamNumber, Optional: true}}},
	}
}

func (r *rig) write(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.store.Write(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.store.Read(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) addProject(p bot.Project, repository string) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		return tx.Resources.Put(ctx, bot.Resource{
			ID: bot.NewID(at1352()), ProjectID: p.ID, Kind: bot.ResourceRepository, Instance: "forge",
			ExternalID: repository, State: "active", CreatedAt: at1352(),
		})
	})
}

// event files an event of an embedded source about the rig's project.
func (r *rig) event(e bot.Event) bot.InboxRow {
	r.t.Helper()
	r.rows++
	if e.ProjectID == "" {
		e.ProjectID = r.project.ID
	}
	if e.ID == "" {
		e.ID = fmt.Sprintf("e%d", r.rows)
	}
	return r.file(bot.InboxRow{Instance: "ci", Key: e.ID, Event: &e})
}

// file stores a row.
func (r *rig) file(row bot.InboxRow) bot.InboxRow {
	r.t.Helper()
	row.ID, row.State, row.Received = bot.NewID(r.clock.Now()), "new", r.clock.Now()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Inbox.Add(ctx, row)
		return err
	})
	return row
}

// turn runs both services over all that is due.
func (r *rig) turn() {
	r.t.Helper()
	if _, err := r.processor.round(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.flush()
}

// dispatched is one look for posts, and the end of all the work that it began.
func dispatched(ctx context.Context, p *Pump) error {
	defer p.open(ctx)()
	return p.dispatch(ctx)
}

// flush runs the pump over all that is due.
func (r *rig) flush() {
	r.t.Helper()
	for {
		if err := dispatched(r.t.Context(), r.pump); err != nil {
			r.t.Fatal(err)
		}
		select {
		case <-r.pump.again:
		default:
			return
		}
	}
}

// shown is what the project's room shows, a line per message: its key and texts.
func (r *rig) shown() []string {
	var out []string
	for _, m := range r.chat.Messages(r.project.Room) {
		text := bot.Unescape(m.Post.Title)
		for _, l := range m.Post.Text {
			text = strings.TrimSpace(text + " " + bot.Unescape(l))
		}
		out = append(out, text)
	}
	return out
}

// golden compares got with testdata/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n--- got\n%s--- want\n%s", path, got, want)
	}
}

// parser is a webhook source: a delivery's body is a list of "KEY VALUE" lines
// that become one event each.
type parser struct{}

func (parser) Verify(bot.Delivery) (string, bot.Scope, error) { return "", bot.Scope{}, nil }

func (parser) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	var out []bot.Event
	for l := range strings.SplitSeq(string(d.Body), "\n") {
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "panic":
			slip(nil)
		case "busy":
			return nil, bot.Errorf(bot.CodeUnavailable, "The source is busy.").Backoff()
		case "bad":
			return nil, bot.Errorf(bot.CodeInvalid, "The body makes no sense.")
		case "push": // push REPOSITORY COMMIT EVENT-ID CLAIMED-PROJECT
			f := append(strings.Fields(rest), "", "")
			out = append(out, bot.Event{
				ID: f[2], Type: bot.EventPushed, Kind: bot.ResourceRepository, ExternalID: f[0], Branch: "main", Commit: f[1], ProjectID: f[3],
				Commits: []bot.Commit{{ID: f[1], Title: "Initial commit", Author: "alice"}},
			})
		}
	}
	return out, nil
}

// slip is a programming error that must not end the process.
func slip(list []int) int { return list[0] }

// delivery files a webhook delivery of the forge.
func (r *rig) delivery(key, body string, scope ...string) bot.InboxRow {
	r.t.Helper()
	row := bot.InboxRow{Instance: "forge", Key: key, Delivery: &bot.Delivery{Instance: "forge", ID: key, Body: []byte(body)}}
	if len(scope) > 0 {
		row.Scope.ProjectID = scope[0]
	}
	return r.file(row)
}

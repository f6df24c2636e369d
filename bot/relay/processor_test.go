package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// recorder is a handler that keeps what it saw and may fail.
type recorder struct {
	seen []string
	fail func(e *bot.Event) error
	last bot.Event
	c    *bot.Change
}

func (h *recorder) HandleEvent(_ context.Context, _ *bot.Tx, e *bot.Event, c *bot.Change) error {
	if h.fail != nil {
		if err := h.fail(e); err != nil {
			return err
		}
	}
	h.seen, h.last, h.c = append(h.seen, e.ID), *e, c
	return nil
}

func withHandler(h *recorder) func(*rig) {
	return func(r *rig) { r.handlers = []bot.EventHandler{h} }
}

// build is the report of a build of commit1 on main.
func build(state bot.BuildState, sequence int64) *bot.Build {
	b := &bot.Build{
		Ref: bot.BuildRef{Job: "hello-world", Branch: "main", Number: 1}, Attempt: 1, State: state, Commit: commit1,
		QueuedAt: at1352(), StartedAt: at1352(), URL: "http://jenkins/job/hello-world/job/master/1/", Sequence: sequence,
	}
	if state == bot.BuildFinished {
		b.Result, b.FinishedAt = bot.ResultSuccess, at1352().Add(41*time.Second)
	}
	return b
}

func (r *rig) changes() []bot.Change {
	r.t.Helper()
	var out []bot.Change
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		out, err = tx.Changes.Recent(ctx, r.project.ID, 10)
		return err
	})
	return out
}

// left is how many rows are still to be processed.
func (r *rig) left() int {
	r.t.Helper()
	r.clock.add(24 * time.Hour)
	var rows []bot.InboxRow
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		rows, err = tx.Inbox.Claim(ctx, "somebody", r.clock.Now(), time.Second, 1000)
		return err
	})
	return len(rows)
}

func TestPushBecomesAChange(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	r := setup(t, withHandler(h))
	row := r.delivery("d1", "push repo-1 "+commit1)
	r.turn()
	got := r.changes()
	if len(got) != 1 || got[0].Title != "Initial commit" || got[0].Author != "alice" || got[0].Branch != "main" || got[0].Cause.Root != row.ID {
		t.Fatalf("changes = %+v", got)
	}
	if !slices.Equal(h.seen, []string{"d1"}) || h.c == nil || h.c.ID != got[0].ID || h.last.ProjectID != r.project.ID || h.last.Source != "forge" {
		t.Errorf("handler saw %v, %+v, change %+v", h.seen, h.last, h.c)
	}
	if len(r.chat.Calls()) != 0 {
		t.Error("a card was shown although nothing has reported")
	}
	if n := r.left(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestBuildIsShownOnOneCard(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.delivery("d1", "push repo-1 "+commit1)
	for i, state := range []bot.BuildState{bot.BuildQueued, bot.BuildRunning, bot.BuildFinished} {
		r.event(bot.Event{Type: bot.EventBuildQueued, Build: build(state, int64(i+1))})
		r.turn()
	}
	calls := r.chat.Calls()
	if len(r.chat.Messages(r.project.Room)) != 1 || len(calls) != 3 {
		t.Fatalf("%d messages, %d calls", len(r.chat.Messages(r.project.Room)), len(calls))
	}
	shown := r.chat.Messages(r.project.Room)[0].Post
	if bot.Unescape(shown.Title) != `hello-world · main · 3f2c1ab "Initial commit" by alice` || shown.Fields[0].Value != "SUCCESS in 41 s" {
		t.Errorf("card = %+v", shown)
	}
}

func TestBurstCostsOneCall(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.delivery("d1", "push repo-1 "+commit1)
	for i, state := range []bot.BuildState{bot.BuildQueued, bot.BuildRunning, bot.BuildRunning, bot.BuildFinished} {
		r.event(bot.Event{Type: bot.EventBuildProgress, Build: build(state, int64(i+1))})
	}
	r.event(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 9)})
	r.turn()
	if n := len(r.chat.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestOlderReportChangesNothing(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	r := setup(t, withHandler(h))
	r.event(bot.Event{ID: "end", Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 5)})
	r.event(bot.Event{ID: "late", Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 2)})
	r.turn()
	if !slices.Equal(h.seen, []string{"end"}) {
		t.Errorf("handlers saw %v", h.seen)
	}
	if got := r.chat.Messages(r.project.Room)[0].Post.Fields[0].Value; got != "SUCCESS in 41 s" {
		t.Errorf("card shows %q", got)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	other := bot.Project{ID: bot.NewID(at1352()), Slug: "other", State: bot.ProjectActive, CreatedAt: at1352()}
	tests := map[string]struct {
		file   func(r *rig)
		logged string
	}{
		"a webhook can't name a project":    {func(r *rig) { r.delivery("d", "push nothing "+commit1+" x "+r.project.ID) }, "no project has the repository"},
		"an unknown repository":             {func(r *rig) { r.delivery("d", "push elsewhere "+commit1) }, "no project has the repository"},
		"outside the sender's scope":        {func(r *rig) { r.delivery("d", "push repo-1 "+commit1, other.ID) }, "outside the sender's scope"},
		"an embedded source outside":        {func(r *rig) { r.scoped(other.ID) }, "outside the sender's scope"},
		"an embedded source without a name": {func(r *rig) { r.event(bot.Event{ProjectID: bot.NewID(at1352()), Type: bot.EventPushed}) }, "there is no project"},
		"a build of another project": {func(r *rig) {
			b := build(bot.BuildRunning, 1)
			b.ProjectID, b.Instance = other.ID, "ci"
			r.write(func(ctx context.Context, tx *bot.Tx) error { _, err := tx.Builds.Put(ctx, *b); return err })
			r.event(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 2)})
		}, "build of another project"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &recorder{}
			r := setup(t, withHandler(h))
			r.addProject(other, "repo-2")
			tt.file(r)
			r.turn()
			if len(h.seen) != 0 || len(r.changes()) != 0 || len(r.chat.Calls()) != 0 {
				t.Errorf("it was believed: handlers %v, %d changes", h.seen, len(r.changes()))
			}
			if !strings.Contains(r.log.String(), tt.logged) {
				t.Errorf("the log does not say %q: %s", tt.logged, r.log)
			}
			if n := r.left(); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// scoped files an embedded event about the rig's project by a sender of another.
func (r *rig) scoped(projectID string) {
	e := bot.Event{ID: "e", Type: bot.EventPushed, ProjectID: r.project.ID, Branch: "main", Commit: commit1}
	r.file(bot.InboxRow{Instance: "ci", Key: "e", Event: &e, Scope: bot.Scope{ProjectID: projectID}})
}

func TestTokenOfAProjectNamesIt(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	r := setup(t, withHandler(h))
	e := bot.Event{ID: "e", Type: bot.EventPushed, Branch: "main", Commit: commit1}
	r.file(bot.InboxRow{Instance: "ci", Key: "e", Event: &e, Scope: bot.Scope{ProjectID: r.project.ID}})
	r.turn()
	if h.last.ProjectID != r.project.ID {
		t.Errorf("event = %+v", h.last)
	}
}

func TestSameEventInTwoDeliveriesCountsOnce(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	r := setup(t, withHandler(h))
	r.delivery("d1", "push repo-1 "+commit1+" the-event")
	r.delivery("d2", "push repo-1 "+commit1+" the-event")
	r.delivery("d3", "push repo-1 "+commit2+" another")
	r.turn()
	if !slices.Equal(h.seen, []string{"the-event", "another"}) {
		t.Errorf("handlers saw %v", h.seen)
	}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	op := &bot.Operation{ID: bot.NewID(at1352()), Kind: "new-project", State: bot.OperationRunning, CreatedAt: at1352(), Cause: bot.Cause{Root: "root-of-operation"}}
	push := func(project, trailer string) bot.Event {
		return bot.Event{Type: bot.EventPushed, ProjectID: project, Branch: "main", Commit: commit1, Commits: []bot.Commit{{ID: commit1, Operation: trailer}}}
	}
	tests := map[string]struct {
		operationOf func(r *rig) string // project of the operation
		events      func(r *rig) []bot.Event
		rowRoot     string
		want        string // "" = the last row's id
	}{
		"the row's":                     {events: func(r *rig) []bot.Event { return []bot.Event{push("", op.ID)} }, rowRoot: "row-root", want: "row-root"},
		"the commit's operation":        {events: func(r *rig) []bot.Event { return []bot.Event{push("", op.ID)} }, want: "root-of-operation"},
		"another project's operation":   {operationOf: func(*rig) string { return "other" }, events: func(r *rig) []bot.Event { return []bot.Event{push("", op.ID)} }},
		"a prefix is not an operation":  {events: func(r *rig) []bot.Event { return []bot.Event{push("", op.ID[:12])} }},
		"no operation of that name":     {events: func(r *rig) []bot.Event { return []bot.Event{push("", bot.NewID(at1352()))} }},
		"the event's own":               {events: func(r *rig) []bot.Event { e := push("", ""); e.Cause.Root = "event-root"; return []bot.Event{e} }, want: "event-root"},
		"the build's":                   {events: func(r *rig) []bot.Event { return []bot.Event{caused("build-root")} }, want: "build-root"},
		"what asked for the build":      {events: func(r *rig) []bot.Event { return []bot.Event{caused("build-root"), caused("")} }, want: "build-root"},
		"what made the build's commit":  {events: func(r *rig) []bot.Event { return []bot.Event{push("", op.ID), caused("")} }, want: "root-of-operation"},
		"nobody's: the row is the root": {events: func(r *rig) []bot.Event { return []bot.Event{push("", "")} }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &recorder{}
			r := setup(t, withHandler(h))
			mine := *op
			mine.ProjectID = r.project.ID
			if tt.operationOf != nil {
				mine.ProjectID = tt.operationOf(r)
			}
			r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Operations.Insert(ctx, &mine) })
			var row bot.InboxRow
			for i, e := range tt.events(r) {
				e.ID, e.ProjectID = fmt.Sprintf("e%d", i), r.project.ID
				row = r.file(bot.InboxRow{Instance: "ci", Key: e.ID, Event: &e, Cause: bot.Cause{Root: tt.rowRoot}})
				r.turn()
			}
			want := tt.want
			if want == "" {
				want = row.ID
			}
			if h.last.Cause.Root != want || h.last.Cause.Cause != row.ID {
				t.Errorf("cause = %+v, want root %s by %s", h.last.Cause, want, row.ID)
			}
			if h.last.Build != nil && h.last.Build.Cause.Root != want {
				t.Errorf("the build is filed under %+v", h.last.Build.Cause)
			}
		})
	}
}

func caused(root string) bot.Event {
	b := build(bot.BuildRunning, 1)
	b.Cause.Root = root
	return bot.Event{Type: bot.EventBuildStarted, Build: b}
}

func TestFailuresAreTriedAgainInOrder(t *testing.T) {
	t.Parallel()
	broken := 2
	h := &recorder{}
	h.fail = func(e *bot.Event) error {
		if e.ID == "first" && broken > 0 {
			broken--
			return errors.New("a passing fault")
		}
		return nil
	}
	r := setup(t, withHandler(h))
	r.event(bot.Event{ID: "first", Type: bot.EventPushed, Branch: "main", Commit: commit1})
	r.event(bot.Event{ID: "second", Type: bot.EventPushed, Branch: "main", Commit: commit2})
	r.turn()
	r.event(bot.Event{ID: "third", Type: bot.EventPushed, Branch: "x", Commit: commit2})
	r.turn()
	if len(h.seen) != 0 {
		t.Fatalf("%v overtook the first", h.seen)
	}
	for range 10 {
		r.clock.add(2 * time.Second)
		r.turn()
	}
	if !slices.Equal(h.seen, []string{"first", "second", "third"}) {
		t.Errorf("order = %v", h.seen)
	}
}

func TestOtherProjectsDoNotWait(t *testing.T) {
	t.Parallel()
	h := &recorder{fail: func(e *bot.Event) error {
		if e.ID == "stuck" {
			return errors.New("a passing fault")
		}
		return nil
	}}
	other := bot.Project{ID: bot.NewID(at1352()), Slug: "other", State: bot.ProjectActive, CreatedAt: at1352()}
	r := setup(t, withHandler(h))
	r.addProject(other, "repo-2")
	r.event(bot.Event{ID: "stuck", Type: bot.EventPushed, Branch: "main", Commit: commit1})
	r.event(bot.Event{ID: "free", ProjectID: other.ID, Type: bot.EventPushed, Branch: "main", Commit: commit1})
	r.turn()
	if !slices.Equal(h.seen, []string{"free"}) {
		t.Errorf("handled = %v", h.seen)
	}
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		body   string
		tries  int
		posted string
	}{
		"after ten tries":       {err: errors.New("secret cause"), tries: 10, posted: "An event from forge about hello-world could not be processed: Something went wrong inside OpsBot; the operator finds the cause in the log."},
		"never class":           {err: bot.Errorf(bot.CodeInvalid, "No."), tries: 1, posted: "An event from forge about hello-world could not be processed: No."},
		"nonsense":              {body: "bad", tries: 1},
		"the parser panics":     {body: "panic", tries: 1},
		"the source is busy":    {body: "busy", tries: 10},
		"an empty row is no go": {body: "-", tries: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			h := &recorder{fail: func(*bot.Event) error { tries++; return tt.err }}
			r := setup(t, withHandler(h))
			switch tt.body {
			case "":
				r.delivery("d1", "push repo-1 "+commit1)
			case "-":
				r.file(bot.InboxRow{Instance: "forge", Key: "d1"})
			default:
				r.delivery("d1", tt.body)
			}
			for range 15 {
				r.turn()
				r.clock.add(maxPause)
			}
			if tt.err != nil && tries != tt.tries {
				t.Errorf("%d tries, want %d", tries, tt.tries)
			}
			if n := strings.Count(r.log.String(), "event postponed"); n != tt.tries-1 {
				t.Errorf("%d times postponed, want %d", n, tt.tries-1)
			}
			if n := strings.Count(r.log.String(), "event given up"); n != 1 {
				t.Errorf("%d operator lines:\n%s", n, r.log)
			}
			if got := r.shown(); tt.posted != "" && !slices.Equal(got, []string{tt.posted}) || tt.posted == "" && len(got) != 0 {
				t.Errorf("the room shows %q", got)
			}
			if n := r.left(); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

func TestWaitingForSpaceIsNoFailure(t *testing.T) {
	t.Parallel()
	full := true
	h := &recorder{fail: func(*bot.Event) error {
		if full {
			return bot.Errorf(bot.CodeStorageFull, "No space.").Backoff()
		}
		return nil
	}}
	r := setup(t, withHandler(h))
	r.delivery("d1", "push repo-1 "+commit1)
	for range 40 {
		r.turn()
		r.clock.add(maxPause)
	}
	full = false
	r.turn()
	if len(h.seen) != 1 || strings.Contains(r.log.String(), "given up") {
		t.Errorf("handled = %v:\n%s", h.seen, r.log)
	}
}

func TestLostLeaseUndoesOurPart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	row := r.event(bot.Event{ID: "e", Type: bot.EventPushed, Branch: "main", Commit: commit1})
	e := *row.Event
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Inbox.Done(ctx, row.ID, "done", "") }) // another replica
	r.processor.run(t.Context(), &task{row: row, events: []bot.Event{e}, lane: r.project.ID})
	if len(r.changes()) != 0 {
		t.Error("the row's work was done twice")
	}
	if r.log.String() != "" {
		t.Errorf("log: %s", r.log)
	}
}

func TestRowsOfSeveralProjectsKeepTheOrder(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	other := bot.Project{ID: bot.NewID(at1352()), Slug: "other", State: bot.ProjectActive, CreatedAt: at1352()}
	r := setup(t, withHandler(h))
	r.addProject(other, "repo-2")
	r.delivery("a", "push repo-2 "+commit1)
	r.delivery("b", "push repo-1 "+commit1+"\npush repo-2 "+commit2)
	r.delivery("c", "push repo-1 "+commit2)
	r.turn()
	if !slices.Equal(h.seen, []string{"a", "b", "b/1", "c"}) {
		t.Errorf("order = %v", h.seen)
	}
}

func TestStopGivesRowsBack(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	h := &recorder{fail: func(*bot.Event) error { stop(); return ctx.Err() }}
	r := setup(t, withHandler(h))
	r.event(bot.Event{ID: "first", Type: bot.EventPushed, Branch: "main", Commit: commit1})
	r.event(bot.Event{ID: "second", Type: bot.EventPushed, Branch: "main", Commit: commit2})
	if _, err := r.processor.round(ctx); err != nil {
		t.Fatal(err)
	}
	h.fail = nil
	r.turn() // at once, by the next process
	if !slices.Equal(h.seen, []string{"first", "second"}) {
		t.Errorf("handled = %v\n%s", h.seen, r.log)
	}
	if r.log.String() != "" {
		t.Errorf("log: %s", r.log)
	}
}

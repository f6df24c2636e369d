package localgit

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// brief is an event as these tests compare it.
func brief(e bot.Event) string {
	return strings.Join([]string{string(e.Type), e.Branch, e.Before, e.Commit, e.Pusher}, " ")
}

func (w *world) wantEvents(want ...bot.Event) {
	w.t.Helper()
	got := w.edge.events(w.t)
	var have, wish []string
	for _, e := range got {
		have = append(have, brief(e))
	}
	for _, e := range want {
		wish = append(wish, brief(e))
	}
	if strings.Join(have, "\n") != strings.Join(wish, "\n") {
		w.t.Fatalf("events\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(wish, "\n"))
	}
	ids := map[string]bool{}
	for _, e := range got {
		if ids[e.ID] {
			w.t.Fatalf("the event id %s is there twice", e.ID)
		}
		ids[e.ID] = true
	}
}

func pushEvent(branch, before, after, who string) bot.Event {
	return bot.Event{Type: bot.EventPushed, Branch: branch, Before: before, Commit: after, Pusher: who}
}

func deletion(branch, before, who string) bot.Event {
	return bot.Event{Type: bot.EventBranchDeleted, Branch: branch, Before: before, Pusher: who}
}

func TestEveryPushIsDelivered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	first, err := w.forge.Push(t.Context(), request(r, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Second)
	dir := filepath.Join(t.TempDir(), "copy")
	w.git(t.TempDir(), "clone", "-q", w.mine(r), dir)
	second := w.commit(dir, "a", "Second\n\nwith *body*")
	w.git(dir, "push", "-q", "origin", "main", "main:refs/heads/feature/x")
	w.git(dir, "tag", "-a", "v1", "-m", "One")
	w.clock.advance(time.Second)
	w.git(dir, "push", "-q", "origin", "v1")
	w.clock.advance(time.Second)
	w.git(dir, "commit", "-q", "--amend", "-m", "Second, again")
	third := w.git(dir, "rev-parse", "HEAD")
	w.git(dir, "push", "-q", "-f", "origin", "main", ":feature/x")
	w.reconcile()
	w.wantEvents(
		pushEvent("main", "", first, "opsbot"), pushEvent("feature/x", "", second, "alice"),
		pushEvent("main", first, second, "alice"), deletion("feature/x", second, "alice"), pushEvent("main", second, third, "alice"))

	events := w.edge.events(t)
	if c := events[0].Commits; len(c) != 1 || c[0].Operation != "op-1" || c[0].Title != "Initial commit" || c[0].Author != "Alice" {
		t.Errorf("first commit %+v", c)
	}
	if e := events[2]; e.Kind != bot.ResourceRepository || e.ExternalID != r.ExternalID || e.Source != "localgit" || e.Sequence != 2 ||
		len(e.Commits) != 1 || e.Commits[0].Title != "Second" || e.Commits[0].Author != "Dev" || e.URL != r.URL {
		t.Errorf("event %+v", e)
	}
	bodies := w.edge.bodies()
	if len(bodies) != 6 || !strings.Contains(bodies[3], `"ref":"refs/tags/v1"`) || !strings.Contains(bodies[3], `"head_commit":{"id":"`+second) {
		t.Errorf("the tag is not delivered: %d bodies, %s", len(bodies), bodies[3])
	}
	for i, body := range bodies {
		if forced := strings.Contains(body, `"forced":true`); forced != (i == 5) {
			t.Errorf("delivery %d: forced %t: %s", i, forced, body)
		}
	}
	w.reconcile()
	if n := len(w.edge.bodies()); n != 6 || w.edge.doubled != 0 {
		t.Errorf("%d deliveries, %d again", n, w.edge.doubled)
	}
	left, err := os.ReadDir(w.forge.path("spool", r.ExternalID))
	if err != nil || len(left) != 0 {
		t.Errorf("notes are left: %v, %v", left, err)
	}
}

// TestKilledBetweenReceiveAndDelivery: pushes arrive, nobody delivers, the process is
// gone. Notes may be lost too, or torn.
func TestKilledBetweenReceiveAndDelivery(t *testing.T) {
	t.Parallel()
	for name, wreck := range map[string]struct {
		do   func(dir string) error
		want func(a, b, c string) []bot.Event
	}{
		"all notes": {func(string) error { return nil }, func(a, b, c string) []bot.Event {
			return []bot.Event{pushEvent("main", a, b, "alice"), pushEvent("main", b, c, "bob")}
		}},
		"intentions only": {func(dir string) error { return removeAll(dir, "*.applied") }, func(a, _, c string) []bot.Event {
			return []bot.Event{pushEvent("main", a, c, "bob")}
		}},
		"torn notes": {func(dir string) error { return truncateAll(dir) }, func(a, _, c string) []bot.Event {
			return []bot.Event{pushEvent("main", a, c, "")}
		}},
		"no notes": {os.RemoveAll, func(a, _, c string) []bot.Event { return []bot.Event{pushEvent("main", a, c, "")} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			r := w.hooked("hello")
			dir := w.copyOf(r)
			a := w.git(dir, "rev-parse", "HEAD")
			w.git(dir, "push", "-q", "origin", "main")
			w.reconcile()
			_, bobs := w.person("bob")
			b := w.commit(dir, "b", "B")
			w.git(dir, "push", "-q", "origin", "main")
			w.clock.advance(time.Second)
			c := w.commit(dir, "c", "C")
			w.git(dir, "push", "-q", as(r.CloneURL, "bob", bobs), "main")
			if err := wreck.do(w.forge.path("spool", r.ExternalID)); err != nil {
				t.Fatal(err)
			}
			w.restart()
			w.reconcile()
			w.wantEvents(append([]bot.Event{pushEvent("main", "", a, "alice")}, wreck.want(a, b, c)...)...)
			if last := w.edge.events(t); len(last[len(last)-1].Commits) == 0 || last[len(last)-1].Commits[0].ID != c {
				t.Errorf("the last commit is not in the last event: %+v", last)
			}
		})
	}
}

func removeAll(dir, pattern string) error {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range found {
		if err == nil {
			err = os.Remove(path)
		}
	}
	return err
}

func truncateAll(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range found {
		if err == nil {
			err = os.Truncate(path, 60)
		}
	}
	return err
}

// TestKilledAfterDelivery: the edge has it, our own row does not. The same delivery
// comes again under the same id.
func TestKilledAfterDelivery(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	a, err := w.forge.Push(t.Context(), request(r, "a"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.edge.mu.Lock()
	inner := w.forge.env.Edge
	w.edge.mu.Unlock()
	w.forge.env.Edge = roundTrip(func(req *http.Request) (*http.Response, error) {
		res, err := inner.RoundTrip(req)
		cancel() // before the row is written
		return res, err
	})
	if err := w.forge.Reconcile(ctx); err == nil {
		t.Fatal("the row was written after all")
	}
	w.forge.env.Edge = inner
	w.restart()
	w.reconcile()
	w.wantEvents(pushEvent("main", "", a, "opsbot"))
	if w.edge.doubled != 1 {
		t.Errorf("%d deliveries again, want 1", w.edge.doubled)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestARefusingEdge: nothing is lost, the order of a ref is kept, and the same branch
// made twice counts twice.
func TestARefusingEdge(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	dir := w.copyOf(r)
	a := w.git(dir, "rev-parse", "HEAD")
	w.git(dir, "push", "-q", "origin", "main")
	w.reconcile()
	for range 2 {
		w.clock.advance(time.Second)
		w.git(dir, "push", "-q", "origin", "main:again")
		w.clock.advance(time.Second)
		w.git(dir, "push", "-q", "origin", ":again")
	}
	w.edge.refuse = 3
	for range 3 {
		if err := w.forge.Reconcile(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
			t.Fatalf("the refusal is not reported: %v", err)
		}
	}
	w.reconcile()
	w.wantEvents(pushEvent("main", "", a, "alice"), pushEvent("again", "", a, "alice"), deletion("again", a, "alice"),
		pushEvent("again", "", a, "alice"), deletion("again", a, "alice"))
	if e := w.edge.events(t)[1]; len(e.Commits) != 1 || e.Commits[0].ID != a {
		t.Errorf("a branch on an old commit names no commit: %+v", e)
	}
}

func TestTheFirstHookIsToldEverything(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	a, err := w.forge.Push(t.Context(), request(r, "a"))
	if err != nil {
		t.Fatal(err)
	}
	w.reconcile()
	w.wantEvents()
	for range 2 { // ensuring twice leaves one
		if id, err := w.forge.EnsureHook(t.Context(), w.hookSpec(r, "res-1")); err != nil || id != "res-1" {
			t.Fatal(id, err)
		}
	}
	w.reconcile()
	w.wantEvents(pushEvent("main", "", a, "opsbot"))
	if p := w.edge.got[0].Path; p != "/res-1" {
		t.Errorf("delivered to %q", p)
	}
	if _, err := w.forge.EnsureHook(t.Context(), w.hookSpec(r, "res-2")); err != nil {
		t.Fatal(err)
	}
	dir := w.copyOf(r)
	w.git(dir, "push", "-q", "origin", "main:other")
	w.reconcile()
	if n := len(w.edge.got); n != 3 {
		t.Errorf("%d deliveries, want one, and one to each of two hooks", n)
	}
	if err := w.forge.RemoveHook(t.Context(), w.hookSpec(r, "res-1")); err != nil {
		t.Fatal(err)
	}
	if p, _, err := w.forge.FindHook(t.Context(), w.hookSpec(r, "res-1")); p != bot.PresenceAbsent || err != nil {
		t.Errorf("removed hook is %s, %v", p, err)
	}
	for _, bad := range []string{"https://elsewhere.example.com/x", "https://o.example.com/hooks/localgit2/x", "::", ""} {
		spec := w.hookSpec(r, "res-3")
		spec.URL = bad
		_, err := w.forge.EnsureHook(t.Context(), spec)
		wantCode(t, err, bot.CodeInvalid)
	}
}

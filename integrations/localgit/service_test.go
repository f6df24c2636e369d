package localgit

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"opsbot/bot"
)

// TestRunDeliversByItself: after a push at once, after a refusal with growing pauses,
// and once a minute what nobody told it about.
func TestRunDeliversByItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	dir := w.copyOf(r)
	a := w.git(dir, "rev-parse", "HEAD")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.forge.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	w.edge.mu.Lock()
	w.edge.refuse = 2
	w.edge.mu.Unlock()
	w.git(dir, "push", "-q", "origin", "main")
	w.arrival(0) // the first refusal; the pauses pass by our clock alone
	w.arrival(time.Second)
	w.arrival(2 * time.Second)
	w.wantEvents(pushEvent("main", "", a, "alice"))

	// Straight into the folder, past hooks and notices.
	b := w.commit(dir, "b", "B")
	w.git(dir, "push", "-q", w.forge.repoPath(r.ExternalID), "main")
	w.arrival(time.Minute)
	w.wantEvents(pushEvent("main", "", a, "alice"), pushEvent("main", a, b, ""))
}

// arrival waits for a delivery, moving the clock until it comes: the loop may take its
// timer a moment after us.
func (w *world) arrival(step time.Duration) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	w.clock.advance(step)
	for {
		select {
		case <-w.edge.arrived:
			return
		case <-deadline:
			w.t.Fatal("nothing was delivered")
		case <-tick.C:
			if step > 0 {
				w.clock.advance(step / 10)
			}
		}
	}
}

// TestDeliveriesAreSigned: what anybody could send is refused.
func TestDeliveriesAreSigned(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	if _, err := w.forge.Push(t.Context(), request(r, "a")); err != nil {
		t.Fatal(err)
	}
	w.reconcile()
	d := w.edge.got[0]
	if id, scope, err := w.forge.Verify(d); err != nil || id != d.Header.Get("X-GitHub-Delivery") || scope != (bot.Scope{}) {
		t.Fatalf("%q %v %v", id, scope, err)
	}
	changed := d
	changed.Body = append([]byte(" "), d.Body...)
	_, _, err := w.forge.Verify(changed)
	wantCode(t, err, bot.CodeUnauthenticated)
	unsigned := d
	unsigned.Header = d.Header.Clone()
	unsigned.Header.Del("X-Hub-Signature-256")
	_, _, err = w.forge.Verify(unsigned)
	wantCode(t, err, bot.CodeUnauthenticated)
	nameless := d
	nameless.Header = d.Header.Clone()
	nameless.Header.Set("X-GitHub-Delivery", "a b")
	_, _, err = w.forge.Verify(nameless)
	wantCode(t, err, bot.CodeInvalid)

	stat, err := os.Stat(w.forge.path("secret"))
	if err != nil || stat.Mode().Perm() != 0o600 || stat.Size() < 44 {
		t.Errorf("secret: %v, %v", stat, err)
	}
	w.restart()
	if _, _, err := w.forge.Verify(d); err != nil {
		t.Errorf("a restart changed the secret: %v", err)
	}
	var p map[string]any
	if err := json.Unmarshal(d.Body, &p); err != nil || p["repository"].(map[string]any)["id"] != r.ExternalID {
		t.Errorf("payload %v, %v", p, err)
	}
}

// TestAPushBeingApplied is waited for, and its end is acted on at once.
func TestAPushBeingApplied(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	a, err := w.forge.Push(t.Context(), request(r, "a"))
	if err != nil {
		t.Fatal(err)
	}
	push := bot.NewID(w.clock.Now())
	if err := w.forge.note(r.ExternalID, change{Push: push, Pusher: "alice", Ref: "refs/heads/x", New: a}); err != nil {
		t.Fatal(err)
	}
	w.forge.running[push] = r.ExternalID
	if pause := w.forge.deliverDue(t.Context()); pause != time.Second || len(w.edge.got) != 0 {
		t.Errorf("pause %v, delivered %d", pause, len(w.edge.got))
	}
	delete(w.forge.running, push)
	w.forge.deliverDue(t.Context())
	if len(w.edge.got) != 0 {
		t.Error("delivered before its time without a reason")
	}
	w.forge.notify(r.ExternalID)
	w.forge.deliverDue(t.Context())
	w.wantEvents(pushEvent("main", "", a, "opsbot")) // the other one was refused in the end
}

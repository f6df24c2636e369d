package router

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func TestBoundRoomFillsTheProjectIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	other := r.project("other")
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"no card"}}, "b1", "")
	change := bot.Change{ProjectID: other.ID, Branch: "main", Commit: "c1"}
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		change, err = tx.Changes.Ensure(ctx, change)
		return err
	})
	r.card("change", change.ID, "card")
	r.expect(r.say("alice", "!look"), "NAME is missing.", "look invalid failed: NAME is missing.")
	r.bind("hello")
	r.expect(r.say("alice", "!look"), "hello", "look allowed done")
	r.expect(r.say("alice", "!look other"), "other", "look allowed done") // what is said counts
	r.expect(r.say("alice", "!ship"), "ENV is missing.", "ship invalid failed: ENV is missing.")
	r.expect(r.say("alice", "!ship to staging"), "Plan: v1", "ship allowed planned *")
	if p := r.openPlan(); p.Args.Values["name"] != "hello" || p.Environment != "staging" {
		t.Errorf("the plan is of %+v", p.Args)
	}
	r.expect(r.say("alice", "!look", inThread("card")), "other", "look allowed done") // the card is nearer than the room
	r.expect(r.say("alice", "look", inThread("b1")), "hello", "look allowed done")
	r.expect(r.say("alice", "look"), "", "")
	r.expect(r.say("alice", "!look", elsewhere), "NAME is missing.", "look invalid failed: NAME is missing.")
	r.judge.refuse = func(a bot.Access) string {
		if a.Project == "hello" {
			return "hidden"
		}
		return ""
	}
	r.expect(r.say("alice", "!look"), "You may not look hello.", "look refused *")
	r.bind("")
	r.expect(r.say("alice", "!look"), "NAME is missing.", "look invalid failed: NAME is missing.")
}

// TestBoundToWhatIsGone: a project that was purged is no project.
func TestBoundToWhatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.project("hello")
	r.bind("hello")
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Purge(ctx, p.ID) })
	r.expect(r.say("alice", "!look"), "NAME is missing.", "look invalid failed: NAME is missing.")
}

// TestLooseIsAnsweredByItself: nothing can be answered under a slash command.
func TestLooseIsAnsweredByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	for name, x := range map[string]struct {
		with func(*bot.Message)
		want func(m bot.Message) string
	}{
		"said":                      {func(m *bot.Message) { m.Addressed = true }, func(m bot.Message) string { return m.ID }},
		"said in a thread":          {func(m *bot.Message) { m.Addressed, m.Thread = true, "t1" }, func(bot.Message) string { return "t1" }},
		"a slash command":           {slash, func(bot.Message) string { return "" }},
		"a slash command in thread": {func(m *bot.Message) { slash(m); m.Thread = "t1" }, func(bot.Message) string { return "t1" }},
	} {
		got := r.say("alice", "echo x", x.with)
		if got.post.Thread != x.want(got.m) || got.post.Under != "" {
			t.Errorf("%s: answered in %q under %q", name, got.post.Thread, got.post.Under)
		}
		plan := r.say("alice", "ship hello to staging", x.with)
		if plan.post.Thread != x.want(plan.m) {
			t.Errorf("%s: the plan stands in %q", name, plan.post.Thread)
		}
	}
}

// TestPlanConfirmedBelowItself: where a plan stands by itself people answer below it.
func TestPlanConfirmedBelowItself(t *testing.T) {
	t.Parallel()
	r, _ := newThread(t)
	slashed := &bot.Plan{
		ID: "k3f9cc", Verb: "deploy", State: "open", ExpiresAt: r.clock.Now().Add(time.Hour), UserID: r.user(person("alice")).ID,
		Message: bot.Message{Room: room(), ID: "slash1", Loose: true},
	}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Plans.Put(ctx, slashed) })
	r.shown(bot.Post{Key: "plan:k3f9cc", Text: []bot.Text{"a plan"}}, "b9", "")
	for _, x := range []struct{ from, line, ran string }{
		{"alice", "yes", "confirm"}, {"alice", "no", "cancel"}, {"bob", "confirm", "confirm"}, {"bob", "yes", ""}, {"alice", "yes please", ""},
	} {
		r.ran = nil
		r.say(x.from, x.line, inThread("b9"))
		if got := len(r.ran) == 1 && r.ran[0] == x.ran; got != (x.ran != "") || len(r.ran) > 1 {
			t.Errorf("%s said %q: ran %q, want %q", x.from, x.line, r.ran, x.ran)
		}
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	for _, x := range []struct {
		text string
		with func(*bot.Message)
		want bool
	}{
		{"@opsbot echo x", func(*bot.Message) {}, true},
		{"what about @opsbot", func(*bot.Message) {}, true},
		{"!echo x", func(*bot.Message) {}, true},
		{"echo x", func(*bot.Message) {}, false},
		{"I like @opsbot a lot", func(*bot.Message) {}, false},
		{"echo x", func(m *bot.Message) { m.Direct = true }, true},
		{"echo x", func(m *bot.Message) { m.Addressed = true }, true},
		{"looks good", inThread("b1"), true}, // may be a command
		{"looks good", inThread("elsewhere"), false},
		{"!echo x", inThread("elsewhere"), true},
		{"looks good", func(m *bot.Message) { m.Thread = "b1"; m.Room.ID = "elsewhere" }, false},
		{"", press("anything"), true},
	} {
		if got, err := r.router.Wants(t.Context(), r.message("alice", x.text, x.with)); got != x.want || err != nil {
			t.Errorf("%q: %v, %v, want %v", x.text, got, err, x.want)
		}
	}
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]bot.Message{"a thread": r.message("alice", "x", inThread("b1")), "a reaction": r.message("alice", "", thumb("+1", "b1"))} {
		if _, err := r.router.Wants(t.Context(), m); err == nil {
			t.Errorf("%s is unwanted because nobody could look", name)
		}
	}
}

// TestPlanOfTwoAccounts: who asks here and confirms there is one person, once both are
// known to be.
func TestPlanOfTwoAccounts(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	q := r.say("alice", "!ship hello to production --approved 1")
	approved := r.openPlan()
	there := func(m *bot.Message) { m.Author = bot.Account{Instance: "slack", ID: "U1", Name: "asmith"} }
	r.expect(r.say("", "!confirm "+p.ID, there), "Only the person who asked for the plan", "confirm refused failed: *")
	r.expect(r.say("", "!confirm "+approved.ID, there), "asmith approved the plan", "confirm allowed approved *")
	r.join(r.user(person("alice")), r.user(bot.Account{Instance: "slack", ID: "U1"}))
	r.expect(r.say("", "!confirm "+p.ID, there), "shipped", "confirm allowed confirmed "+p.ID)
	r.ranTimes(1)
	// What he approved was his own.
	for _, who := range []func(*bot.Message){there, func(*bot.Message) {}} {
		r.expect(r.say("alice", "!confirm "+approved.ID, who), "still needs the approval of 1 other(s).", "confirm allowed failed: *")
	}
	r.expect(r.say("alice", "", press(q.post.Buttons[0].Action)), "still needs the approval", "confirm allowed failed: *")
	r.expect(r.say("bob", "!confirm "+approved.ID), "bob approved", "confirm allowed approved *")
	r.expect(r.say("alice", "!confirm "+approved.ID), "shipped", "confirm allowed confirmed *")
	r.ranTimes(2)
}

// TestFormOfTwoAccounts: a form that was opened before is theirs all the same.
func TestFormOfTwoAccounts(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	id := r.opened("alice", "make", slash).ID
	r.join(r.user(person("alice")), r.user(person("asmith")))
	values := map[string]string{"name": "it"}
	if got := r.checked("asmith", id, values); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r.expect(r.say("asmith", "", submit(id, values)), "made it", "make allowed done")
}

package router

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// homeOf asks for somebody's home.
func (r *rig) homeOf(who string, room bot.RoomRef) []bot.Post {
	r.t.Helper()
	posts, err := r.router.Home(r.t.Context(), person(who), room)
	if err != nil {
		r.t.Fatal(err)
	}
	return posts
}

// lines is what a section says.
func lines(p bot.Post) string {
	var out []string
	for _, t := range p.Text {
		out = append(out, bot.Unescape(t))
	}
	return bot.Unescape(p.Title) + ": " + strings.Join(out, "; ")
}

func (r *rig) user(a bot.Account) (u bot.User) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		u, err = tx.Users.ByAccount(ctx, a, r.clock.Now())
		return err
	})
	return u
}

// join makes one person of two.
func (r *rig) join(from, into bot.User) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Join(ctx, from.ID, into.ID) })
}

// made stores a project and an operation of somebody.
func (r *rig) made(slug string, by bot.User, state bot.ProjectState, op bot.OperationState) {
	r.t.Helper()
	p := r.project(slug)
	p.CreatedBy, p.State, p.Description = by.ID, state, "about *"+slug+"*"
	run := &bot.Operation{ID: bot.NewID(r.clock.Now()), Kind: "deploy", ProjectID: p.ID, Subject: slug, State: op, Requester: by, CreatedAt: r.clock.Now()}
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		return tx.Operations.Insert(ctx, run)
	})
}

func TestHomeOfWhoHasNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.made("hello", r.user(person("bob")), bot.ProjectActive, bot.OperationRunning)
	r.say("bob", "!ship hello to staging")
	posts := r.homeOf("alice", room())
	want := []string{"My projects: You have made no project yet.", "My running operations: Nothing of yours is running.", "Waiting for my confirmation: Nothing waits for you."}
	for i, p := range posts {
		if lines(p) != want[i] || len(p.Buttons) != 0 {
			t.Errorf("%s %+v", lines(p), p.Buttons)
		}
	}
	r.people().refuse["id-gone"] = bot.Errorf(bot.CodeForbidden, "The account is deactivated.")
	if posts, err := r.router.Home(t.Context(), person("gone"), room()); posts != nil || bot.CodeOf(err) != bot.CodeForbidden {
		t.Errorf("%+v, %v", posts, err)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	r.router.verbs["new-project"] = r.router.verbs["make"]
	alice, before := r.user(person("alice")), r.user(bot.Account{Instance: "slack", ID: "U1", Name: "asmith"})
	r.made("hello", alice, bot.ProjectActive, bot.OperationRunning)
	r.made("older", before, bot.ProjectActive, bot.OperationWaiting)
	r.made("gone", alice, bot.ProjectArchived, bot.OperationSucceeded)
	r.made("bobs", r.user(person("bob")), bot.ProjectActive, bot.OperationRunning)
	r.join(before, alice)
	r.say("alice", "!ship hello to staging")
	plan := r.openPlan()
	r.say("alice", "!ship hello to production --typed")
	typed := r.openPlan()
	mine := bot.RoomRef{Instance: "slack", ID: "D1"}
	posts := r.homeOf("alice", mine)
	for i, want := range []string{
		"My projects: **hello** about *hello*; **older** about *older*",
		"My running operations: deploy older: waiting since 2126-03-01 12:00 UTC; deploy hello: running since 2126-03-01 12:00 UTC",
		"Waiting for my confirmation: Plan: v1 (plan `" + typed.ID + "`, until 12:30 UTC); Plan: v1 (plan `" + plan.ID + "`, until 12:30 UTC)",
	} {
		if got := lines(posts[i]); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	var labels []string
	for _, p := range posts {
		for _, b := range p.Buttons {
			labels = append(labels, b.Label)
			if a := r.storedAction(b.Action); a.Room != mine || a.UserID != alice.ID || a.Once || a.Form != (b.Label == "New project") {
				t.Errorf("%s: %+v", b.Label, a)
			}
		}
	}
	if got := strings.Join(labels, ", "); got != "New project, Cancel "+typed.ID+", Confirm "+plan.ID+", Cancel "+plan.ID {
		t.Errorf("buttons: %s", got)
	}
	r.pressedAtHome(posts, plan, mine)
}

// pressedAtHome presses what stands in a home.
func (r *rig) pressedAtHome(posts []bot.Post, plan *bot.Plan, mine bot.RoomRef) {
	r.t.Helper()
	home := func(m *bot.Message) { m.Room, m.Loose = mine, true }
	if form := r.opened("alice", "", press(posts[0].Buttons[0].Action), home); form.Title != "Make one" {
		r.t.Errorf("%+v", form)
	}
	if form, err := r.router.Form(r.t.Context(), r.message("bob", "", press(posts[0].Buttons[0].Action), home)); form != nil || err != nil {
		r.t.Errorf("somebody else's button opens %+v, %v", form, err)
	}
	confirm := posts[2].Buttons[1].Action
	r.expect(r.say("bob", "", press(confirm), home), "That button is for somebody else.", "confirm refused failed: *")
	r.expect(r.say("alice", "", press(confirm)), "That button belongs to a message in another room.", "confirm refused failed: *")
	got := r.say("alice", "", press(confirm), home)
	r.expect(got, "shipped", "confirm allowed confirmed "+plan.ID)
	if got.post.Room != mine || got.post.Thread != "" {
		r.t.Errorf("answered in %s %q", got.post.Room, got.post.Thread)
	}
	if post := r.planPost(plan); len(post.Buttons) != 0 { // the same plan, where it was asked for
		r.t.Errorf("the plan's own post still invites: %+v", post)
	}
	r.ranTimes(1)
}

func TestHomeIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alice := r.user(person("alice"))
	for i := range homeLines + 2 {
		slug := fmt.Sprintf("p%02d", i)
		r.made(slug, alice, bot.ProjectActive, bot.OperationRunning)
		r.say("alice", "!ship "+slug+" to staging")
		r.clock.Advance(time.Second)
	}
	for i, want := range []string{"and 2 more: `projects` lists them", "and 2 more: `operations` lists them", "and 2 more"} {
		p := r.homeOf("alice", room())[i]
		if len(p.Text) != homeLines+1 || bot.Unescape(p.Text[homeLines]) != want {
			t.Errorf("%s", lines(p))
		}
		if len(p.Buttons) > 2*homeLines {
			t.Errorf("%d buttons", len(p.Buttons))
		}
	}
}

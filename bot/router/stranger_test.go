package router

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

// away makes a message one that the chat kept for two hours.
func (r *rig) away(m *bot.Message) { m.Missed, m.SentAt = true, r.clock.Now().Add(-2*time.Hour) }

func TestMissedIsSaidNotRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	const text = "I was away when you wrote this, 2 h ago, so I have not run it. Say it again if you still want it."
	r.expect(r.say("alice", "!ship hello to staging --yes", r.away), text, "? invalid missed: said 2 h before it was read")
	r.expect(r.say("alice", "look hello", inThread("b1"), r.away), text, "look invalid missed: *")
	r.expect(r.say("alice", "looks good to me", inThread("b1"), r.away), "", "") // they talk
	r.expect(r.say("alice", "ship hello to staging --yes", r.away), "", "")
	a := r.button(bot.Action{Verb: "ship", Args: []byte(`{"values":{"name":"hello","env":"staging"},"flags":{"yes":"true"}}`), Once: true})
	r.expect(r.say("alice", "", press(a.ID), r.away), text, "ship invalid missed: *")
	r.ranTimes(0)
	r.expect(r.say("alice", "", press(a.ID)), "shipped", "ship allowed done")
}

// TestRefusedAltogether: who may do nothing is told so in private, and only if what they
// said was for the bot.
func TestRefusedAltogether(t *testing.T) {
	t.Parallel()
	r, p, shown := planShown(t, "!ship hello to staging")
	r.delivered(p, "b1")
	const text = "The account is deactivated."
	r.people().refuse["id-gone"] = bot.Errorf(bot.CodeForbidden, text)
	for name, x := range map[string]struct {
		text  string
		with  []func(*bot.Message)
		audit string // "" = no answer
	}{
		"addressed":        {"@opsbot look hello", nil, "?"},
		"nonsense":         {"@opsbot frobnicate", nil, "?"},
		"a slash command":  {"look hello", []func(*bot.Message){slash}, "?"},
		"long ago":         {"!look hello", []func(*bot.Message){r.away}, "?"},
		"a button":         {"", []func(*bot.Message){press(shown.post.Buttons[0].Action)}, "?"},
		"said in a thread": {"look hello", []func(*bot.Message){inThread("b1")}, "look"},
		"talk in a thread": {"looks good to me", []func(*bot.Message){inThread("b1")}, ""},
		"talk":             {"look hello", nil, ""},
	} {
		got := r.say("gone", x.text, x.with...)
		if x.audit == "" {
			r.expect(got, "", "")
			continue
		}
		r.expect(got, text, x.audit+" refused failed: "+text)
		if got.post == nil || got.post.To == nil || got.post.To.ID != "id-gone" {
			t.Errorf("%s: everybody sees it: %+v", name, got.post)
		}
	}
	r.ranTimes(0)
}

// TestNobodyKnowsWhoSpeaks: while the chat does not say who somebody is, commands wait,
// and what is none of the bot's business is let go.
func TestNobodyKnowsWhoSpeaks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	r.people().refuse["id-alice"] = bot.Errorf(bot.CodeUnavailable, "The chat is down.").Backoff()
	command, talk, thread := r.message("alice", "!look hello"), r.message("alice", "look hello"), r.message("alice", "it looks fine", inThread("b1"))
	for _, m := range []bot.Message{talk, thread, command} {
		r.receive(m)
	}
	r.drain()
	for _, m := range []bot.Message{command, talk, thread} {
		r.expect(r.answer(m), "", "")
	}
	r.people().refuse = nil
	r.clock.Advance(lease + time.Second)
	r.drain()
	r.expect(r.answer(command), "hello", "look allowed done")
	r.ranTimes(1)
}

// TestOwnerIsNotLockedOut: over the socket speaks whoever has the data folder, whatever a
// chat says of them.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	socket := func(m *bot.Message) {
		m.Owner, m.Author = true, bot.Account{Instance: "console", ID: OwnerAccount, Name: "ann"}
	}
	first := r.say("ann", "!echo a", socket)
	r.expect(first, "a", "echo allowed done")
	r.people().refuse[OwnerAccount] = bot.Errorf(bot.CodeForbidden, "The account slack:U1 is deactivated.")
	again := r.say("ann", "!echo b", socket)
	r.expect(again, "b", "echo allowed done")
	if a := r.judge.asked[len(r.judge.asked)-1].User; !a.Owner || a.ID != first.audit[0].UserID || len(a.Groups) != 0 || a.Account.Name != "ann" {
		t.Errorf("asked about %+v", a)
	}
	// Not by a cookie or a token of that name, nor as somebody else over the socket.
	r.expect(r.say("ann", "!echo c", socket, func(m *bot.Message) { m.Owner = false }), "The account slack:U1 is deactivated.", "? refused failed: *")
	r.people().refuse["id-bob"] = bot.Errorf(bot.CodeForbidden, "bob is gone")
	r.expect(r.say("bob", "!echo d", func(m *bot.Message) { m.Owner = true }), "bob is gone", "? refused failed: *")
	r.people().refuse[OwnerAccount] = bot.Errorf(bot.CodeUnavailable, "down")
	r.expect(r.say("ann", "!echo e", socket), "down", "? invalid failed: down")
	r.ranTimes(2)
}

// TestStrangersLearnNoNames: who may do nothing is not told which projects there are.
func TestStrangersLearnNoNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.judge.refuse = func(a bot.Access) string {
		if a.User.Guest || a.User.External {
			return "no-strangers"
		}
		return ""
	}
	for _, what := range []func(u *bot.User){func(u *bot.User) { u.Guest = true }, func(u *bot.User) { u.External = true }} {
		r.people().mark = what
		for _, line := range []string{"!look hello", "!look nothere"} {
			got := r.say("guest", line)
			r.expect(got, "You may not look", "look refused refused: Forbidden by the policy no-strangers.")
			if got.post.To == nil {
				t.Errorf("%s: everybody sees it", line)
			}
		}
	}
	r.judge.refuse = nil // a guest whom the policy names
	got := r.say("guest", "!look nothere")
	r.expect(got, `There is no project "nothere".`, "look invalid failed: *")
	if got.post.To != nil {
		t.Error("only they see it")
	}
}

// bind binds the room to a project, "" to none.
func (r *rig) bind(slug string) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		p, err := tx.Projects.BySlug(ctx, slug)
		if err != nil && slug != "" {
			return err
		}
		return bot.ChangeRoom(ctx, tx, room(), func(room *bot.Room) { room.ProjectID = p.ID })
	})
}

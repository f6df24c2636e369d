package router

import (
	"context"
	"testing"

	"opsbot/bot"
)

// shown stores a post of the bot as the chat shows it.
func (r *rig) shown(p bot.Post, messageID, thread string) {
	r.t.Helper()
	p.Room = room()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Posts.Put(ctx, p); err != nil {
			return err
		}
		row, err := tx.Posts.Get(ctx, p.Room, p.Key)
		row.MessageID, row.Thread, row.Delivered = messageID, thread, row.Wanted
		if err != nil {
			return err
		}
		return tx.Posts.Delivered(ctx, row)
	})
}

// card has the card of an object shown as a message.
func (r *rig) card(kind, id, messageID string) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		key := kind + ":" + id
		if err := tx.Posts.Touch(ctx, room(), key, kind, id, bot.Cause{}); err != nil {
			return err
		}
		row, err := tx.Posts.Get(ctx, room(), key)
		row.MessageID, row.Delivered = messageID, row.Wanted
		if err != nil {
			return err
		}
		return tx.Posts.Delivered(ctx, row)
	})
}

func TestAddressed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	direct := func(m *bot.Message) { m.Direct = true }
	slash := func(m *bot.Message) { m.Addressed = true }
	plain := func(*bot.Message) {}
	for _, c := range []struct {
		text string
		with func(*bot.Message)
		line string
		how  address
	}{
		{"@opsbot echo x", plain, "echo x", byName},
		{"  @OpsBot   echo x", plain, "echo x", byName},
		{"@opsbot, echo x", plain, "echo x", byName},
		{"@opsbot: echo x", plain, "echo x", byName},
		{"@opsbot:echo x", plain, "echo x", byName},
		{"@opsbot", plain, "", byName},
		{"echo x @opsbot", plain, "echo x", byName},
		{"@opsbot-dev echo x", plain, "@opsbot-dev echo x", notForUs},
		{"@opsbot2 echo", plain, "@opsbot2 echo", notForUs},
		{"mail opsbot@opsbot", plain, "mail opsbot@opsbot", notForUs},
		{"I like @opsbot a lot", plain, "I like @opsbot a lot", notForUs},
		{"!echo x", plain, "echo x", byName},
		{"!!!", plain, "!!!", notForUs},
		{"! echo", plain, "! echo", notForUs},
		{"!= 3", plain, "!= 3", notForUs},
		{"echo x", plain, "echo x", notForUs},
		{"echo x", direct, "echo x", byName},
		{"!echo x", direct, "echo x", byName},
		{"echo x", slash, "echo x", byName},
		{"@opsbot echo x", slash, "echo x", byName},
		{"", plain, "", notForUs},
	} {
		line, how := r.router.addressed(t.Context(), r.message("alice", c.text, c.with))
		if line != c.line || how != c.how {
			t.Errorf("%q: %q (%d), want %q (%d)", c.text, line, how, c.line, c.how)
		}
	}
}

func TestThreadAnswersOnlyKnownVerbs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	r.shown(bot.Post{Key: "k2", Text: []bot.Text{"an answer"}}, "b2", "p9")
	r.project("hello")
	for _, thread := range []string{"b1", "p9"} {
		r.expect(r.say("alice", "look hello", inThread(thread)), "hello", "look allowed done")
		r.expect(r.say("alice", "LOOK hello", inThread(thread)), "hello", "look allowed done")
	}
	for _, chatter := range []string{"looks good to me", `don't say "that`, "eco x", "echo x", "look", "look nothere", "look hello again", `a trailing \`, "—", "", "--yes"} {
		r.expect(r.say("alice", chatter, inThread("b1")), "", "")
	}
	r.expect(r.say("alice", "look hello", inThread("elsewhere")), "", "")
	r.expect(r.say("alice", "look hello"), "", "")
	r.expect(r.say("alice", "@opsbot looks good", inThread("b1")), `I don't know the command "looks".`, "? invalid failed: *")
}

func TestEmptyMentionHelps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.expect(r.say("alice", "@opsbot"), "the help", "help allowed done")
}

func TestThreadFillsTheProjectIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hello, other := r.project("hello"), r.project("other")
	change := bot.Change{ProjectID: hello.ID, Branch: "main", Commit: "c1"}
	op := &bot.Operation{ID: bot.NewID(r.clock.Now()), Kind: "k", ProjectID: other.ID, State: bot.OperationSucceeded, CreatedAt: r.clock.Now()}
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if change, err = tx.Changes.Ensure(ctx, change); err != nil {
			return err
		}
		return tx.Operations.Insert(ctx, op)
	})
	r.card("change", change.ID, "card1")
	r.card("operation", op.ID, "card2")
	r.card("change", "gone", "card3")
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"no card"}}, "b1", "")

	r.expect(r.say("alice", "look", inThread("card1")), "hello", "look allowed done")
	r.expect(r.say("alice", "look", inThread("card2")), "other", "look allowed done")
	r.expect(r.say("alice", "look other", inThread("card1")), "other", "look allowed done")
	r.expect(r.say("alice", "!look", inThread("card3")), "NAME is missing.", "look invalid failed: NAME is missing.")
	r.expect(r.say("alice", "!look", inThread("b1")), "NAME is missing.", "look invalid failed: NAME is missing.")
	r.expect(r.say("alice", "!ship", inThread("card1")), "ENV is missing.", "ship invalid failed: ENV is missing.")
	r.expect(r.say("alice", "!look"), "Usage: `look NAME`", "look invalid failed: NAME is missing.")
	got := r.say("alice", "!ship to staging", inThread("card1"))
	r.expect(got, "Plan: v1", "ship allowed planned *")
	if p := r.openPlan(); p.ProjectID != hello.ID || p.Args.Values["name"] != "hello" {
		t.Errorf("the plan is of %+v", p.Args)
	}
}

package router

import (
	"context"
	"errors"
	"testing"
	"time"

	"opsbot/bot"
)

// thumb is a reaction to a message.
func thumb(name, on string) func(*bot.Message) {
	return func(m *bot.Message) { m.Reaction, m.On = name, on }
}

// delivered has the chat show the post of a plan as a message.
func (r *rig) delivered(p *bot.Plan, messageID string) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		row, err := tx.Posts.Get(ctx, room(), "plan:"+p.ID)
		if err != nil {
			return err
		}
		row.MessageID, row.Thread, row.Delivered = messageID, row.Content.Thread, row.Wanted
		return tx.Posts.Delivered(ctx, row)
	})
}

func TestThumbConfirms(t *testing.T) {
	t.Parallel()
	for _, emoji := range []string{"+1", "thumbsup", "white_check_mark", "heavy_check_mark"} {
		r, p, shown := planShown(t, "!ship hello to staging")
		r.delivered(p, "b1")
		got := r.say("alice", "", thumb(emoji, "b1"))
		r.expect(got, "shipped", "confirm allowed confirmed "+p.ID)
		if got.post.Thread != shown.post.Thread || got.post.Thread == "" {
			t.Errorf("answered in %q, the plan stands in %q", got.post.Thread, shown.post.Thread)
		}
		if got.audit[0].Args != "("+emoji+") confirm "+p.ID {
			t.Errorf("audited as %q", got.audit[0].Args)
		}
		r.expect(r.say("alice", "", thumb(emoji, "b1")), "", "") // the plan has ended
		r.ranTimes(1)
	}
}

// TestThumbBelowALoosePlan: a plan that stands by itself is answered below itself.
func TestThumbBelowALoosePlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	if got := r.say("alice", "ship hello to staging", slash); got.post.Thread != "" {
		t.Fatalf("the plan stands in %q", got.post.Thread)
	}
	r.delivered(r.openPlan(), "b1")
	if got := r.say("alice", "", thumb("+1", "b1")); got.text() != "shipped" || got.post.Thread != "b1" {
		t.Errorf("%q in %q", got.text(), got.post.Thread)
	}
}

// TestApplause: what nobody asked for gets no answer, and is not even wanted.
func TestApplause(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.delivered(p, "b1")
	r.shown(bot.Post{Key: "note", Text: []bot.Text{"a note"}}, "b2", "")
	for name, x := range map[string]struct {
		from  string
		with  func(*bot.Message)
		wants bool
	}{
		"another emoji":       {"alice", thumb("tada", "b1"), false},
		"a thumb down":        {"alice", thumb("-1", "b1"), false},
		"on another post":     {"alice", thumb("+1", "b2"), false},
		"on what others said": {"alice", thumb("+1", "m1"), false},
		"on nothing":          {"alice", thumb("+1", ""), false},
		"by somebody else":    {"bob", thumb("+1", "b1"), true},
	} {
		wants, err := r.router.Wants(t.Context(), r.message(x.from, "", x.with))
		if err != nil || wants != x.wants {
			t.Errorf("%s is wanted: %v, %v", name, wants, err)
		}
		r.expect(r.say(x.from, "", x.with), "", "")
	}
	other := r.message("alice", "", thumb("+1", "b1"), elsewhere)
	if wants, err := r.router.Wants(t.Context(), other); wants || err != nil {
		t.Errorf("in another room: %v, %v", wants, err)
	}
	r.people().refuse["id-gone"] = bot.Errorf(bot.CodeForbidden, "The account is deactivated.")
	r.expect(r.say("gone", "", thumb("+1", "b1")), "", "")
	r.ranTimes(0)
}

func TestThumbIsNotTyping(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging --typed")
	r.delivered(p, "b1")
	r.expect(r.say("alice", "", thumb("+1", "b1")), "", "")
	r.ranTimes(0)
}

func TestThumbApproves(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging --approved 1")
	r.delivered(p, "b1")
	r.expect(r.say("alice", "", thumb("+1", "b1")), "still needs the approval of 1 other(s).", "confirm allowed failed: *")
	r.expect(r.say("bob", "", thumb("+1", "b1")), "bob approved the plan "+p.ID+".", "confirm allowed approved "+p.ID)
	r.expect(r.say("alice", "", thumb("+1", "b1")), "shipped", "confirm allowed confirmed "+p.ID)
	r.ranTimes(1)
}

func TestThumbWhereThePolicyWantsMore(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to production")
	r.delivered(p, "b1")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "react" && a.Environment == "production" && a.Project == "hello" && a.User.Name == "alice" {
			return "say-it"
		}
		return ""
	}
	got := r.say("alice", "", thumb("+1", "b1"))
	r.expect(got, "A reaction does not confirm this: press Confirm or type `confirm "+p.ID+"`. Forbidden by the policy say-it.", "confirm refused failed: *")
	if got.post.To == nil || got.audit[0].Policies[0] != "say-it" {
		t.Errorf("to %v, by %v", got.post.To, got.audit[0].Policies)
	}
	r.judge.err = errors.New("attribute not found")
	r.expect(r.say("alice", "", thumb("+1", "b1")), "The policy could not be asked", "confirm refused failed: *")
	r.ranTimes(0)
	r.judge.err, r.judge.refuse = nil, nil
	r.expect(r.say("alice", "!confirm "+p.ID), "shipped", "confirm allowed confirmed "+p.ID)
}

// TestThumbSurvivesAnOutage: it is taken once the store, or the chat, answers again.
func TestThumbSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.delivered(p, "b1")
	r.people().refuse["id-alice"] = bot.Errorf(bot.CodeUnavailable, "down").Backoff()
	m := r.message("alice", "", thumb("+1", "b1"))
	r.receive(m)
	r.step()
	r.expect(r.answer(m), "", "")
	r.people().refuse = nil
	r.clock.Advance(lease + time.Second)
	r.drain()
	r.expect(r.answer(m), "shipped", "confirm allowed confirmed "+p.ID)
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	c := &call{m: m, user: bot.User{ID: p.UserID}}
	if res, err := r.router.reacted(t.Context(), c); err == nil {
		t.Errorf("a store that can't be read is applause: %+v", res)
	}
}

// TestThumbOfLongAgo is not taken, and that is said where it would have counted.
func TestThumbOfLongAgo(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.delivered(p, "b1")
	missed := func(m *bot.Message) { m.Missed, m.SentAt = true, r.clock.Now().Add(-20*time.Minute) }
	r.expect(r.say("alice", "", thumb("+1", "b1"), missed), "I was away when you wrote this, 20 min ago", "confirm invalid missed: *")
	r.expect(r.say("bob", "", thumb("+1", "b1"), missed), "", "")
	r.ranTimes(0)
}

package router

import (
	"context"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// button stores an action.
func (r *rig) button(a bot.Action) bot.Action {
	r.t.Helper()
	if a.ID == "" {
		a.ID = bot.NewToken()
	}
	if a.ExpiresAt.IsZero() {
		a.ExpiresAt = r.clock.Now().Add(time.Hour)
	}
	a.Room = room()
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Put(ctx, a) })
	return a
}

func TestButtonRunsItsCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	a := r.button(bot.Action{Verb: "ship", Args: []byte(`{"values":{"name":"hello","env":"staging"},"flags":{"yes":"true"}}`), Once: true})
	got := r.say("alice", "", press(a.ID))
	r.expect(got, "shipped", "ship allowed done")
	if got.audit[0].Args != "ship hello to staging --yes" {
		t.Errorf("audited as %q", got.audit[0].Args)
	}
	r.expect(r.say("bob", "", press(a.ID)), "That button was pressed already, at 12:00:00 UTC.", "ship invalid failed: *")
	r.ranTimes(1)
}

// TestButtonStaysWhenItsCommandFailed: a refused press uses nothing up.
func TestButtonStaysWhenItsCommandFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	a := r.button(bot.Action{Verb: "ship", Args: []byte(`{"values":{"name":"hello","env":"staging"},"flags":{"yes":"true"}}`), Once: true})
	r.judge.refuse = func(a bot.Access) string {
		if a.User.Name == "guest" {
			return "no-guests"
		}
		return ""
	}
	r.expect(r.say("guest", "", press(a.ID)), "You may not ship hello (staging).", "ship refused *")
	r.expect(r.say("alice", "", press(a.ID)), "shipped", "ship allowed done")
	r.ranTimes(1)
}

func TestButtonsThatDoNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	past := r.clock.Now().Add(-time.Second)
	r.expect(r.say("alice", "", press(bot.NewToken())), "That button is not known any more.", "? invalid failed: *")
	r.expect(r.say("alice", "", press(r.button(bot.Action{Verb: "echo", ExpiresAt: past}).ID)), "That button has expired. Type `echo` instead.", "echo invalid failed: *")
	got := r.say("alice", "", press(r.button(bot.Action{Verb: "echo", UserID: "somebody"}).ID))
	r.expect(got, "That button is for somebody else.", "echo refused failed: *")
	if got.post.To == nil {
		t.Error("the refusal is seen by all")
	}
	r.expect(r.say("alice", "", press(r.button(bot.Action{Verb: "gone"}).ID)), `There is no command "gone" behind that button.`, "gone invalid failed: *")
	r.expect(r.say("alice", "", press(r.button(bot.Action{Verb: "echo", Args: []byte(`7`)}).ID)), "can't be read", "echo invalid failed: *")
	r.ranTimes(0)
}

// TestButtonIsOfItsRoom: who learned a button's id can't press it from elsewhere.
func TestButtonIsOfItsRoom(t *testing.T) {
	t.Parallel()
	r, p, shown := planShown(t, "!ship hello to staging")
	for _, elsewhere := range []bot.RoomRef{{Instance: "console", ID: "quiet"}, {Instance: "other", ID: room().ID}, {Instance: "console", Workspace: "w", ID: room().ID}} {
		got := r.say("alice", "", press(shown.post.Buttons[0].Action), func(m *bot.Message) { m.Room = elsewhere })
		r.expect(got, "That button belongs to a message in another room. Press it there, or type `confirm` here.", "confirm refused failed: *")
	}
	r.ranTimes(0)
	r.expect(r.say("alice", "", press(shown.post.Buttons[0].Action)), "shipped", "confirm allowed confirmed "+p.ID)
}

// TestPlanButtons presses what the plan shows.
func TestPlanButtons(t *testing.T) {
	t.Parallel()
	r, p, shown := planShown(t, "!ship hello to staging")
	confirm, cancel := shown.post.Buttons[0], shown.post.Buttons[1]
	if confirm.Label != "Confirm" || confirm.Style != "primary" || len(confirm.Action) != 22 || strings.Contains(confirm.Action, p.ID) {
		t.Errorf("%+v", confirm)
	}
	r.expect(r.say("mallory", "", press(confirm.Action)), "Only the person who asked for the plan", "confirm refused failed: *")
	r.expect(r.say("alice", "", press(confirm.Action)), "shipped", "confirm allowed confirmed "+p.ID)
	r.expect(r.say("alice", "", press(confirm.Action)), "is confirmed already.", "confirm allowed failed: *")
	r.expect(r.say("alice", "", press(cancel.Action)), "is confirmed already.", "cancel allowed failed: *")
	r.ranTimes(1)
	r.clock.Advance(31 * time.Minute)
	r.expect(r.say("alice", "", press(confirm.Action)), "That button has expired.", "confirm invalid failed: *")
}

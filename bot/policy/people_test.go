package policy

import (
	"context"
	"errors"
	"slices"
	"testing"

	"opsbot/bot"
)

func TestIdentifyByTheStableID(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	a := slackAccount("U1")
	a.Name = "what the event says"
	alice := c.is(a)
	if want := slackAccount("U1"); alice.ID == "" || alice.Name != "alice" || bare(alice.Account) != want || alice.Account.Name != "alice" {
		t.Errorf("%+v", alice)
	}
	if again := c.is(slackAccount("U1")); again.ID != alice.ID || again.Account.Name != "alice" {
		t.Errorf("again: %+v", again)
	}
	// A new name is the same person; the old name is free, and whoever takes it is
	// somebody else.
	c.slack.set("U1", func(f *bot.Facts) { f.Name = "alicia" })
	if renamed := c.is(slackAccount("U1")); renamed.ID != alice.ID || renamed.Name != "alicia" {
		t.Errorf("renamed: %+v", renamed)
	}
	c.slack.set("U3", func(f *bot.Facts) { f.Name = "alice" })
	if next := c.is(slackAccount("U3")); next.ID == alice.ID || next.Name != "alice" || slices.Contains(next.Groups, "operators") {
		t.Errorf("the new alice: %+v", next)
	}
	elsewhere := slackAccount("U1")
	elsewhere.Workspace = "T2"
	if other := c.is(elsewhere); other.ID == alice.ID {
		t.Error("another workspace's account is the same person")
	}
	if carol := c.is(bot.Account{Instance: "console", ID: "carol", Name: "carol"}); carol.Name != "carol" || !slices.Equal(carol.Groups, []string{"locals"}) {
		t.Errorf("a chat without a directory: %+v", carol)
	}
}

func TestStrangersAreTold(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.slack.set("guest", func(f *bot.Facts) { f.Guest = true })
	c.slack.set("other", func(f *bot.Facts) { f.External = true })
	c.slack.set("app", func(f *bot.Facts) { f.Machine = true })
	for id, want := range map[string]bool{"U1": true, "guest": false, "other": false} {
		u := c.is(slackAccount(id))
		if u.Guest != (id == "guest") || u.External != (id == "other") {
			t.Errorf("%s: %+v", id, u)
		}
		if d := ask(t, c.o.Policy, bot.Access{User: u, Verb: "status"}); d.Allowed != want {
			t.Errorf("%s may look: %+v", id, d)
		}
	}
	before := c.everybody()
	c.refused(slackAccount("app"), "is no person")
	c.refused(slackAccount("U9"), "does not know the account U9")
	if c.everybody() != before {
		t.Errorf("who is refused was made somebody: %s", c.everybody())
	}
}

// TestGuestElsewhere: what counts is the account that is used.
func TestGuestElsewhere(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.link(c.is(mmAccount("m1")), c.is(slackAccount("U1")))
	c.mm.set("m1", func(f *bot.Facts) { f.Guest = true })
	if u := c.is(slackAccount("U1")); u.Guest {
		t.Errorf("a member here who is a guest there: %+v", u)
	}
	if u := c.is(mmAccount("m1")); !u.Guest {
		t.Errorf("a guest here who is a member there: %+v", u)
	}
}

func TestDeactivatedAnywhere(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	alice := c.is(slackAccount("U1"))
	local := bot.Account{Instance: "console", ID: "al", Name: "al"}
	c.link(c.is(mmAccount("m1")), alice)
	c.link(c.is(local), alice)
	c.mm.set("m1", func(f *bot.Facts) { f.Disabled = true })
	for _, a := range []bot.Account{slackAccount("U1"), mmAccount("m1"), local} {
		c.refused(a, "The account mm:m1 is deactivated, so alice may do nothing here. An operator can take it off with `unlink mm:m1`.")
	}
	if _, err := c.Complete(t.Context(), alice); bot.CodeOf(err) != bot.CodeForbidden {
		t.Errorf("by a token: %v", err)
	}
	// While its chat is away the account stays what it was known for.
	c.mm.down = bot.Errorf(bot.CodeUnavailable, "down").Backoff()
	c.refused(slackAccount("U1"), "mm:m1 is deactivated")
	c.mm.down = nil
	c.mm.set("m1", func(f *bot.Facts) { f.Disabled = false })
	if u := c.is(slackAccount("U1")); u.ID != alice.ID {
		t.Errorf("activated again: %+v", u)
	}
	c.mm.drop("m1") // removed for good
	c.refused(local, "mm:m1 is deactivated")
	c.write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Logins.Part(ctx, mmAccount("m1"), c.o.Clock.Now())
		return err
	})
	if u := c.is(local); u.ID != alice.ID {
		t.Errorf("taken off: %+v", u)
	}
	c.refused(mmAccount("m1"), "does not know the account m1")
	c.slack.set("U1", func(f *bot.Facts) { f.Disabled = true }) // the account in use
	c.refused(slackAccount("U1"), "The account slack:T1/U1 is deactivated")
}

// TestDeactivatedMakesNobody: an old message of an account that is gone must not make,
// or lock out, a person.
func TestDeactivatedMakesNobody(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, trusting("slack", "mm"))
	alice := c.is(slackAccount("U1"))
	c.slack.emails["alice@acme.example"] = "U1"
	c.mm.set("old", func(f *bot.Facts) { f.Email, f.Disabled = "alice@acme.example", true })
	c.refused(mmAccount("old"), "mm:old is deactivated")
	if c.everybody() != "alice" || c.is(slackAccount("U1")).ID != alice.ID {
		t.Errorf("known are %s", c.everybody())
	}
}

// TestOutageIsNoRefusal: what the chat in use does not answer is tried again.
func TestOutageIsNoRefusal(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	known := c.is(slackAccount("U1"))
	for name, down := range map[string]error{
		"down":             bot.Errorf(bot.CodeUnavailable, "down").Backoff(),
		"a cut connection": errors.New("reset by peer"),
		"a missing scope":  bot.Errorf(bot.CodeForbidden, "The token lacks users:read."),
		"a revoked token":  bot.Errorf(bot.CodeUnauthenticated, "The token was revoked.").Backoff(),
	} {
		c.slack.down = down
		for _, id := range []string{"U1", "U2"} { // known, and new
			u, err := c.Identify(t.Context(), slackAccount(id))
			if err == nil || bot.CodeOf(err) == bot.CodeForbidden || !errors.Is(err, down) || u.ID != "" {
				t.Errorf("%s, %s: %+v %v", name, id, u, err)
			}
		}
	}
	c.slack.down = nil
	if u := c.is(slackAccount("U1")); u.ID != known.ID || c.everybody() != "alice" {
		t.Errorf("after it: %+v, known are %s", u, c.everybody())
	}
}

// TestOutageElsewhere: a chat that is not in use keeps nobody out.
func TestOutageElsewhere(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.mm.set("m1", func(f *bot.Facts) { f.Groups = []string{"role/system_admin"} })
	bob := c.is(slackAccount("U2"))
	c.link(c.is(mmAccount("m1")), bob)
	if got := c.is(slackAccount("U2")).Groups; !slices.Equal(got, []string{"here", "operators"}) {
		t.Errorf("groups of both chats: %v", got)
	}
	for _, down := range []error{errors.New("reset by peer"), bot.Errorf(bot.CodeForbidden, "The token lacks a scope.")} {
		c.mm.down = down
		if got := c.is(slackAccount("U2")); got.ID != bob.ID || !slices.Equal(got.Groups, []string{"here"}) {
			t.Errorf("%v: %+v", down, got)
		}
	}
	c.mm.down = nil
	if got := c.is(slackAccount("U2")).Groups; len(got) != 2 {
		t.Errorf("after it: %v", got)
	}
}

// TestOutageOpensNothing: an account of another organisation is not taken for one of
// ours while its chat can't say what it is.
func TestOutageOpensNothing(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.slack.set("U2", func(f *bot.Facts) { f.External = true })
	c.link(c.is(slackAccount("U2")), c.is(mmAccount("m1")))
	for _, down := range []error{nil, errors.New("reset by peer")} {
		c.slack.down = down
		if got := c.is(mmAccount("m1")); len(got.Groups) != 0 || got.External {
			t.Errorf("%v: %+v", down, got)
		}
	}
}

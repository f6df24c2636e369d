package policy

import (
	"errors"
	"testing"

	"opsbot/bot"
)

func trusting(instances ...string) func(o *PeopleOptions) {
	return func(o *PeopleOptions) { o.TrustEmail = instances }
}

// twinned has asmith say something in mm first, then alice in slack for the first
// time, and reports whether they are one person. Both chats say that the address is
// theirs unless change says otherwise.
func twinned(t *testing.T, trust []string, change func(c *crowd)) bool {
	t.Helper()
	c := newCrowd(t, trusting(trust...))
	c.mm.set("m1", func(f *bot.Facts) { f.Email = "alice@acme.example" })
	c.mm.emails["alice@acme.example"] = "m1"
	asmith := c.is(mmAccount("m1"))
	change(c)
	alice := c.is(slackAccount("U1"))
	if again := c.is(slackAccount("U1")); again.ID != alice.ID {
		t.Errorf("alice is %s, then %s", alice.ID, again.ID)
	}
	c.mm.down = nil
	c.mm.set("m1", func(f *bot.Facts) { f.Disabled, f.Machine = false, false })
	if again := c.is(mmAccount("m1")); again.ID != asmith.ID {
		t.Errorf("asmith is %s, then %s", asmith.ID, again.ID)
	}
	if alice.ID == asmith.ID && (alice.Name != "asmith" || alice.Account.Name != "alice") {
		t.Errorf("joined: %+v", alice)
	}
	return alice.ID == asmith.ID
}

func TestEmailTwins(t *testing.T) {
	t.Parallel()
	both := []string{"slack", "mm"}
	mm := func(change func(f *bot.Facts)) func(c *crowd) { return func(c *crowd) { c.mm.set("m1", change) } }
	slack := func(change func(f *bot.Facts)) func(c *crowd) { return func(c *crowd) { c.slack.set("U1", change) } }
	for name, x := range map[string]struct {
		trust  []string
		change func(c *crowd)
		want   bool
	}{
		"both are trusted":           {both, func(*crowd) {}, true},
		"in another order":           {[]string{"mm", "slack"}, func(*crowd) {}, true},
		"written otherwise":          {both, mm(func(f *bot.Facts) { f.Email = "Alice@Acme.Example" }), true},
		"one more that is not there": {[]string{"gone", "slack", "console", "mm"}, func(*crowd) {}, true},
		"none is trusted":            {nil, func(*crowd) {}, false},
		"only this one":              {[]string{"slack"}, func(*crowd) {}, false},
		"only the other":             {[]string{"mm"}, func(*crowd) {}, false},
		"not verified here":          {both, slack(func(f *bot.Facts) { f.Email = "" }), false},
		"not verified anywhere": {both, func(c *crowd) {
			c.slack.set("U1", func(f *bot.Facts) { f.Email = "" })
			c.mm.set("m1", func(f *bot.Facts) { f.Email = "" })
			c.mm.emails[""] = "m1"
		}, false},
		"not verified there":       {both, mm(func(f *bot.Facts) { f.Email = "" }), false},
		"found by another address": {both, mm(func(f *bot.Facts) { f.Email = "mallory@evil.example" }), false},
		"a guest here":             {both, slack(func(f *bot.Facts) { f.Guest = true }), false},
		"a guest there":            {both, mm(func(f *bot.Facts) { f.Guest = true }), false},
		"of others here":           {both, slack(func(f *bot.Facts) { f.External = true }), false},
		"of others there":          {both, mm(func(f *bot.Facts) { f.External = true }), false},
		"a machine there":          {both, mm(func(f *bot.Facts) { f.Machine = true }), false},
		"deactivated there":        {both, mm(func(f *bot.Facts) { f.Disabled = true }), false},
		"the other is down":        {both, func(c *crowd) { c.mm.down = errors.New("reset by peer") }, false},
		"nobody there has it":      {both, func(c *crowd) { delete(c.mm.emails, "alice@acme.example") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := twinned(t, x.trust, x.change); got != x.want {
				t.Errorf("one person: %v, want %v", got, x.want)
			}
		})
	}
}

// TestTwinsMeetOnce: only who is new is looked up by address, and only who has spoken
// is found.
func TestTwinsMeetOnce(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, trusting("slack", "mm"))
	alice := c.is(slackAccount("U1")) // nobody has spoken in mm yet
	c.mm.set("m1", func(f *bot.Facts) { f.Email = "alice@acme.example" })
	c.mm.emails["alice@acme.example"] = "m1"
	asked := c.mm.asked
	c.slack.set("U1", func(f *bot.Facts) { f.Name = "alicia" })
	if u := c.is(slackAccount("U1")); u.ID != alice.ID || c.mm.asked != asked {
		t.Errorf("a new name is a reason to look for twins: %+v, asked %d times", u, c.mm.asked-asked)
	}
	if u := c.is(mmAccount("m1")); u.ID == alice.ID { // slack's search finds nobody
		t.Errorf("joined to %+v", u)
	}
}

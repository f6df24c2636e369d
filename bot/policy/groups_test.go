package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
)

func TestGroupsByWhatTheChatSays(t *testing.T) {
	t.Parallel()
	elsewhere := slackAccount("U2")
	elsewhere.Workspace = "T2"
	for name, x := range map[string]struct {
		account bot.Account
		facts   bot.Facts
		want    string
	}{
		"by account id":                       {slackAccount("U1"), bot.Facts{}, "operators"},
		"without the workspace":               {slackAccount("U2"), bot.Facts{}, "here"},
		"of another workspace":                {elsewhere, bot.Facts{}, "here"},
		"of another organisation":             {elsewhere, bot.Facts{External: true}, ""},
		"of others, by the whole id":          {slackAccount("U1"), bot.Facts{External: true}, "operators"},
		"by name, which is nobody's":          {slackAccount("U9"), bot.Facts{Name: "U1"}, ""},
		"by a group of the chat":              {slackAccount("U9"), bot.Facts{Groups: []string{"group/S06", "group/S07"}}, "team"},
		"in small letters":                    {slackAccount("U9"), bot.Facts{Groups: []string{"group/s06"}}, "team"},
		"by a group of another chat":          {mmAccount("m1"), bot.Facts{Groups: []string{"group/S06"}}, ""},
		"by a role":                           {mmAccount("m1"), bot.Facts{Groups: []string{"role/system_admin", "role/system_user"}}, "operators"},
		"by a channel":                        {mmAccount("m1"), bot.Facts{Groups: []string{"channel/C9"}}, "team"},
		"by both, once":                       {slackAccount("U1"), bot.Facts{Groups: []string{"group/S06", "group/S06"}}, "operators team"},
		"a guest in a channel":                {mmAccount("m1"), bot.Facts{Guest: true, Groups: []string{"channel/C9"}}, ""},
		"others in a channel":                 {mmAccount("m1"), bot.Facts{External: true, Groups: []string{"channel/C9"}}, ""},
		"a guest with a role":                 {mmAccount("m1"), bot.Facts{Guest: true, Groups: []string{"role/system_admin"}}, "operators"},
		"a bare name, which is the console's": {mmAccount("carol"), bot.Facts{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t)
			c.slack.facts[x.account.ID], c.mm.facts[x.account.ID] = x.facts, x.facts
			if got := strings.Join(c.is(x.account).Groups, " "); got != x.want {
				t.Errorf("groups %q, want %q", got, x.want)
			}
		})
	}
}

// TestComplete: who is known by a token has the rights of all accounts, as they are at
// this moment.
func TestComplete(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	alice, asmith := c.is(slackAccount("U1")), c.is(mmAccount("m1"))
	c.link(asmith, alice)
	c.mm.set("m1", func(f *bot.Facts) { f.Groups = []string{"channel/C9"} })
	for _, id := range []string{alice.ID, asmith.ID} { // also by the id of before
		u, err := c.Complete(t.Context(), bot.User{ID: id, Name: "as stored", Owner: true, Groups: []string{"admins"}})
		if err != nil {
			t.Fatal(err)
		}
		if u.ID != alice.ID || u.Name != "alice" || !u.Owner || !slices.Equal(u.Groups, []string{"operators", "team"}) {
			t.Errorf("%+v", u)
		}
	}
	system, err := c.Complete(t.Context(), bot.SystemUser())
	if err != nil || !slices.Equal(system.Groups, []string{"system"}) {
		t.Errorf("the system: %+v %v", system, err)
	}
	local := bot.User{ID: "nobody stored", Account: bot.Account{Instance: "console", ID: "carol"}}
	if u, err := c.Complete(t.Context(), local); err != nil || !slices.Equal(u.Groups, []string{"locals"}) {
		t.Errorf("who is not stored: %+v %v", u, err)
	}
}

// TestCompleteStrangers: a token makes no member of a guest, nor an outage a guest of a
// member.
func TestCompleteStrangers(t *testing.T) {
	t.Parallel()
	guest, other := func(f *bot.Facts) { f.Guest = true }, func(f *bot.Facts) { f.External = true }
	member := func(*bot.Facts) {}
	down := bot.Errorf(bot.CodeUnavailable, "down").Backoff()
	for name, x := range map[string]struct {
		slack, mm       func(f *bot.Facts) // nil: has no account there
		slackDown, lost bool
		guest, external bool
	}{
		"a member":                           {slack: member},
		"a guest":                            {slack: guest, guest: true},
		"of others":                          {slack: other, external: true},
		"a guest here, a member there":       {slack: guest, mm: member},
		"a member here, a guest there":       {slack: member, mm: guest},
		"a guest here, of others there":      {slack: guest, mm: other, guest: true, external: true},
		"who can't be asked about":           {slack: member, slackDown: true, lost: true},
		"not asked about here, member there": {slack: guest, mm: member, slackDown: true},
		"not asked about here, guest there":  {slack: member, mm: guest, slackDown: true, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t)
			c.slack.set("U2", x.slack)
			u := c.is(slackAccount("U2"))
			if x.mm != nil {
				c.mm.set("m2", x.mm)
				c.link(c.is(mmAccount("m2")), u)
			}
			if x.slackDown {
				c.slack.down = down
			}
			got, err := c.Complete(t.Context(), bot.User{ID: u.ID, Guest: true})
			if x.lost {
				if !errors.Is(err, down) {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || got.Guest != x.guest || got.External != x.external {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestPeopleNeedTheStore: what can't be read or kept lets nobody in.
func TestPeopleNeedTheStore(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	alice := c.is(slackAccount("U1"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"identify": third(c.Identify(ended, slackAccount("U1"))),
		"enlist":   third(c.Identify(ended, slackAccount("U2"))),
		"complete": third(c.Complete(ended, alice)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func third(_ bot.User, err error) error { return err }

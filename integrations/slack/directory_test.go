package slack

import (
	"fmt"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/slack"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	group := r.AddGroup(fake.Group{Handle: "oncall", Members: []string{r.alice}})
	eve := r.AddUser(fake.User{Name: "eve", Team: "T0OTHER", Email: "eve@other.example.com"})
	for user, want := range map[string]bot.Facts{
		r.alice: {Name: "alice", Email: "alice@acme.example.com", Groups: []string{"group/" + group}},
		r.bob:   {Name: "bob"},
		eve:     {Name: "eve", External: true},
		r.AddUser(fake.User{Name: "guest", Restricted: true}):   {Name: "guest", Guest: true},
		r.AddUser(fake.User{Name: "single", Ultra: true}):       {Name: "single", Guest: true},
		r.AddUser(fake.User{Name: "gone", Deleted: true}):       {Name: "gone", Disabled: true},
		r.AddUser(fake.User{Name: "robot", Bot: true}):          {Name: "robot", Machine: true},
		r.AddUser(fake.User{ID: "USLACKBOT", Name: "slackbot"}): {Name: "slackbot", Machine: true},
	} {
		got, err := r.chat.Facts(r.within(), r.account(user))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v; want %+v", user, got, err, want)
		}
	}
	for _, a := range []bot.Account{r.account("U0NOBODY"), r.account("nobody"), {Instance: "other", ID: r.alice}} {
		if _, err := r.chat.Facts(r.within(), a); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// TestFactsChange: what an event says holds at once; otherwise answers are kept.
func TestFactsChange(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		group := r.AddGroup(fake.Group{Handle: "oncall", Members: []string{r.alice}})
		facts := func() bot.Facts {
			t.Helper()
			f, err := r.chat.Facts(r.within(), r.account(r.alice))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		facts()
		facts()
		if n, g := len(r.CallsOf("users.info")), len(r.CallsOf("usergroups.list")); n != 1 || g != 1 {
			t.Errorf("asked %d and %d times", n, g)
		}
		r.Deactivate(r.alice)
		r.ChangeGroup(group, r.bob)
		r.settled()
		if f := facts(); !f.Disabled || len(f.Groups) > 0 {
			t.Errorf("after the events: %+v", f)
		}
		r.RenameUser(r.alice, "alicia")
		r.settled()
		if f := facts(); f.Name != "alicia" {
			t.Errorf("after a new name: %+v", f)
		}
	})
}

// TestFactsGetOld: without events, answers are asked for again after a while.
func TestFactsGetOld(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC)}
	r := setupAt(t, clock, fake.WithEvents())
	for range 2 {
		if _, err := r.chat.Facts(r.within(), r.account(r.alice)); err != nil {
			t.Fatal(err)
		}
	}
	r.Deactivate(r.alice)
	clock.advance(factsLife)
	if f, err := r.chat.Facts(r.within(), r.account(r.alice)); err != nil || !f.Disabled {
		t.Errorf("%+v, %v", f, err)
	}
	if n := len(r.CallsOf("users.info")); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestWithoutScopes: what may not be asked is not there.
func TestWithoutScopes(t *testing.T) {
	t.Parallel()
	r := setup(t, fake.WithScopes("users:read"))
	r.AddGroup(fake.Group{Handle: "oncall", Members: []string{r.alice}})
	f, err := r.chat.Facts(r.within(), r.account(r.alice))
	if err != nil || f.Email != "" || len(f.Groups) > 0 || f.Name != "alice" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestByEmail(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.AddUser(fake.User{Name: "eve", Team: "T0OTHER", Email: "eve@other.example.com"})
	want := r.account(r.alice)
	want.Name = "alice"
	if a, err := r.chat.ByEmail(r.within(), "Alice@acme.example.com"); err != nil || a != want {
		t.Errorf("%+v, %v", a, err)
	}
	for _, address := range []string{"nobody@acme.example.com", "eve@other.example.com"} {
		if a, err := r.chat.ByEmail(r.within(), address); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%s: %+v, %v", address, a, err)
		}
	}
}

func TestFindRoom(t *testing.T) {
	t.Parallel()
	r := setup(t)
	other := r.AddChannel(fake.Channel{Name: "Other", Members: []string{r.alice}})
	r.AddChannel(fake.Channel{Name: "secret", Kind: fake.Private, Members: []string{r.alice}})
	for range 1200 {
		r.AddChannel(fake.Channel{Name: "one-of-many"})
	}
	last := r.AddChannel(fake.Channel{Name: "last", Members: []string{r.BotUserID}})
	for name, want := range map[string]bot.Room{
		"dev": {Ref: r.room(r.dev), Name: "dev"}, "#dev": {Ref: r.room(r.dev), Name: "dev"}, r.dev: {Ref: r.room(r.dev), Name: "dev"},
		"other": {Ref: r.room(other), Name: "Other", State: "left"}, "#last": {Ref: r.room(last), Name: "last"},
	} {
		if got, err := r.chat.FindRoom(r.within(), name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"secret", "#nothing", "C0NOTHING", ""} {
		if _, err := r.chat.FindRoom(r.within(), name); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.CallsOf("conversations.list")); n > 3 {
		t.Errorf("listed %d pages", n)
	}
	p := r.post("a", "hello")
	p.Room = bot.RoomRef{Instance: "slack", ID: "#dev"}
	if r.send(p); len(r.FromBot(r.dev)) != 1 {
		t.Error("a room that is called by its name got nothing")
	}
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	public := r.AddChannel(fake.Channel{Name: "other", Members: []string{r.alice}})
	private := r.AddChannel(fake.Channel{Name: "secret", Kind: fake.Private, Members: []string{r.alice}})
	for range 2 {
		if err := r.chat.JoinRoom(r.within(), r.room(public)); err != nil {
			t.Fatal(err)
		}
	}
	if room := r.kept(public); room.Name != "other" || room.State != "" {
		t.Errorf("kept as %+v", room)
	}
	err := r.chat.JoinRoom(r.within(), r.room(private))
	if bot.CodeOf(err) != bot.CodeForbidden || bot.MessageOf(err) != "Only a person who is in that channel can let OpsBot in: /invite @opsbot" {
		t.Errorf("a private channel: %v", err)
	}
	r.Join(r.BotUserID, private, r.alice)
	if err := r.chat.JoinRoom(r.within(), r.room(private)); err != nil {
		t.Errorf("a private channel that it is in: %v", err)
	}
	for range 2 {
		for _, c := range []string{public, private} {
			if err := r.chat.LeaveRoom(r.within(), r.room(c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.settled()
	if r.kept(public).State != "left" || r.kept(private).State != "left" {
		t.Errorf("kept as %+v, %+v", r.kept(public), r.kept(private))
	}
}

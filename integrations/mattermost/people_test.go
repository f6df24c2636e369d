package mattermost

import (
	"context"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/mattermost"
)

func TestPrivatePosts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	dm := r.srv.DM(r.alice.ID, r.bot.ID)
	p := r.post("re:1", "You may not.")
	p.To = &bot.Account{Instance: "mm", ID: r.alice.ID}
	for range 2 { // a repetition shows nothing new
		if err := r.SendEphemeral(r.ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got := r.srv.Channel(dm.ID).Posts()
	if len(got) != 1 || got[0].Message != "You may not.\n(about what you said in ~\u200bops)" {
		t.Errorf("the direct message: %+v", got)
	}
	if f := r.finding("private answers"); !strings.Contains(f.Text, "direct messages") {
		t.Errorf("doctor says %+v", f)
	}
	r.srv.AllowEphemeral(r.bot.ID)
	if err := r.identify(r.ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.SendEphemeral(r.ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.srv.Whispers(r.alice.ID); len(got) != 1 || got[0].Message != "You may not." || got[0].ChannelID != r.ops.ID {
		t.Errorf("for alice alone: %+v", got)
	}
	if len(r.texts()) != 0 {
		t.Errorf("all can read %q", r.texts())
	}
	p.Room, p.Key = r.ref(dm.ID), "re:2"
	if err := r.SendEphemeral(r.ctx, p); err != nil {
		t.Fatal(err)
	}
	if got := r.srv.Channel(dm.ID).Posts(); len(got) != 2 || got[1].Message != "You may not." {
		t.Errorf("in a conversation: %+v", got)
	}
}

// TestARightThatIsTakenAway: the first refusal decides.
func TestARightThatIsTakenAway(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if err := r.identify(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.me.setWhispers(true)
	for _, key := range []string{"a", "b"} {
		p := r.post(key, "You may not.")
		p.To = &bot.Account{Instance: "mm", ID: r.alice.ID}
		p.Buttons = []bot.Button{{Label: "Ask", Action: "ask" + key}}
		if err := r.SendEphemeral(r.ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.srv.Count("POST", "/posts/ephemeral"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	got := r.srv.Channel(r.srv.DM(r.alice.ID, r.bot.ID).ID).Posts()
	if len(got) != 2 {
		t.Fatalf("direct messages: %+v", got)
	}
	// A button works from there as it does in the room.
	r.srv.Click(r.alice.ID, got[1].ID, got[1].Attachments[0].Actions[0].ID)
	if in := r.inbox.all(); len(in) != 1 || in[0].Room != r.room() || in[0].Action != "askb" {
		t.Errorf("came in: %+v", in)
	}
}

func (r *rig) facts(id string) bot.Facts {
	r.t.Helper()
	f, err := r.Facts(r.ctx, bot.Account{Instance: "mm", ID: id})
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func TestFacts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	ops := r.ops.ID
	r.cfg.Channels = []string{ops}
	guest := r.srv.AddUser("gina", func(u *fake.User) { u.Roles = "system_guest" })
	f := r.facts(r.alice.ID)
	if f.Name != "alice" || f.Guest || f.Machine || f.Disabled || f.Email != "" {
		t.Errorf("alice: %+v", f)
	}
	if want := []string{"channel/" + ops, "role/system_user", "team/" + r.srv.Team.ID + "/team_user"}; !slices.Equal(f.Groups, want) {
		t.Errorf("alice's groups: %q, want %q", f.Groups, want)
	}
	if f := r.facts(guest.ID); !f.Guest || slices.Contains(f.Groups, "channel/"+ops) {
		t.Errorf("a guest: %+v", f)
	}
	if f := r.facts(r.srv.Admin.ID); !slices.Contains(f.Groups, "role/system_admin") {
		t.Errorf("an administrator: %+v", f)
	}
	if f := r.facts(r.bot.ID); !f.Machine || len(f.Groups) > 0 {
		t.Errorf("the bot: %+v", f)
	}
	for _, id := range []string{"nobody", strings.Repeat("a", 26)} {
		if _, err := r.Facts(r.ctx, bot.Account{Instance: "mm", ID: id}); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := r.ByEmail(r.ctx, "alice@example.com"); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("an address that may not be verified: %v", err)
	}
	r.me.set(identity{id: r.bot.ID, emails: true})
	email := r.srv.User(r.alice.ID).Email
	if a, err := r.ByEmail(r.ctx, email); err != nil || a.ID != r.alice.ID || a.Instance != "mm" {
		t.Errorf("a verified address: %+v, %v", a, err)
	}
}

// TestFactsFollowTheServer: what is remembered goes with the event that changes it.
func TestFactsFollowTheServer(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	if r.facts(r.alice.ID).Disabled {
		t.Fatal("alice is there")
	}
	asked := r.srv.Count("GET", "/users/"+r.alice.ID)
	r.facts(r.alice.ID)
	if n := r.srv.Count("GET", "/users/"+r.alice.ID); n != asked {
		t.Errorf("asked %d times more for what is remembered", n-asked)
	}
	bob := r.srv.AddUser("bob")
	r.srv.Join(r.ops.ID, bob.ID)
	r.srv.Deactivate(r.alice.ID)
	r.srv.Say(bob.ID, r.ops.ID, "@opsbot after", "")
	r.inbox.wait(t, "@opsbot after")
	if !r.facts(r.alice.ID).Disabled {
		t.Error("a deactivated account still counts")
	}
	r.srv.UpdateUser(bob.ID, func(u *fake.User) { u.Username = "robert" })
	p := r.post("a", "hello")
	p.Mention = bot.Account{Instance: "mm", ID: bob.ID, Name: "bob"}
	r.srv.Say(r.bot.ID, r.ops.ID, "an event behind", "")
	r.srv.Say(bob.ID, r.ops.ID, "@opsbot renamed", "")
	r.inbox.wait(t, "@opsbot renamed")
	if got := r.seen(r.send(p)).Message; got != "@robert\n\nhello" && got != "@robert hello" {
		t.Errorf("a renamed person is mentioned as %q", got)
	}
}

func (r *rig) stored(id string) bot.Room {
	r.t.Helper()
	var room bot.Room
	err := r.store.Read(r.ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		room, err = tx.Rooms.Get(ctx, r.ref(id))
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return room
}

func TestRoomsAreKept(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if err := r.Prepare(r.ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.stored(r.ops.ID); got.Name != "ops" || got.State != "" {
		t.Errorf("ops: %+v", got)
	}
	r.run()
	after := func(text string) {
		t.Helper()
		r.srv.Say(r.alice.ID, r.srv.DM(r.alice.ID, r.bot.ID).ID, text, "")
		r.inbox.wait(t, text)
	}
	lobby := r.srv.AddChannel("lobby")
	r.srv.Join(lobby.ID, r.bot.ID)
	after("one")
	if got := r.stored(lobby.ID); got.Name != "lobby" || got.State != "" {
		t.Errorf("joined: %+v", got)
	}
	r.srv.RenameChannel(lobby.ID, "hall", "Hall")
	after("two")
	if got := r.stored(lobby.ID); got.Name != "hall" {
		t.Errorf("renamed: %+v", got)
	}
	r.srv.Leave(lobby.ID, r.bot.ID)
	after("three")
	if got := r.stored(lobby.ID); got.State != "left" {
		t.Errorf("left: %+v", got)
	}
	r.srv.ArchiveChannel(r.ops.ID)
	after("four")
	if got := r.stored(r.ops.ID); got.State != "archived" {
		t.Errorf("archived: %+v", got)
	}
}

func TestRoomsAreFoundAndEntered(t *testing.T) {
	t.Parallel()
	r := setup(t)
	lobby := r.srv.AddChannel("lobby")
	private := r.srv.AddPrivateChannel("secret", r.alice.ID)
	for _, name := range []string{"lobby", "#lobby", "~Lobby", lobby.ID, "engineering/lobby"} {
		if room, err := r.FindRoom(r.ctx, name); err != nil || room.Ref != r.ref(lobby.ID) || room.Name != "lobby" {
			t.Errorf("find %s: %+v, %v", name, room, err)
		}
	}
	for name, code := range map[string]bot.Code{
		"secret": bot.CodeNotFound, private.ID: bot.CodeForbidden, "nothing": bot.CodeNotFound, strings.Repeat("a", 26): bot.CodeNotFound,
		"a b": bot.CodeNotFound, "": bot.CodeNotFound,
	} {
		if _, err := r.FindRoom(r.ctx, name); bot.CodeOf(err) != code || !strings.Contains(bot.MessageOf(err), "/invite @") {
			t.Errorf("find %q: %v", name, err)
		}
	}
	for range 2 {
		if err := r.JoinRoom(r.ctx, r.ref(lobby.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Contains(r.srv.Channel(lobby.ID).Members(), r.bot.ID) || r.stored(lobby.ID).Name != "lobby" {
		t.Error("it is not in the lobby")
	}
	if err := r.JoinRoom(r.ctx, r.ref(private.ID)); bot.CodeOf(err) != bot.CodeForbidden || !strings.Contains(bot.MessageOf(err), "/invite @") {
		t.Errorf("join a private channel: %v", err)
	}
	for range 2 {
		if err := r.LeaveRoom(r.ctx, r.ref(lobby.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Contains(r.srv.Channel(lobby.ID).Members(), r.bot.ID) || r.stored(lobby.ID).State != "left" {
		t.Error("it is still in the lobby")
	}
}

func TestTheSameNameInTwoTeams(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.AddChannel("lobby")
	other := r.srv.AddTeam("sales", r.bot.ID)
	if _, err := r.FindRoom(r.ctx, "town-square"); bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), "sales/town-square") {
		t.Errorf("find a name that two teams have: %v", err)
	}
	if room, err := r.FindRoom(r.ctx, other.Name+"/town-square"); err != nil || room.Name != "town-square" {
		t.Errorf("find it by team: %+v, %v", room, err)
	}
}

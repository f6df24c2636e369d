package slack

import (
	"context"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/slack/wire"
	fake "opsbot/test/fakes/slack"
)

// doorsOf are the ways in that tests of what people say go through.
func doorsOf() map[string]fake.Door {
	return map[string]fake.Door{"socket": fake.SocketMode, "http": fake.HTTP, "both": fake.Both}
}

// inEach runs a test with a workspace that reaches the chat in each way.
func inEach(t *testing.T, test func(t *testing.T, r *rig), opts ...fake.Option) {
	t.Helper()
	for name, door := range doorsOf() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, append([]fake.Option{fake.Via(door)}, opts...)...)
			r.door()
			r.run()
			test(t, r)
		})
	}
}

// TestMention: the two events that a mention causes, over each door, are one message.
func TestMention(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		ts := r.Say(r.alice, r.dev, "@opsbot deploy hello & more for @bob in #dev, see http://example.com/a?b&c", "")
		r.settled()
		got := r.received(1)[0]
		want := bot.Message{
			ID: wire.MessageID(r.dev, ts), Room: r.room(r.dev), Author: r.account(r.alice), SentAt: wire.Time(ts), Addressed: true,
			Text: "@opsbot deploy hello & more for @" + r.bob + " in #dev, see http://example.com/a?b&c",
		}
		if !same(got, want) {
			t.Errorf("received %+v\nwant %+v", got, want)
		}
		if lost := r.Lost(); len(lost) > 0 {
			t.Errorf("not acknowledged: %q", lost)
		}
	})
}

// same compares messages without their cause, which is the store's.
func same(a, b bot.Message) bool {
	a.Root, b.Root = "", ""
	return a.ID == b.ID && a.Room == b.Room && a.Thread == b.Thread && a.Author == b.Author && a.Text == b.Text && a.SentAt.Equal(b.SentAt) &&
		a.Direct == b.Direct && a.Addressed == b.Addressed && a.Action == b.Action && a.Reaction == b.Reaction && a.On == b.On && a.Loose == b.Loose
}

// TestRepeated: what Slack sends again counts once.
func TestRepeated(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.Say(r.alice, r.dev, "@opsbot status", "")
		r.settled()
		r.Repeat(2)
		r.settled()
		r.received(1)
		if r.log.count("slack sends") == 0 {
			t.Error("that it came again is not in the log")
		}
	})
}

// TestNotReceived: what is not stored is not acknowledged, and comes again.
func TestNotReceived(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.inbox.breaks(bot.Errorf(bot.CodeStorageFull, "There is no space left."))
		r.Say(r.alice, r.DM(r.alice), "status", "")
		r.await("a second try", func() bool {
			r.inbox.mu.Lock()
			defer r.inbox.mu.Unlock()
			return r.inbox.tries > 1 || len(r.Lost()) > 0
		})
		if n := len(r.Acknowledged()); n > 0 {
			t.Errorf("%d were acknowledged that are not stored", n)
		}
		r.inbox.breaks(nil)
		r.settled()
		if got := r.inbox.messages(); len(got)+len(r.Lost()) == 0 || len(got) > 1 {
			t.Errorf("%d messages, lost %q", len(got), r.Lost())
		}
	}, fake.WithAckTimeout(300*time.Millisecond))
}

func TestKindsOfMessages(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	dm := r.DM(r.alice)
	root := r.Say(r.alice, dm, "help", "")
	r.settled()
	if got := r.received(1)[0]; !got.Direct || got.Addressed || got.Thread != "" {
		t.Errorf("a direct message is %+v", got)
	}
	r.Say(r.alice, dm, "again", root)
	r.settled()
	if got := r.received(2)[1]; got.Thread != wire.MessageID(dm, root) || !got.Direct {
		t.Errorf("a reply is %+v", got)
	}
	r.Edit(r.alice, dm, root, "help deploy")
	r.Edit(r.alice, r.dev, r.Say(r.alice, r.dev, "hello", ""), "@opsbot hello")
	r.SayAsBot("other", r.dev, "@opsbot help", "")
	r.Delete(r.alice, dm, root)
	r.send(r.post("own", "@opsbot help"))
	r.settled()
	var texts []string
	for _, m := range r.inbox.messages()[2:] {
		texts = append(texts, m.Text)
	}
	if len(texts) != 1 || texts[0] != "hello" {
		t.Errorf("edits, removals, own posts and other bots gave %q", texts)
	}
}

// TestUnwanted: what people say to each other is neither stored nor refused.
func TestUnwanted(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.inbox.wants = func(m bot.Message) bool { return strings.HasPrefix(m.Text, "@opsbot") }
	r.run()
	r.Say(r.alice, r.dev, "lunch?", "")
	r.Say(r.alice, r.dev, "@opsbot status", "")
	r.settled()
	if got := r.received(1); got[0].Text != "@opsbot status" || len(r.Lost()) > 0 {
		t.Errorf("received %+v, lost %q", got, r.Lost())
	}
}

func TestReaction(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.inbox.wants = func(m bot.Message) bool { return m.Reaction == "+1" }
		stranger := r.AddUser(fake.User{Name: "eve", Team: "T0OTHER"})
		r.Join(stranger, r.dev, r.alice)
		p := r.post("plan:1", "the plan")
		p.Thread = wire.MessageID(r.dev, r.Say(r.alice, r.dev, "go", ""))
		id := r.send(p)
		r.delivered(p, id)
		_, ts, _ := wire.SplitID(id)
		r.React(r.alice, r.dev, ts, "tada")
		r.React(stranger, r.dev, ts, "+1::skin-tone-3")
		r.settled()
		got := r.received(1)[0]
		if got.Reaction != "+1" || got.On != id || got.Thread != p.Thread || got.Author.Workspace != "T0OTHER" || got.Text != "" {
			t.Errorf("received %+v", got)
		}
	})
}

// delivered keeps a post as the pump does once it is sent.
func (r *rig) delivered(p bot.Post, id string) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Posts.Put(ctx, p); err != nil {
			return err
		}
		row, err := tx.Posts.Get(ctx, p.Room, p.Key)
		if err != nil {
			return err
		}
		row.MessageID, row.Thread, row.Delivered = id, p.Thread, row.Wanted
		return tx.Posts.Delivered(ctx, row)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestRooms(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		if room := r.kept(r.dev); room.Name != "dev" || room.State != "" {
			t.Errorf("at the start the room is %+v", room)
		}
		state := func(what, channel, name, want string) {
			t.Helper()
			r.settled()
			if room := r.kept(channel); room.Name != name || room.State != want {
				t.Errorf("after %s the room is %+v", what, room)
			}
		}
		r.RenameChannel(r.alice, r.dev, "devs")
		state("a new name", r.dev, "devs", "")
		r.Archive(r.alice, r.dev)
		state("archiving", r.dev, "devs", "archived")
		r.Unarchive(r.alice, r.dev)
		state("unarchiving", r.dev, "devs", "")
		r.Leave(r.BotUserID, r.dev)
		state("leaving", r.dev, "devs", "left")
		r.Join(r.BotUserID, r.dev, r.alice)
		state("coming back", r.dev, "devs", "")
		other := r.AddChannel(fake.Channel{Name: "other", Members: []string{r.alice}})
		r.RenameChannel(r.alice, other, "others")
		state("a foreign channel's new name", other, "", "")
	})
}

// TestRoomsAtStart: what happened while OpsBot was away is seen when it comes back.
func TestRoomsAtStart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if err := r.chat.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Leave(r.BotUserID, r.dev)
	private := r.AddChannel(fake.Channel{Name: "secret", Kind: fake.Private, Members: []string{r.alice, r.BotUserID}})
	if err := r.newChat(t.TempDir()).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.kept(r.dev).State != "left" || r.kept(private).Name != "secret" {
		t.Errorf("rooms %+v, %+v", r.kept(r.dev), r.kept(private))
	}
}

// TestRenumbered: a channel with a new id keeps what is set for it.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	r := setup(t)
	err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: r.room(r.dev), Name: "dev", Style: "lines", ProjectID: "p1"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.chat.event(t.Context(), wire.Outer{Type: "event_callback", Event: wire.Event{Type: "channel_id_changed", OldChannel: r.dev, NewChannel: "C0NEW"}}, false); err != nil {
		t.Fatal(err)
	}
	if now, old := r.kept("C0NEW"), r.kept(r.dev); now.Style != "lines" || now.ProjectID != "p1" || now.Name != "dev" || old.State != "left" || old.ProjectID != "" {
		t.Errorf("the new one is %+v, the old one %+v", now, old)
	}
}

// TestUnknownIdentity: before Slack said who the bot is nothing is taken.
func TestUnknownIdentity(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Fail(fake.Fault{Method: "auth.test", Times: 1, Status: 503})
	e := wire.Event{Type: "message", User: wire.Ref{ID: r.alice}, Channel: wire.Ref{ID: r.dev}, TS: "1700000000.000100", Text: "<@" + r.BotUserID + "> hi"}
	o := wire.Outer{Type: "event_callback", Event: e}
	if err := r.chat.event(t.Context(), o, false); err == nil || len(r.inbox.messages()) > 0 {
		t.Errorf("taken with %v", err)
	}
	if err := r.chat.event(t.Context(), o, false); err != nil || len(r.inbox.messages()) != 1 {
		t.Errorf("the second time: %v, %d messages", err, len(r.inbox.messages()))
	}
}

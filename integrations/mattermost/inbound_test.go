package mattermost

import (
	"testing"

	"opsbot/bot"
)

func TestMentionsComeIn(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	said := r.srv.Say(r.alice.ID, r.ops.ID, "**@OpsBot** deploy <https://example.com/a> in ~ops", "")
	got := r.inbox.wait(t, "@opsbot deploy https://example.com/a in #ops")
	m := got[0]
	if m.ID != said.ID || m.Room != r.room() || m.Author.ID != r.alice.ID || m.Author.Name != "alice" || !m.Addressed || m.Direct || m.Missed || m.Thread != "" {
		t.Errorf("got %+v", m)
	}
	reply := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot status", said.ID)
	got = r.inbox.wait(t, "@opsbot status")
	if m := got[1]; m.ID != reply.ID || m.Thread != said.ID {
		t.Errorf("the reply: %+v", m)
	}
}

func TestWhatIsNotForTheBot(t *testing.T) {
	t.Parallel()
	r := setup(t)
	other := r.srv.AddBot("other")
	r.srv.Join(r.ops.ID, other.ID)
	r.run()
	edited := r.srv.Say(r.alice.ID, r.ops.ID, "hello", "")
	for _, text := range []string{"@all status", "@here status", "`@opsbot status`", "@opsbot-2 status", "mail x@opsbot.com", "opsbot status"} {
		r.srv.Say(r.alice.ID, r.ops.ID, text, "")
	}
	r.srv.Say(other.ID, r.ops.ID, "@opsbot from a bot", "")
	r.srv.SayWith(r.alice.ID, r.ops.ID, "@opsbot from a webhook", "", map[string]any{"from_webhook": "true"})
	r.srv.EditPost(edited.ID, "@opsbot edited")
	r.send(r.post("own", "@opsbot status"))
	r.srv.SayWith(r.alice.ID, r.ops.ID, "@opsbot last", "", map[string]any{"from_bot": "true", "override_username": "root"})
	got := r.inbox.wait(t, "@opsbot last")
	if len(got) != 1 {
		t.Errorf("came in: %q", saidIn(got))
	}
	if got[0].Author.Name != "alice" || got[0].Author.ID != r.alice.ID {
		t.Errorf("a forged name counts: %+v", got[0].Author)
	}
}

func TestDirectAndGroupMessages(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	dm := r.srv.DM(r.alice.ID, r.bot.ID)
	bob := r.srv.AddUser("bob")
	group := r.srv.GroupDM(r.alice.ID, bob.ID, r.bot.ID)
	r.srv.Say(r.alice.ID, group.ID, "let's talk", "")
	r.srv.Say(r.alice.ID, group.ID, "@opsbot in the group", "")
	r.srv.Say(r.alice.ID, dm.ID, "status", "")
	got := r.inbox.wait(t, "status")
	if len(got) != 2 || got[0].Text != "@opsbot in the group" || got[0].Direct || !got[0].Addressed {
		t.Fatalf("got %+v", got)
	}
	if !got[1].Direct || got[1].Room != r.ref(dm.ID) {
		t.Errorf("the direct message: %+v", got[1])
	}
}

func TestReactions(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot deploy", "")
	r.inbox.wait(t, "@opsbot deploy")
	plan := r.post("plan:1", "Plan")
	plan.Thread = root.ID
	id := r.send(plan)
	r.inbox.mu.Lock()
	r.inbox.wanted = func(m bot.Message) bool { return m.On == id || m.Addressed }
	r.inbox.mu.Unlock()
	r.srv.React(r.alice.ID, root.ID, "+1")
	r.srv.React(r.alice.ID, id, "+1_light_skin_tone")
	r.srv.React(r.bot.ID, id, "eyes")
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot end", "")
	got := r.inbox.wait(t, "@opsbot end")
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	if m := got[1]; m.Reaction != "+1" || m.On != id || m.Thread != root.ID || m.Author.Name != "alice" || m.Text != "" {
		t.Errorf("the reaction: %+v", m)
	}
}

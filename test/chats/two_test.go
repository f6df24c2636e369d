package chats_test

import (
	"strings"
	"testing"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
	"opsbot/test/talk"
)

// TestTwoChats: what is started in Slack shows its progress there; a room of Mattermost
// that is bound to the project gets the card too, and what a button there does is seen
// on both. In the bound room the project's name goes without saying.
func TestTwoChats(t *testing.T) {
	t.Parallel()
	here, there := talk.InSlack(slack.New(t)), talk.InMattermost(mattermost.New(t))
	f := folder(t, there, here) // the last one's room is the default
	s := f.Serve(t)
	defer func() {
		if t.Failed() {
			t.Log(s.Log())
		}
	}()
	if !ended(t, f, here, here.Say("alice", "@opsbot new-project hello-world", "")) {
		t.Fatal("the project was not made")
	}
	wait(t, here, "alice", `staging\s+\S+ succeeded`)
	if n := len(there.Shown("bob")); n > 0 {
		t.Errorf("%d messages in a room that nobody asked for", n)
	}
	if !ended(t, f, there, there.Say("bob", "@opsbot bind hello-world", "")) {
		t.Fatal("the room was not bound")
	}
	if !ended(t, f, there, there.Say("bob", "@opsbot buildNow", "")) {
		t.Fatal("nothing was built")
	}
	for _, c := range []talk.Chat{here, there} {
		wait(t, c, "bob", `hello-world · main · [\s\S]*Build #2\s+SUCCESS[\s\S]*Deploy to production`)
	}

	// A button of one room is another's in the other room.
	press(t, there, "bob", "Deploy to production")
	plan := wait(t, there, "bob", `Plan: production gets hello-world`)
	if count(here, "alice", `Plan: production`) > 0 {
		t.Error("the plan is shown where nobody asked for it")
	}
	press(t, there, "bob", "Confirm")
	wait(t, there, "bob", `Success! hello-world \S+ runs in production`)
	for _, c := range []talk.Chat{here, there} {
		wait(t, c, "bob", `hello-world · main · [\s\S]*production\s+\S+ succeeded`)
	}
	if again := wait(t, there, "bob", `Confirmed by bob`); again.ID != plan.ID {
		t.Error("the plan was not edited, but said again")
	}

	// Whoever has two accounts can be one person.
	here.Say("alice", "@opsbot link", "")
	code := wait(t, here, "alice", "Say `?link [A-Za-z0-9]{10}`? to me in the other chat")
	words := strings.Fields(code.Text)
	for i, w := range words {
		if strings.HasSuffix(w, "link") && i+1 < len(words) {
			there.Say("alice", "@opsbot link "+strings.Trim(words[i+1], "`"), "")
		}
	}
	wait(t, there, "alice", `Everybody here saw that code`)
}

// press presses the newest button of that label.
func press(t *testing.T, c talk.Chat, user, label string) {
	t.Helper()
	all := c.Shown(user)
	for i := len(all) - 1; i >= 0; i-- {
		for _, b := range all[i].Buttons {
			if b.Label == label {
				if err := c.Press(user, b.Action); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("%s shows no button %q", c.Name(), label)
}

package slack

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/slack/wire"
	fake "opsbot/test/fakes/slack"
)

func TestPress(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		p := r.post("card", "card")
		p.Buttons = []bot.Button{{Label: "Go", Action: "a1b2"}, {Label: "Log", URL: "https://ci.example.com/"}}
		root := r.send(p)
		reply := r.post("reply", "reply")
		reply.Thread, reply.Buttons = root, p.Buttons
		inThread := r.send(reply)
		for i, id := range []string{root, inThread} {
			_, ts, _ := wire.SplitID(id)
			for _, b := range []string{"Log", "Go"} {
				if a := r.Click(r.bob, r.dev, ts, b); !a.Acked {
					t.Fatalf("the press was not acknowledged: %s\n%s", a.Failure, r.log)
				}
			}
			got := r.received(i + 1)[i]
			if got.Action != "a1b2" || got.Room != r.room(r.dev) || got.Thread != root || got.Author != r.account(r.bob) || got.Loose || got.Text != "" {
				t.Errorf("received %+v", got)
			}
		}
	})
}

// TestMenu: more buttons than a reader takes in are a menu.
func TestMenu(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	p := r.post("card", "card")
	for i := range 8 {
		p.Buttons = append(p.Buttons, bot.Button{Label: fmt.Sprint("Choice ", i), Action: fmt.Sprint("act", i)})
	}
	_, ts, _ := wire.SplitID(r.send(p))
	if a := r.Choose(r.bob, r.dev, ts, "menu", "Choice 6"); !a.Acked {
		t.Fatal(a.Failure)
	}
	if got := r.received(1)[0]; got.Action != "act6" {
		t.Errorf("received %+v", got)
	}
}

// TestPressOfEphemeral: a message for one person can't be answered under.
func TestPressOfEphemeral(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	to := r.account(r.alice)
	p := r.post("ask", "Sure?")
	p.To, p.Buttons = &to, []bot.Button{{Label: "Yes", Action: "yes1"}}
	if err := r.chat.SendEphemeral(r.within(), p); err != nil {
		t.Fatal(err)
	}
	if a := r.Click(r.alice, r.dev, r.Ephemerals(r.alice, r.dev)[0].TS, "Yes"); !a.Acked {
		t.Fatal(a.Failure)
	}
	if got := r.received(1)[0]; got.Thread != "" || !got.Loose {
		t.Errorf("received %+v", got)
	}
}

// TestRefusedPress: a refusal is shown to whoever pressed, alone.
func TestRefusedPress(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.desk.form = func(bot.Message) (*bot.Form, error) {
			return nil, bot.Errorf(bot.CodeForbidden, "You may not do *that*.")
		}
		p := r.post("card", "card")
		p.Buttons = []bot.Button{{Label: "Go", Action: "a1b2"}}
		_, ts, _ := wire.SplitID(r.send(p))
		if a := r.Click(r.bob, r.dev, ts, "Go"); !a.Acked {
			t.Fatal(a.Failure)
		}
		seen := r.Ephemerals(r.bob, r.dev)
		if len(seen) == 0 || !strings.Contains(seen[0].Text(), "You may not do *that*.") || len(r.inbox.messages()) > 0 {
			t.Errorf("bob sees %+v", seen)
		}
	})
}

// TestBrokenDesk: what is our own fault is not acknowledged.
func TestBrokenDesk(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.desk.form = func(bot.Message) (*bot.Form, error) { return nil, errors.New("disk on fire") }
		p := r.post("card", "card")
		p.Buttons = []bot.Button{{Label: "Go", Action: "a1b2"}}
		_, ts, _ := wire.SplitID(r.send(p))
		if a := r.Click(r.bob, r.dev, ts, "Go"); a.Acked {
			t.Error("acknowledged")
		}
	}, fake.WithAckTimeout(300*time.Millisecond))
}

func TestSlash(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		a := r.Slash(r.alice, r.dev, "/ops", "status hello & `x` for @bob")
		if !a.Acked {
			t.Fatalf("%s\n%s", a.Failure, r.log)
		}
		got := r.received(1)[0]
		if got.Text != "status hello & `x` for @"+r.bob || !got.Loose || !got.Addressed || got.Under() != "" || got.Room != r.room(r.dev) {
			t.Errorf("received %+v", got)
		}
		if seen := r.Ephemerals(r.alice, r.dev); len(seen) == 0 || !strings.HasPrefix(seen[0].Text(), "Working on status hello & `x`") {
			t.Errorf("alice sees %+v", seen)
		}
	})
}

func TestSlashWhereTheBotIsNot(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	public := r.AddChannel(fake.Channel{Name: "other", Members: []string{r.alice}})
	private := r.AddChannel(fake.Channel{Name: "secret", Kind: fake.Private, Members: []string{r.alice}})
	foreign := r.AddChannel(fake.Channel{Kind: fake.Direct, Members: []string{r.alice, r.bob}})
	for channel, want := range map[string]string{public: "/invite @opsbot", private: "/invite @opsbot", foreign: "conversation"} {
		a := r.Slash(r.alice, channel, "/ops", "deploy hello to staging")
		if seen := r.Ephemerals(r.alice, channel); !a.Acked || len(seen) != 1 || !strings.Contains(seen[0].Text(), want) {
			t.Errorf("%s: %+v, alice sees %+v", channel, a, seen)
		}
	}
	if got := r.inbox.messages(); len(got) > 0 {
		t.Errorf("it was run: %+v", got)
	}
	if a := r.Slash(r.alice, r.DM(r.alice), "/ops", ""); !a.Acked {
		t.Error(a.Failure)
	}
	if got := r.received(1)[0]; !got.Direct || got.Text != "help" {
		t.Errorf("in the bot's own conversation: %+v", got)
	}
}

// aForm asks for one of each.
func aForm() *bot.Form {
	return &bot.Form{ID: "form1", Title: "New project: a long title", Intro: "Fill **in**", Submit: "Create", Fields: []bot.FormField{
		{Name: "name", Label: "Name", Hint: "of letters", Kind: bot.FieldText, Required: true, Max: 40},
		{Name: "port", Label: "Port", Kind: bot.FieldNumber, Value: "8080"},
		{Name: "color", Label: "Colour", Kind: bot.FieldSelect, Value: "red", Options: []bot.FormOption{{Value: "red", Label: "Red"}, {Value: "blue", Label: "Blue"}}},
		{Name: "private", Label: "Private", Kind: bot.FieldCheckbox, Required: true},
	}}
}

func TestForm(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.desk.form = func(m bot.Message) (*bot.Form, error) {
			if m.Text == "new-project" {
				return aForm(), nil
			}
			return nil, nil
		}
		r.desk.check = func(m bot.Message) (map[string]string, error) {
			switch m.Form["name"] {
			case "taken":
				return map[string]string{"name": "It is taken.", "nowhere": "Not here."}, nil
			case "no":
				return nil, bot.Errorf(bot.CodeForbidden, "You may not.")
			}
			return nil, nil
		}
		if a := r.Slash(r.alice, r.dev, "/ops", "new-project"); !a.Acked {
			t.Fatalf("%s\n%s", a.Failure, r.log)
		}
		view, ok := r.View(r.alice)
		if !ok || view.Submit != "Create" || len(r.inbox.messages()) > 0 {
			t.Fatalf("the form is %+v", view)
		}
		wrong := r.Submit(r.alice, view.ID, map[string]string{"name": "taken"})
		if wrong.Closed || wrong.Errors["name"] != "It is taken. Not here." {
			t.Errorf("%s", wrong)
		}
		if refused := r.Submit(r.alice, view.ID, map[string]string{"name": "no"}); refused.Closed || refused.Errors["name"] != "You may not." {
			t.Errorf("%s", refused)
		}
		good := r.Submit(r.alice, view.ID, map[string]string{"name": "hello", "port": "99", "color": "Blue", "private": "Yes"})
		if !good.Closed || len(good.Errors) > 0 {
			t.Fatalf("%s\n%s", good, r.log)
		}
		got := r.received(1)[0]
		if got.Action != "form1" || got.Room != r.room(r.dev) || !got.Loose || fmt.Sprint(got.Form) != "map[color:blue name:hello port:99 private:true]" {
			t.Errorf("received %+v", got)
		}
	})
}

// TestFormInThread: a form that a button in a thread opens is answered there.
func TestFormInThread(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.desk.form = func(bot.Message) (*bot.Form, error) { return aForm(), nil }
	p := r.post("card", "card")
	p.Buttons = []bot.Button{{Label: "Go", Action: "a1b2"}}
	root := r.send(p)
	_, ts, _ := wire.SplitID(root)
	r.Click(r.alice, r.dev, ts, "Go")
	view, _ := r.View(r.alice)
	r.Submit(r.alice, view.ID, map[string]string{"name": "hello"})
	if got := r.received(1)[0]; got.Thread != root || got.Loose || got.Form["private"] != "false" || got.Form["port"] != "8080" {
		t.Errorf("received %+v", got)
	}
}

// TestForgedForm: what a form carries is believed only as it was given out, to whom it
// was given out.
func TestForgedForm(t *testing.T) {
	t.Parallel()
	r := setup(t)
	good := r.chat.seal(formState{Form: "form1", Channel: r.dev, User: r.alice})
	other := r.newChat(t.TempDir()).seal(formState{Form: "form1", Channel: r.dev, User: r.bob})
	for name, state := range map[string]string{
		"someone else's": good, "another key": other, "cut": good[:len(good)-2], "nothing": "", "no signature": strings.Split(good, ".")[0] + ".",
	} {
		i := wire.Interaction{Type: "view_submission", User: wire.Person{ID: r.bob}, View: wire.View{ID: "V1", CallbackID: "form", PrivateMetadata: state}}
		out, err := r.chat.interaction(t.Context(), i)
		s, ok := out.(submission)
		if err != nil || !ok || s.Action != "update" || len(r.inbox.messages()) > 0 || len(r.desk.checks) > 0 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	i := wire.Interaction{Type: "view_submission", User: wire.Person{ID: r.alice}, View: wire.View{ID: "V1", CallbackID: "form", PrivateMetadata: good}}
	if _, err := r.chat.interaction(t.Context(), i); err != nil || len(r.inbox.messages()) != 1 {
		t.Errorf("the real one: %v", err)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.desk.home = func(a bot.Account, room bot.RoomRef) ([]bot.Post, error) {
			if a.ID == r.bob {
				return nil, bot.Errorf(bot.CodeForbidden, "You may do nothing here.")
			}
			return []bot.Post{
				{Title: "My projects", Text: []bot.Text{"**hello**"}, Buttons: []bot.Button{{Label: "New project", Action: "new1", Style: "primary"}}},
				{Title: "Waiting for me", Text: []bot.Text{"Nothing."}, Buttons: []bot.Button{{Label: "Confirm", Action: "yes1"}}},
			}, nil
		}
		r.OpenHome(r.alice)
		r.OpenHome(r.bob)
		r.settled()
		home, ok := r.Home(r.alice)
		if !ok || home.Text() != "My projects\nhello\n---\nWaiting for me\nNothing." {
			t.Fatalf("the home is %q\n%s", home.Text(), r.log)
		}
		if refused, _ := r.Home(r.bob); refused.Text() != "You may do nothing here." {
			t.Errorf("bob's home is %q", refused.Text())
		}
		if a := r.ClickView(r.alice, home.ID, "Confirm", ""); !a.Acked {
			t.Fatal(a.Failure)
		}
		got := r.received(1)[0]
		if got.Action != "yes1" || got.Room != r.room(r.DM(r.alice)) || !got.Loose || !got.Direct {
			t.Errorf("received %+v", got)
		}
	})
}

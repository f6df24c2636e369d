package mattermost

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/mattermost"
)

// withButton posts something with a button and gives the post's and the button's id.
func (r *rig) withButton(thread string) (post, button, action string) {
	r.t.Helper()
	p := r.post("plan:"+bot.NewToken(), "Plan")
	p.Thread = thread
	p.Buttons = []bot.Button{{Label: "Confirm", Action: bot.NewToken(), Style: "primary"}}
	id := r.send(p)
	return id, r.seen(id).Attachments[0].Actions[0].ID, p.Buttons[0].Action
}

func TestADoubleClickIsOne(t *testing.T) {
	t.Parallel()
	r := setup(t)
	post, button, _ := r.withButton("")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if res := r.srv.Click(r.alice.ID, post, button); res.Status != http.StatusOK {
				t.Errorf("a click: %+v", res)
			}
		})
	}
	all.Wait()
	if got := r.inbox.all(); len(got) != 1 {
		t.Errorf("%d clicks came in", len(got))
	}
	bob := r.srv.AddUser("bob")
	r.srv.Join(r.ops.ID, bob.ID)
	r.srv.Click(bob.ID, post, button)
	if got := r.inbox.all(); len(got) != 2 {
		t.Errorf("with another person's %d clicks came in", len(got))
	}
}

// TestALaterClickIsAnother: a button may be meant to be pressed more than once.
func TestALaterClickIsAnother(t *testing.T) {
	t.Parallel()
	r := setup(t)
	begin := time.Now()
	at := func(after time.Duration) string {
		trigger := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "id:user:%d:c2lnbmF0dXJl", begin.Add(after).UnixMilli()))
		return r.clickOf(pressed{PostID: "p", UserID: "u", TriggerID: trigger}, "a").id
	}
	first := at(0)
	if at(doubled-time.Millisecond) != first || at(doubled+time.Millisecond) == first {
		t.Error("the border between a double click and two clicks is wrong")
	}
}

func TestAFailedClickCanBeRepeated(t *testing.T) {
	t.Parallel()
	r := setup(t)
	post, button, _ := r.withButton("")
	r.inbox.failNext(bot.Errorf(bot.CodeStorageFull, "no space"))
	r.srv.Click(r.alice.ID, post, button)
	if got := r.srv.Whispers(r.alice.ID); len(got) != 1 || got[0].Message != notStored {
		t.Errorf("alice is told %+v", got)
	}
	r.srv.Click(r.alice.ID, post, button)
	if got := r.inbox.all(); len(got) != 1 {
		t.Errorf("%d clicks came in", len(got))
	}
}

func TestAClickInAThread(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot deploy", "")
	post, button, action := r.withButton(root.ID)
	r.Chat = r.another() // so that the thread is asked for
	r.srv.Click(r.alice.ID, post, button)
	// The click goes to the address of the life that posted it.
	if got := r.inbox.all(); len(got) != 1 || got[0].Thread != root.ID || got[0].Action != action {
		t.Errorf("came in: %+v", got)
	}
}

func TestManyButtonsAreAMenu(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("menu", "What now?")
	for i := range 7 {
		p.Buttons = append(p.Buttons, bot.Button{Label: fmt.Sprint("Do ", i), Action: bot.NewToken()})
	}
	id := r.send(p)
	seen := r.seen(id)
	menu := seen.Attachments[0].Actions[0]
	if len(seen.Attachments[0].Actions) != 1 || menu.Type != "select" || len(menu.Options) != 7 || menu.Options[3].Text != "Do 3" {
		t.Fatalf("the menu: %+v", seen.Attachments[0].Actions)
	}
	for _, b := range p.Buttons {
		if strings.Contains(fmt.Sprint(seen), b.Action) {
			t.Error("people can see the action behind an option")
		}
	}
	r.srv.Select(r.alice.ID, id, menu.ID, menu.Options[3].Value)
	if got := r.inbox.all(); len(got) != 1 || got[0].Action != p.Buttons[3].Action {
		t.Errorf("came in: %+v", got)
	}
	r.srv.Select(r.alice.ID, id, menu.ID, "something else")
	if got := r.inbox.all(); len(got) != 1 {
		t.Errorf("an option that is not there came in: %+v", got)
	}
}

func TestARefusalIsToldToWhoClicked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot deploy", "")
	post, button, _ := r.withButton(root.ID)
	r.desk.form = func(bot.Message) (*bot.Form, error) {
		return nil, bot.Errorf(bot.CodeForbidden, "You may not do *that*, @here.")
	}
	r.srv.Click(r.alice.ID, post, button)
	got := r.srv.Whispers(r.alice.ID)
	if len(got) != 1 || got[0].Message != "You may not do \\*that\\*, @\u200bhere." || got[0].RootID != root.ID {
		t.Errorf("alice is told %+v", got)
	}
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d clicks came in", n)
	}
	if seen := r.seen(post); seen.EditAt != 0 {
		t.Error("the answer to a click changed the post")
	}
}

func TestForgedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	post, button, _ := r.withButton("")
	forged := fmt.Sprintf(`{"user_id":%q,"channel_id":%q,"post_id":%q,"context":{"action":%q}}`, r.alice.ID, r.ops.ID, post, button)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"actions", forged, http.StatusOK}, // what people can see of the button is no action: see below
		{"actions", "{", http.StatusBadRequest},
		{"actions", `{"user_id":"x"}`, http.StatusBadRequest},
		{"dialogs", "null", http.StatusBadRequest},
		{"dialogs", "[]", http.StatusBadRequest},
		{"command", "%zz", http.StatusBadRequest},
		{"command", "token=&channel_id=x", http.StatusUnauthorized},
		{"actions", strings.Repeat(" ", mostRequest+1), http.StatusRequestEntityTooLarge},
		{"nothing", "", http.StatusNotFound},
	} {
		res := r.request(c.path, c.body)
		if res.StatusCode != c.status {
			t.Errorf("%s %.20q: %d, want %d", c.path, c.body, res.StatusCode, c.status)
		}
	}
	if got := r.inbox.all(); len(got) != 1 || got[0].Action != button {
		t.Errorf("came in: %+v", got) // an action that nobody has stored
	}
}

func (r *rig) request(path, body string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, http.MethodPost, r.env.PublicURL+r.Prefix()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // it plays the server of others
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	return res
}

// opens makes the desk answer clicks and commands with a form.
func (r *rig) opens() {
	r.desk.form = func(m bot.Message) (*bot.Form, error) {
		if m.Form != nil {
			return nil, nil
		}
		return &bot.Form{
			ID: "form1form1form1form1fo", Title: "New project from a blueprint", Intro: "From **go-service**.", Submit: "Create",
			Fields: []bot.FormField{
				{Name: "name", Label: "Name of the project that is made", Kind: bot.FieldText, Required: true, Max: 40, Hint: strings.Repeat("lower case ", 30)},
				{Name: "replicas", Label: "Replicas", Kind: bot.FieldNumber, Value: "2"},
				{Name: "env", Label: "Environment", Kind: bot.FieldSelect, Value: "staging", Options: []bot.FormOption{{Value: "staging"}, {Value: "prod", Label: "Production"}}},
				{Name: "dry", Label: "Dry run", Kind: bot.FieldCheckbox},
				{Name: "text", Label: "Description", Kind: bot.FieldText, Max: 500},
			},
		}, nil
	}
}

func TestAFormThatAButtonOpens(t *testing.T) {
	t.Parallel()
	r := setup(t)
	post, button, _ := r.withButton("")
	r.opens()
	r.srv.Click(r.alice.ID, post, button)
	r.srv.Click(r.alice.ID, post, button) // a double click
	open := r.srv.Dialogs(r.alice.ID)
	if len(open) != 1 {
		t.Fatalf("%d forms are open", len(open))
	}
	d := open[0]
	if len(d.Title) > 24 || len(d.Elements) != 5 || d.Elements[1].Subtype != "number" || d.Elements[2].Type != "select" || d.Elements[3].Type != "bool" || d.Elements[4].Type != "textarea" {
		t.Errorf("the form: %+v", d)
	}
	r.desk.check = func(m bot.Message) (map[string]string, error) {
		if m.Form["name"] == "taken" {
			return map[string]string{"name": "taken is there already", "": "look again"}, nil
		}
		return nil, nil
	}
	if res := r.srv.SubmitDialog(d, map[string]any{"name": "taken"}); res.Errors["name"] == "" || res.Error != "look again" {
		t.Errorf("the answer: %+v", res)
	}
	if res := r.srv.SubmitDialog(d, map[string]any{"name": map[string]any{"nested": 1}}); res.Errors["name"] == "" {
		t.Errorf("a nested value: %+v", res)
	}
	if res := r.srv.SubmitDialog(d, map[string]any{"name": "hello-world", "dry": true, "extra": "x"}); res.Error != "" || len(res.Errors) > 0 {
		t.Fatalf("the answer: %+v", res)
	}
	got := r.inbox.all()
	want := map[string]string{"name": "hello-world", "replicas": "2", "env": "staging", "dry": "true", "text": ""}
	if len(got) != 1 || fmt.Sprint(got[0].Form) != fmt.Sprint(want) || got[0].Action != "form1form1form1form1fo" || got[0].Thread != post || got[0].Loose || got[0].Room != r.room() {
		t.Errorf("came in: %+v", got)
	}
}

func TestAFormIsOnlyItsOwners(t *testing.T) {
	t.Parallel()
	r := setup(t)
	post, button, _ := r.withButton("")
	r.opens()
	r.srv.Click(r.alice.ID, post, button)
	d := r.srv.Dialogs(r.alice.ID)[0]
	bob := r.srv.AddUser("bob")
	r.srv.Join(r.ops.ID, bob.ID)
	for what, forged := range map[string]fake.Dialog{
		"another person's": change(d, func(d *fake.Dialog) { d.UserID = bob.ID }),
		"a changed state":  change(d, func(d *fake.Dialog) { d.State = "x" + d.State }),
		"no state":         change(d, func(d *fake.Dialog) { d.State = "" }),
	} {
		if res := r.srv.SubmitDialog(forged, map[string]any{"name": "x"}); !strings.Contains(res.Error, "not known any more") {
			t.Errorf("%s: %+v", what, res)
		}
	}
	if res := r.srv.CancelDialog(d); res.Status != http.StatusOK {
		t.Errorf("closing: %+v", res)
	}
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d forms came in", n)
	}
}

func change(d fake.Dialog, how func(d *fake.Dialog)) fake.Dialog { how(&d); return d }

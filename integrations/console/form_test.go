package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"opsbot/bot"
)

// desk has one form, behind the action "opens".
type desk struct{}

func (desk) Form(_ context.Context, m bot.Message) (*bot.Form, error) {
	switch {
	case m.Action == "forbidden":
		return nil, bot.Errorf(bot.CodeForbidden, "You may not do that.")
	case m.Action != "opens":
		return nil, nil
	}
	return &bot.Form{ID: "sent-by-" + m.Author.ID, Title: "New <thing>", Submit: "Create", Fields: []bot.FormField{
		{Name: "name", Label: "Name", Kind: bot.FieldText, Required: true, Max: 40, Hint: "lower case"},
		{Name: "size", Label: "Size", Kind: bot.FieldSelect, Value: "m", Required: true, Options: []bot.FormOption{{Value: "s", Label: "small"}, {Value: "m", Label: "middle"}}},
		{Name: "port", Label: "Port", Kind: bot.FieldNumber, Value: "8080"},
		{Name: "private", Label: "Private", Kind: bot.FieldCheckbox, Value: "true"},
		{Name: "token", Label: "Token", Kind: bot.FieldSecret, Value: "from-before"},
		{Name: "key_file", Label: "Key", Kind: bot.FieldSecret, Lines: true},
	}}, nil
}

func (desk) Check(_ context.Context, m bot.Message) (map[string]string, error) {
	if m.Form["name"] == "" {
		return map[string]string{"name": "A <name> is needed."}, nil
	}
	return nil, nil
}

func (desk) Home(context.Context, bot.Account, bot.RoomRef) ([]bot.Post, error) { return nil, nil }

func TestForm(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice := r.login("alice")
	press := r.do(call{method: "POST", path: "/rooms/general/press", cookie: alice, form: url.Values{"action": {"opens"}}, header: map[string]string{"HX-Request": "true"}})
	if press.status != http.StatusNoContent || press.header.Get("HX-Redirect") != "/rooms/general/forms/opens" {
		t.Fatalf("%d %v", press.status, press.header)
	}
	page := r.do(call{path: "/rooms/general/forms/opens", cookie: alice})
	for _, want := range []string{
		"<h1>New &lt;thing&gt;</h1>", `name="form" value="sent-by-alice"`, `name="name" value=""`, `maxlength="40"`,
		`<option value="m" selected>middle</option>`, `value="8080" inputmode="numeric"`, `type="checkbox" name="private" value="true" checked`,
		`type="password" name="token" autocomplete="new-password"`, `<textarea id="f-key_file" name="key_file"`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("%q is not in\n%s", want, page.body)
		}
	}
	// What is wrong is said beside the field, and what was typed is still there.
	form := url.Values{"form": {"sent-by-alice"}, "name": {""}, "size": {"s"}, "port": {"99"}, "private": {"false"}, "token": {"what-was-typed"}, "key_file": {"what-was-typed"}}
	wrong := r.do(call{method: "POST", path: "/rooms/general/forms/opens", cookie: alice, form: form})
	if wrong.status != http.StatusUnprocessableEntity || len(r.inbox.messages()) > 0 {
		t.Fatalf("%d %+v", wrong.status, r.inbox.messages())
	}
	for _, want := range []string{"A &lt;name&gt; is needed.", `aria-invalid="true"`, `<option value="s" selected>`, `value="99"`} {
		if !strings.Contains(wrong.body, want) {
			t.Errorf("%q is not in\n%s", want, wrong.body)
		}
	}
	for _, never := range []string{"from-before", "what-was-typed"} {
		if strings.Contains(page.body+wrong.body, never) {
			t.Errorf("a secret is shown: %s\n%s", page.body, wrong.body)
		}
	}
	form["name"], form["private"] = []string{"hello"}, []string{"false", "true"}
	for range 2 { // sent twice it is one
		sent := r.do(call{method: "POST", path: "/rooms/general/forms/opens", cookie: alice, form: form})
		if sent.status != http.StatusSeeOther || sent.header.Get("Location") != "/rooms/general" {
			t.Fatalf("%d %v %s", sent.status, sent.header, sent.body)
		}
	}
	got := r.inbox.messages()
	if len(got) != 1 || got[0].Action != "sent-by-alice" || got[0].Form["name"] != "hello" || got[0].Form["private"] != "true" || !got[0].Loose {
		t.Errorf("received %+v", got)
	}
}

func TestFormRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice := r.login("alice")
	for path, want := range map[string]int{"/rooms/general/forms/unknown": http.StatusNotFound, "/rooms/general/forms/forbidden": http.StatusForbidden} {
		if a := r.do(call{path: path, cookie: alice}); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
	if a := r.do(call{method: "POST", path: "/rooms/general/press", cookie: alice, form: url.Values{"action": {"forbidden"}}}); a.status != http.StatusForbidden {
		t.Errorf("a press: %d", a.status)
	}
}

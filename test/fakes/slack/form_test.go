package slack_test

import (
	"fmt"
	"testing"
	"time"

	"opsbot/test/fakes/slack"
)

// newProject is a form with a field of each kind.
const newProject = `{"type":"modal","callback_id":"new","private_metadata":"p","title":{"type":"plain_text","text":"New project"},
	"submit":{"type":"plain_text","text":"Create"},"blocks":[
	{"type":"input","block_id":"name","label":{"type":"plain_text","text":"Name"},"element":{"type":"plain_text_input","action_id":"v","max_length":5}},
	{"type":"input","block_id":"kind","label":{"type":"plain_text","text":"Kind"},"element":{"type":"static_select","action_id":"v",
		"initial_option":{"text":{"type":"plain_text","text":"Go"},"value":"go"},
		"options":[{"text":{"type":"plain_text","text":"Go"},"value":"go"},{"text":{"type":"plain_text","text":"Java"},"value":"java"}]}},
	{"type":"input","block_id":"port","optional":true,"label":{"type":"plain_text","text":"Port"},"element":{"type":"number_input","action_id":"p","is_decimal_allowed":false,"min_value":"1"}},
	{"type":"input","block_id":"more","optional":true,"label":{"type":"plain_text","text":"More"},"element":{"type":"checkboxes","action_id":"m",
		"options":[{"text":{"type":"plain_text","text":"Docs"},"value":"docs"},{"text":{"type":"plain_text","text":"CI"},"value":"ci"}]}}]}`

// open lets alice open the form by a command.
func open(t *testing.T, r *rig, a *app, view string) slack.View {
	t.Helper()
	r.Slash(r.alice, r.dev, "/ops", "new-project")
	trigger := formOf(t, a.next(t)).Get("trigger_id")
	r.accepted(t, "views.open", "trigger_id", trigger, "view", view)
	v, ok := r.View(r.alice)
	if !ok {
		t.Fatal("no form is open")
	}
	return v
}

func TestFormIsSentAndClosed(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	v := open(t, r, a, newProject)
	if v.Title != "New project" || v.Submit != "Create" || v.Text() != "Name\nKind\nPort\nMore" || len(v.Controls) != 4 {
		t.Errorf("form %+v: %s", v, v.Text())
	}
	got := r.Submit(r.alice, v.ID, map[string]string{"Name": "shop", "more": "Docs,ci"})
	if !got.Acked || !got.Closed || len(got.Errors) != 0 {
		t.Errorf("submission %s", got)
	}
	sent := a.next(t).payload(t)["view"].(map[string]any)
	want := "map[kind:map[v:map[selected_option:map[text:map[emoji:true text:Go type:plain_text] value:go] type:static_select]]" +
		" more:map[m:map[selected_options:[map[text:map[emoji:true text:Docs type:plain_text] value:docs]" +
		" map[text:map[emoji:true text:CI type:plain_text] value:ci]] type:checkboxes]]" +
		" name:map[v:map[type:plain_text_input value:shop]] port:map[p:map[type:number_input value:<nil>]]]"
	if values := fmt.Sprint(sent["state"].(map[string]any)["values"]); values != want {
		t.Errorf("values %s", values)
	}
	if sent["callback_id"] != "new" || sent["private_metadata"] != "p" {
		t.Errorf("sent %v", sent)
	}
	if _, ok := r.View(r.alice); ok {
		t.Error("the form is still open")
	}
}

func TestSlackItselfChecksFields(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	v := open(t, r, a, newProject)
	for want, values := range map[string]map[string]string{
		"map[name:Please complete this required field.]":           {},
		"map[name:This must be at most 5 characters.]":             {"name": "too long"},
		"map[port:Enter a number.]":                                {"name": "shop", "port": "many"},
		"map[port:Enter a number of at least 1.]":                  {"name": "shop", "port": "0"},
		`map[kind:there is no option "Cobol" among ["Go" "Java"]]`: {"name": "shop", "kind": "Cobol"},
	} {
		if got := r.Submit(r.alice, v.ID, values); fmt.Sprint(got.Errors) != want || got.Acked {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
	if len(a.received) != 0 {
		t.Error("the app heard of it")
	}
}

func TestAnswersToForms(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	v := open(t, r, a, newProject)
	fill := map[string]string{"Name": "shop"}
	a.says(`{"response_action":"errors","errors":{"name":"taken"}}`)
	if got := r.Submit(r.alice, v.ID, fill); got.Errors["name"] != "taken" || got.Closed {
		t.Errorf("errors: %s", got)
	}
	if v, _ := r.View(r.alice); v.Errors["name"] != "taken" {
		t.Errorf("the form shows %v", v.Errors)
	}
	a.says(`{"response_action":"update","view":{"type":"modal","title":{"type":"plain_text","text":"Two"},"blocks":[{"type":"divider"}]}}`)
	if got := r.Submit(r.alice, v.ID, fill); got.Closed {
		t.Errorf("update: %s", got)
	}
	if v, _ := r.View(r.alice); v.Title != "Two" || v.Errors != nil {
		t.Errorf("after update %+v", v)
	}
	a.says(`{"response_action":"push","view":{"type":"modal","title":{"type":"plain_text","text":"Three"},"blocks":[]}}`)
	r.Submit(r.alice, v.ID, nil)
	top, _ := r.View(r.alice)
	if top.Title != "Three" || top.ID == v.ID {
		t.Errorf("after push %+v", top)
	}
	a.says(`{"response_action":"clear"}`)
	r.Submit(r.alice, top.ID, nil)
	if _, ok := r.View(r.alice); ok {
		t.Error("after clear a form is open")
	}
}

func TestWrongAnswersToForms(t *testing.T) {
	t.Parallel()
	for about, answer := range map[string]string{
		"which is no input block": `{"response_action":"errors","errors":{"nothing":"x"}}`,
		"without response_action": `{"errors":{"name":"x"}}`,
		"unknown response_action": `{"response_action":"explode"}`,
		"errors without any":      `{"response_action":"errors"}`,
		"is no JSON object":       `hello`,
		"invalid_arguments":       `{"response_action":"update","view":{"type":"home","blocks":[]}}`,
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			r, a := overHTTP(t, quiet())
			v := open(t, r, a, newProject)
			a.says(answer)
			r.Submit(r.alice, v.ID, map[string]string{"Name": "shop"})
			r.complained(t, about)
		})
	}
}

func TestTriggersExpire(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r, a := overHTTP(t, slack.WithClock(clock))
	r.Slash(r.alice, r.dev, "/ops", "new-project")
	trigger := formOf(t, a.next(t)).Get("trigger_id")
	clock.advance(3 * time.Second)
	r.refused(t, "expired_trigger_id", "views.open", "trigger_id", trigger, "view", newProject)
}

func TestViewsAreUpdated(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	v := open(t, r, a, newProject)
	hash := r.accepted(t, "views.update", "view_id", v.ID, "view", newProject)["view"].(map[string]any)["hash"].(string)
	r.refused(t, "hash_conflict", "views.update", "view_id", v.ID, "view", newProject, "hash", "1.x")
	r.accepted(t, "views.update", "view_id", v.ID, "view", newProject, "hash", hash)
	r.refused(t, "not_found", "views.update", "view_id", "V404", "view", newProject)
	r.CloseView(r.alice, v.ID)
	if len(a.received) != 0 {
		t.Error("the app heard of a closing that it did not ask for")
	}
	r.refused(t, "not_found", "views.update", "view_id", v.ID, "view", newProject)
}

func TestBadViewsFailTheTest(t *testing.T) {
	t.Parallel()
	plain := `{"type":"plain_text","text":"x"}`
	for complaint, view := range map[string]string{
		"less than 25 characters":         `{"type":"modal","title":{"type":"plain_text","text":"This title is far too long"},"blocks":[]}`,
		"missing required field: title":   `{"type":"modal","blocks":[]}`,
		"missing required field: submit":  `{"type":"modal","title":` + plain + `,"blocks":[{"type":"input","label":` + plain + `,"element":{"type":"plain_text_input"}}]}`,
		"must be one of modal":            `{"type":"home","title":` + plain + `,"blocks":[]}`,
		"invalid additional property: ok": `{"type":"modal","ok":true,"title":` + plain + `,"blocks":[]}`,
		"unsupported type: table":         `{"type":"modal","title":` + plain + `,"blocks":[{"type":"table","rows":[]}]}`,
	} {
		t.Run(complaint, func(t *testing.T) {
			t.Parallel()
			r, a := overHTTP(t, quiet())
			r.Slash(r.alice, r.dev, "/ops", "x")
			r.refused(t, "invalid_arguments", "views.open", "trigger_id", formOf(t, a.next(t)).Get("trigger_id"), "view", view)
			r.complained(t, complaint)
		})
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	r.OpenHome(r.alice)
	if e := a.event(t, "app_home_opened", ""); e["channel"] != r.DM(r.alice) || e["view"] != nil {
		t.Errorf("event %v", e)
	}
	home := `{"type":"home","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*My projects*"}}]}`
	r.accepted(t, "views.publish", "user_id", r.alice, "view", home)
	if v, ok := r.Home(r.alice); !ok || v.Text() != "*My projects*" {
		t.Errorf("home %+v", v)
	}
	r.refused(t, "hash_conflict", "views.publish", "user_id", r.alice, "view", home, "hash", "0.x")
	r.OpenHome(r.alice)
	if e := a.event(t, "app_home_opened", ""); e["view"] == nil {
		t.Errorf("event %v", e)
	}
	if _, ok := r.Home(r.bob); ok {
		t.Error("bob sees alice's home")
	}
}

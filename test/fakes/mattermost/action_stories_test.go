package mattermost_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/mattermost"
)

// connect opens the sockets whose events are compared.
func (r *replay) connect(t *testing.T) {
	t.Helper()
	for who, token := range map[string]string{"alice": r.alice.Token, "bot": r.bot.Token} {
		r.sockets[who] = dial(t, r.Server, token, "")
		r.sockets[who].event("hello")
	}
}

func quickly(timing *mattermost.Timing) { timing.Outgoing = time.Second }

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	s.Close()
	return s.URL
}

func replayCommands(t *testing.T) int {
	r := newReplay(t, mattermost.WithTiming(quickly)).withChannels()
	r.setHeader(t)
	r.UpdateUser(r.alice.ID, func(u *mattermost.User) { u.Nickname = "Al" })
	r.connect(t)
	register := func(method, trigger, target string) {
		r.call(t, r.Admin.Token, "POST", "/api/v4/commands", object{"team_id": r.Team.ID, "method": method, "url": target, "trigger": trigger})
	}
	tokens := func(t *testing.T) {
		var list []struct{ Trigger, Token string }
		if err := json.Unmarshal(r.call(t, r.Admin.Token, "GET", "/api/v4/commands", nil).body, &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			r.dict.learn("<COMMAND_TOKEN_"+strings.ToUpper(c.Trigger)+">", c.Token)
		}
	}
	return r.play(t, "http-4xx.jsonl", map[string]func(*testing.T){
		"402-exec-ephemeral": func(t *testing.T) {
			register("P", "dead", nobody(t)+"/x")
			register("G", "getcmd", r.listener.url+"/getcmd?fixed=1")
			register("P", "fresh", r.listener.url+"/fresh")
			tokens(t)
		},
		"410-exec-in-thread": func(*testing.T) {
			r.dict.learn("3qdqf99g7bnhim1egxpedd4ihc", r.Say(r.alice.ID, r.ops.ID, "thread root", "").ID)
		},
		"430-exec-slow-35s":           func(*testing.T) { r.hang = true },
		"432-exec-untrusted-internal": func(*testing.T) { r.Integrations(false) },
	}, map[string]string{
		"413c-exec-builtin-by-bot":        "the server's own commands are not OpsBot's",
		"413d-exec-builtin-header-by-bot": "the server's own commands are not OpsBot's",
		"422c-response-url-get":           "the web page of the server",
	})
}

// deployPost makes the recorded post with buttons and learns its id.
func (r *replay) deployPost(t *testing.T, recorded, root string) {
	t.Helper()
	target := r.listener.url + "/action"
	act := func(id, kind, name string, more object) object {
		out := object{"id": id, "type": kind, "name": name, "integration": object{"url": target}}
		for key, value := range more {
			out[key] = value
		}
		return out
	}
	with := func(context object) object { return object{"integration": object{"url": target, "context": context}} }
	approve := with(object{"action": "approve", "deploy": 42, "nested": object{"a": []any{1, "x", nil, true}}})
	approve["style"] = "good"
	env := with(object{"action": "pick"})
	env["options"] = []object{{"text": "Staging", "value": "staging"}, {"text": "Prod", "value": "prod"}}
	noType := act("notype", "", "No type", with(object{"x": 1}))
	delete(noType, "type")
	disabled := with(object{"x": 1})
	disabled["disabled"] = true
	made := r.call(t, r.bot.Token, "POST", "/api/v4/posts", object{
		"channel_id": r.ops.ID, "message": "Deploy?", "root_id": root, "props": object{"custom_prop": "keep me", "attachments": []object{{
			"text": "Deploy api v1.2?", "actions": []object{
				act("approve", "button", "Approve", approve), act("deny-it", "button", "Deny", nil), act("deny_it", "button", "Deny", nil),
				act("env", "select", "Pick env", env), act("who", "select", "Pick user", object{"data_source": "users"}), noType,
				act("disabled1", "button", "Disabled", disabled),
				act("dead", "button", "Dead", object{"integration": object{"url": nobody(t)}}),
			},
		}}},
	}).decode(t)
	r.dict.learn(recorded, made["id"].(string))
}

// whisperedButton makes the recorded ephemeral post with a button.
func (r *replay) whisperedButton(t *testing.T, rec recording) {
	t.Helper()
	made := r.call(t, r.Admin.Token, "POST", "/api/v4/posts/ephemeral", object{"user_id": r.alice.ID, "post": object{
		"channel_id": r.ops.ID, "message": "b", "props": object{"attachments": []object{{
			"text": "t", "actions": []object{{"id": "go", "type": "button", "name": "Go", "integration": object{"url": r.listener.url + "/action", "context": object{"k": 1}}}},
		}}},
	}}).decode(t)
	r.dict.learn("w5smngxiupgbmko1kxeg6dwy9e", made["id"].(string))
	var in struct{ Cookie string }
	if err := json.Unmarshal(rec.Request, &in); err != nil {
		t.Fatal(err)
	}
	seen := made["props"].(object)["attachments"].([]any)[0].(object)["actions"].([]any)[0].(object)
	r.dict.learn(in.Cookie, seen["cookie"].(string))
}

// freshTrigger lets alice click, and gives the id that the integration got.
func (r *replay) freshTrigger(t *testing.T) string {
	t.Helper()
	r.listener.expect(nil)
	if res := r.Click(r.alice.ID, r.dict.ours["6hku9oe6ttd4uypwfpfmgqtkec"], "approve"); res.Status != http.StatusOK {
		t.Fatalf("click: %+v", res)
	}
	var in struct {
		TriggerID string `json:"trigger_id"`
	}
	if err := json.Unmarshal([]byte(r.listener.heard()[0].body), &in); err != nil {
		t.Fatal(err)
	}
	return in.TriggerID
}

func replayActions(t *testing.T) int {
	r := newReplay(t, mattermost.WithTiming(quickly)).withChannels()
	r.connect(t)
	byName := map[string]recording{}
	for _, rec := range readLines[recording](t, "http-5xx.jsonl") {
		byName[rec.Name] = rec
	}
	trigger := func(name string) string {
		var in struct {
			TriggerID string `json:"trigger_id"`
		}
		if err := json.Unmarshal(byName[name].Request, &in); err != nil {
			t.Fatal(err)
		}
		return in.TriggerID
	}
	post := func(recorded string) func(*testing.T) {
		return func(t *testing.T) { r.deployPost(t, recorded, "") }
	}
	return r.play(t, "http-5xx.jsonl", map[string]func(*testing.T){
		"500-click-untrusted-internal": func(t *testing.T) {
			r.deployPost(t, "8c3o5gb877n898rdwtaiqngo3w", "")
			r.Integrations(false)
		},
		"501-click-button":               func(*testing.T) { r.Integrations(true) },
		"504b-click-update-message-only": post("ypokywzskjr9jyoubdnejj6gka"),
		"504d-click-update-empty-message": func(t *testing.T) {
			r.deployPost(t, "6ec1npobi3n4zc1jxkeqxo1zhr", "")
			r.keepEvents = true
		},
		"504e-click-update-foreign-fields": post("tns4y1i677d93jk1toypydzjoy"),
		"504f-click-update-null":           post("6hku9oe6ttd4uypwfpfmgqtkec"),
		"506e-click-by-other-member": func(*testing.T) {
			r.Join(r.ops.ID, r.bob.ID)
			for _, socket := range r.sockets {
				socket.event("user_added")
			}
			r.keepEvents = true // the post that follows is part of the recording
		},
		"508-click-in-thread": func(t *testing.T) {
			root := r.Say(r.alice.ID, r.ops.ID, "a thread", "")
			r.dict.learn("3ewpuwgsy3b9u8pc5usq5sr3se", root.ID)
			r.deployPost(t, "6dupafbyjjrbxkscrxrhkeryph", root.ID)
		},
		"509-click-ephemeral-with-cookie": func(t *testing.T) { r.whisperedButton(t, byName["509-click-ephemeral-with-cookie"]) },
		"510-open-dialog":                 func(t *testing.T) { r.dict.learn(trigger("510-open-dialog"), r.freshTrigger(t)) },
		"510d-open-dialog-tampered-trigger": func(t *testing.T) {
			text, err := base64.StdEncoding.DecodeString(r.dict.ours[trigger("510-open-dialog")])
			if err != nil {
				t.Fatal(err)
			}
			forged := strings.ReplaceAll(string(text), r.alice.ID, r.bob.ID)
			r.dict.learn(trigger("510d-open-dialog-tampered-trigger"), base64.StdEncoding.EncodeToString([]byte(forged)))
		},
		"510l-open-dialog-expired-trigger": func(*testing.T) { r.clock.add(31 * time.Second) },
		"530-click-slow-35s": func(t *testing.T) {
			r.deployPost(t, "opy9bsydzfbffkxsjj95h8n18e", "")
			r.hang = true
		},
	}, map[string]string{
		"524-lookup": "selects that look their options up are not OpsBot's",
	})
}

// TestDoubleClick: no click is held back.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	r := newReplay(t).withChannels()
	r.deployPost(t, "6hku9oe6ttd4uypwfpfmgqtkec", "")
	r.listener.expect(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	done := make(chan mattermost.Result)
	for range 3 {
		go func() { done <- r.Click(r.alice.ID, r.dict.ours["6hku9oe6ttd4uypwfpfmgqtkec"], "approve") }()
	}
	for range 3 {
		if res := <-done; res.Status != http.StatusOK {
			t.Errorf("click: %+v", res)
		}
	}
	rec := socketRecordingOf(t, "507-double-click")
	got := r.listener.heard()
	if len(got) != len(rec.Bodies) {
		t.Fatalf("the integration got %d requests, want %d", len(got), len(rec.Bodies))
	}
	for i, want := range rec.Bodies {
		var body any
		if err := json.Unmarshal([]byte(got[i].body), &body); err != nil {
			t.Fatal(err)
		}
		for _, diff := range r.dict.compare("request", want, body) {
			t.Error(diff)
		}
	}
}

func socketRecordingOf(t *testing.T, name string) socketRecording {
	t.Helper()
	for _, rec := range readLines[socketRecording](t, "sockets.jsonl") {
		if rec.Name == name {
			return rec
		}
	}
	t.Fatalf("no recording %s", name)
	return socketRecording{}
}

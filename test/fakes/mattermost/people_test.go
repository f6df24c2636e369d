package mattermost_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"opsbot/test/fakes/mattermost"
)

// TestAForm: a command opens a form, a person answers it wrongly, then rightly.
func TestAForm(t *testing.T) {
	t.Parallel()
	w := setup(t)
	submitted := make(chan object, 3)
	var bot string
	bot = listen(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ops" {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"text":"a form opens"}`)
			w.do(t, w.bot.Token, "POST", "/api/v4/actions/dialogs/open", object{"trigger_id": r.Form.Get("trigger_id"), "url": bot + "/dialog", "dialog": object{
				"title": "New project", "callback_id": "cb", "state": "s", "notify_on_cancel": true, "elements": []object{
					{"display_name": "Name", "name": "name", "type": "text", "max_length": 20},
					{"display_name": "Replicas", "name": "replicas", "type": "text", "subtype": "number", "default": "2"},
					{"display_name": "Dry", "name": "dry", "type": "bool", "default": "true"},
				},
			}})
			return
		}
		var in object
		_ = json.NewDecoder(r.Body).Decode(&in)
		submitted <- in
		if in["submission"].(object)["name"] == "bad" {
			io.WriteString(rw, `{"errors":{"name":"taken"}}`)
		}
	})
	cmd := w.AddCommand("ops", bot+"/ops")
	if cmd.Token == "" {
		t.Error("a command has no token")
	}
	if res := w.Slash(w.alice.ID, w.ops.ID, "/ops new-project", ""); res.Status != 200 || res.Text != "a form opens" {
		t.Fatalf("slash: %+v", res)
	}
	d, err := w.WaitDialog(within(t), w.alice.ID)
	if err != nil || d.Title != "New project" || len(d.Elements) != 3 {
		t.Fatalf("alice sees %+v, %v", d, err)
	}
	if res := w.SubmitDialog(d, object{"name": "bad"}); res.Errors["name"] != "taken" {
		t.Errorf("submit: %+v", res)
	}
	in := (<-submitted)["submission"].(object)
	if in["replicas"] != 2.0 || in["dry"] != true {
		t.Errorf("untouched fields are sent as %v", in)
	}
	if open := w.Dialogs(w.alice.ID); len(open) != 1 {
		t.Errorf("after an error %d forms are open", len(open))
	}
	if res := w.SubmitDialog(d, object{"name": "good"}); res.Status != 200 || len(res.Errors) > 0 {
		t.Errorf("submit: %+v", res)
	}
	if open := w.Dialogs(w.alice.ID); len(open) != 0 {
		t.Errorf("after a success %d forms are open", len(open))
	}
	<-submitted
	if res := w.CancelDialog(d); res.Status != 200 || (<-submitted)["cancelled"] != true {
		t.Errorf("cancel: %+v", res)
	}
}

func TestEphemeralNeedsARole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	whisper := object{"user_id": w.alice.ID, "post": object{"channel_id": w.ops.ID, "message": "psst"}}
	if got := w.do(t, w.bot.Token, "POST", "/api/v4/posts/ephemeral", whisper); got.status != 403 {
		t.Errorf("a default bot: %d", got.status)
	}
	w.AllowEphemeral(w.bot.ID)
	if got := w.do(t, w.bot.Token, "POST", "/api/v4/posts/ephemeral", whisper); got.status != 201 {
		t.Errorf("with the role: %d", got.status)
	}
	if seen := w.Channel("ops").PostsFor(w.alice.ID); len(seen) != 1 || !seen[0].Ephemeral {
		t.Errorf("alice sees %+v", seen)
	}
	if seen := w.Channel("ops").PostsFor(w.bob.ID); len(seen) != 0 {
		t.Errorf("bob sees %+v", seen)
	}
}

// TestReadModifyWriteKillsButtons is the trap of 305c.
func TestReadModifyWriteKillsButtons(t *testing.T) {
	t.Parallel()
	w := setup(t)
	calls := make(chan struct{}, 5)
	bot := listen(t, func(http.ResponseWriter, *http.Request) { calls <- struct{}{} })
	made := w.post(t, object{"channel_id": w.ops.ID, "props": object{"attachments": []object{{"text": "x", "actions": []object{
		{"id": "go", "type": "button", "name": "Go", "integration": object{"url": bot}},
	}}}}}).decode(t)
	id := made["id"].(string)
	w.do(t, w.bot.Token, "PUT", "/api/v4/posts/"+id+"/patch", object{"message": "kept"})
	if res := w.Click(w.alice.ID, id, "go"); res.Status != 200 {
		t.Errorf("after an edit of the message: %+v", res)
	}
	<-calls
	read := w.do(t, w.bot.Token, "GET", "/api/v4/posts/"+id, nil).decode(t)
	w.do(t, w.bot.Token, "PUT", "/api/v4/posts/"+id+"/patch", object{"props": read["props"]})
	if seen, _ := w.Post(id); len(seen.Attachments[0].Actions) != 1 {
		t.Errorf("the button is still seen, but there is %+v", seen.Attachments)
	}
	if res := w.Click(w.alice.ID, id, "go"); res.Status != 404 || res.ErrorID != "api.post.do_action.action_id.app_error" {
		t.Errorf("after a read-modify-write: %+v", res)
	}
	if res := w.Click(w.alice.ID, id, "with-dash"); res.Status != 404 || res.ErrorID != "api.context.404.app_error" {
		t.Errorf("an action id with a dash: %+v", res)
	}
}

func TestTriggersExpire(t *testing.T) {
	t.Parallel()
	clk := &clock{now: time.UnixMilli(1795219496000)}
	w := setup(t, mattermost.Clock(clk.Now))
	triggers := make(chan string, 1)
	bot := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		triggers <- r.Form.Get("trigger_id")
	})
	w.AddCommand("ops", bot)
	w.Slash(w.alice.ID, w.ops.ID, "/ops", "")
	open := object{"trigger_id": <-triggers, "url": bot, "dialog": object{"title": "T"}}
	clk.add(29 * time.Second)
	if got := w.do(t, "", "POST", "/api/v4/actions/dialogs/open", open); got.status != 200 {
		t.Errorf("after 29 s: %d %s", got.status, got.body)
	}
	clk.add(2 * time.Second)
	if got := w.do(t, "", "POST", "/api/v4/actions/dialogs/open", open); got.status != 400 || got.errorID(t) != "interactive_message.decode_trigger_id.expired" {
		t.Errorf("after 31 s: %d %s", got.status, got.body)
	}
}

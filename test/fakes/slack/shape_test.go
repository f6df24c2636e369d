package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample reads a file of the payload samples, which lie beside the repository and
// are not part of it.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	dir, ok := os.LookupEnv("OPSBOT_PAYLOADS")
	if !ok {
		dir = filepath.Join("..", "..", "..", "..", "shared", "payloads")
	}
	data, err := os.ReadFile(filepath.Join(dir, "slack", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("OPSBOT_REQUIRE_PAYLOADS") != "1" {
		t.Skipf("NO PAYLOAD CORPUS: slack/%s is missing, so the fake's shapes are NOT checked", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sameShape compares keys and types of have with a sample. The remarks are the
// differences that are known and right, "-path" for a key that we do not send and
// "+path" for one that the sample does not have.
func sameShape(t *testing.T, name string, have any, remarks ...string) {
	t.Helper()
	var want any
	if err := json.Unmarshal(sample(t, name), &want); err != nil {
		t.Fatal(err)
	}
	sameAs(t, name, want, have, remarks...)
}

func sameAs(t *testing.T, name string, want, have any, remarks ...string) {
	t.Helper()
	var found []string
	differences("", want, have, &found)
	slices.Sort(remarks)
	for _, d := range found {
		if _, known := slices.BinarySearch(remarks, d); !known {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, r := range remarks {
		if !slices.Contains(found, r) {
			t.Errorf("%s: the remark %s says nothing", name, r)
		}
	}
}

func differences(at string, want, have any, out *[]string) {
	if want == nil || have == nil {
		return // null stands for any type
	}
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if _, ok := have[k]; !ok {
				*out = append(*out, "-"+at+"/"+k)
				continue
			}
			differences(at+"/"+k, want[k], have[k], out)
		}
		for _, k := range slices.Sorted(maps.Keys(have)) {
			if _, ok := want[k]; !ok {
				*out = append(*out, "+"+at+"/"+k)
			}
		}
		return
	case []any:
		if have, ok := have.([]any); ok {
			if len(want) > 0 && len(have) > 0 {
				differences(at+"/0", want[0], have[0], out)
			}
			return
		}
	}
	if a, b := kindOf(want), kindOf(have); a != b {
		*out = append(*out, fmt.Sprintf("%s is a %s, not a %s", at, b, a))
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "number"
}

// inner is the inner event of a sample that has the outer part too.
func inner(t *testing.T, name string) any {
	t.Helper()
	return object(t, sample(t, name))["event"]
}

func TestShapesOfMessages(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	written := []string{"+/blocks", "+/client_msg_id", "+/team"}
	root := r.Say(r.alice, r.dev, "hello", "")
	outer := a.next(t).payload(t)
	sameShape(t, "events-api/event_callback.app_mention.01.json", outer, "-/enterprise_id", "+/event/blocks", "+/event/channel_type")
	sameAs(t, "message.07", inner(t, "events-api/event_callback.message.07.json"), outer["event"])
	r.Say(r.alice, r.DM(r.alice), "hello", "")
	sameShape(t, "events-inner/message.channel_type-im.01.json", a.event(t, "message", ""), written...)
	r.Say(r.alice, r.dev, "@opsbot hello", "")
	a.event(t, "message", "")
	sameAs(t, "app_mention.02", inner(t, "events-api/event_callback.app_mention.02.json"), a.event(t, "app_mention", ""))

	reply := r.Say(r.alice, r.dev, "reply", root)
	r.Edit(r.alice, r.dev, reply, "updated")
	sameShape(t, "events-inner/message.message_changed.01.json", a.event(t, "message", "message_changed"))
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "from the bot")["ts"].(string)
	sameAs(t, "message.02", inner(t, "events-api/event_callback.message.02.json"), a.event(t, "message", ""), "+/app_id")
	r.accepted(t, "chat.delete", "channel", r.dev, "ts", ts)
	sameShape(t, "events-inner/message.message_deleted.01.json", a.event(t, "message", "message_deleted"), "+/previous_message/app_id")
	r.Delete(r.alice, r.dev, root)
	sameShape(t, "events-inner/message.message_changed.03.json", a.event(t, "message", "message_changed"),
		"+/message/subscribed", "-/previous_message/last_read")
	r.SayAsBot("jenkins", r.dev, "built", "")
	sameShape(t, "events-inner/message.bot_message-thread.01.json", a.event(t, "message", "bot_message"), "-/thread_ts", "+/blocks")
}

func TestShapesOfOtherEvents(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	private := r.addPrivate()
	ts := r.Say(r.alice, r.dev, "hello", "")
	r.React(r.bob, r.dev, ts, ":thumbsup:")
	sameShape(t, "events-inner/reaction_added.01.json", a.event(t, "reaction_added", ""))
	r.Unreact(r.bob, r.dev, ts, "thumbsup")
	sameShape(t, "events-inner/reaction_removed.01.json", a.event(t, "reaction_removed", ""))
	carol := r.AddUser(userNamed("carol"))
	r.Join(carol, r.dev, r.alice)
	sameShape(t, "events-inner/member_joined_channel.channel_type-C.01.json", a.event(t, "member_joined_channel", ""), "+/event_ts")
	sameShape(t, "events-inner/message.channel_join.01.json", a.event(t, "message", "channel_join"), "-/team")
	r.Leave(carol, r.dev)
	sameShape(t, "events-inner/member_left_channel.channel_type-C.01.json", a.event(t, "member_left_channel", ""), "+/event_ts")
	r.RenameChannel(r.alice, r.dev, "development")
	sameShape(t, "events-inner/channel_rename.01.json", a.event(t, "channel_rename", ""))
	r.RenameChannel(r.alice, private, "vault")
	sameShape(t, "events-inner/group_rename.01.json", a.event(t, "group_rename", ""))
	sameShape(t, "events-inner/message.channel_name.01.json", a.event(t, "message", "group_name"))
	r.Archive(r.alice, r.dev)
	sameShape(t, "events-inner/channel_archive.01.json", a.event(t, "channel_archive", ""), "+/event_ts")
	sameShape(t, "events-inner/message.channel_archive.01.json", a.event(t, "message", "channel_archive"))
	r.Unarchive(r.alice, r.dev)
	sameShape(t, "events-inner/channel_unarchive.01.json", a.event(t, "channel_unarchive", ""), "+/event_ts")
	r.Deactivate(carol)
	changed := a.event(t, "user_change", "")
	sameAs(t, "users.info", object(t, sample(t, "web-api-spec/users.info.success.json"))["user"], changed["user"], userRemarks()...)
	r.OpenHome(r.alice)
	sameShape(t, "events-inner/app_home_opened.01.json", a.event(t, "app_home_opened", ""), "+/tab")
	r.RevokeTokens()
	sameAs(t, "tokens_revoked.02", inner(t, "events-api/event_callback.tokens_revoked.02.json"), a.event(t, "tokens_revoked", ""))
}

// userRemarks are the pictures that the fake's users lack.
func userRemarks() []string {
	out := []string{"+/profile/phone", "+/profile/skype", "+/profile/title"}
	for _, size := range []string{"192", "24", "32", "512", "72", "original"} {
		out = append(out, "-/profile/image_"+size)
	}
	return append(out, "-/profile/email")
}

func TestShapesOfSocketFrames(t *testing.T) {
	t.Parallel()
	r := setup(t)
	ws, hello := r.dial(t)
	sameShape(t, "socket-mode/hello.01.json", hello)
	r.Say(r.alice, r.dev, "@opsbot hello", "")
	message := frame(t, ws)
	acknowledge(t, ws, message)
	mention := frame(t, ws)
	acknowledge(t, ws, mention)
	sameShape(t, "socket-mode/py-events_api.event_callback.app_mention.01.json", mention)
	answers := make(chan bool, 2)
	go func() { answers <- r.Slash(r.alice, r.dev, "/ops", "help").Acked }()
	slash := frame(t, ws)
	acknowledge(t, ws, slash)
	sameShape(t, "socket-mode/slash_commands.01.json", slash, "+/payload/is_enterprise_install")
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "press", "blocks", button("Go"))["ts"].(string)
	acknowledge(t, ws, frame(t, ws))
	go func() { answers <- r.Click(r.alice, r.dev, ts, "Go").Acked }()
	click := frame(t, ws)
	acknowledge(t, ws, click)
	sameShape(t, "socket-mode/interactive.block_actions.01.json", click,
		"+/payload/enterprise", "+/payload/is_enterprise_install", "+/payload/message/app_id", "+/payload/message/bot_profile", "+/payload/state")
	for range cap(answers) {
		if !<-answers {
			t.Error("not acknowledged")
		}
	}
	r.Disconnect("warning")
	sameShape(t, "socket-mode/py-disconnect.too_many_websockets.01.json", frame(t, ws))
}

// button is a row with one button, as JSON.
func button(label string) string {
	return `[{"type":"actions","block_id":"b","elements":[{"type":"button","action_id":"a","value":"underlying","text":{"type":"plain_text","text":"` + label + `"}}]}]`
}

func TestShapesOfInteractions(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	r.Say(r.alice, r.dev, "hello", "")
	a.event(t, "message", "")
	r.accepted(t, "chat.postEphemeral", "channel", r.dev, "user", r.alice, "text", "press", "blocks", button("Go"))
	private := r.Ephemerals(r.alice, r.dev)[0]
	r.Click(r.alice, r.dev, private.TS, "Go")
	click := a.next(t).payload(t)
	sameShape(t, "interactivity/block_actions.07.json", click, "+/actions/0/text/emoji")
	modal := `{"type":"modal","title":{"type":"plain_text","text":"t"},"submit":{"type":"plain_text","text":"s"},"close":{"type":"plain_text","text":"c"},
		"notify_on_close":true,"callback_id":"cb","blocks":[{"type":"input","block_id":"request-block","label":{"type":"plain_text","text":"L"},
		"element":{"type":"plain_text_input","action_id":"request-action","multiline":true}}]}`
	opened := r.accepted(t, "views.open", "trigger_id", click["trigger_id"].(string), "view", modal)
	sameShape(t, "web-api-spec/views.open.success.json", opened, "+/view/app_installed_team_id", "+/view/close", "+/view/previous_view_id",
		"+/view/title/emoji", "+/view/submit/emoji", "+/view/blocks/0/element/multiline")
	v, _ := r.View(r.alice)
	a.says(`{"response_action":"errors","errors":{"request-block":"no"}}`)
	r.Submit(r.alice, v.ID, map[string]string{"L": "test"})
	sameShape(t, "interactivity/view_submission.02.json", a.next(t).payload(t), "+/enterprise", "+/is_enterprise_install")
	a.says("")
	r.CloseView(r.alice, v.ID)
	sameShape(t, "interactivity/view_closed.01.json", a.next(t).payload(t), "+/enterprise", "+/is_enterprise_install", "+/view/state/values/request-block")

	home := `{"type":"home","blocks":[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"New"},"style":"primary","value":"v"}]}]}`
	r.accepted(t, "views.publish", "user_id", r.alice, "view", home)
	shown, _ := r.Home(r.alice)
	r.ClickView(r.alice, shown.ID, "New", "")
	sameShape(t, "interactivity/block_actions.09.json", a.next(t).payload(t), "+/enterprise", "+/is_enterprise_install", "-/actions/0/confirm", "+/actions/0/value")
	r.Slash(r.alice, r.dev, "/ops", "help me")
	form, err := url.ParseQuery(string(a.next(t).body))
	if err != nil {
		t.Fatal(err)
	}
	want, err := url.ParseQuery(strings.TrimSpace(string(sample(t, "form/SlashCommandPayloadTest.02.form.txt"))))
	if err != nil {
		t.Fatal(err)
	}
	want.Del("enterprise_id")
	want.Del("enterprise_name")
	want.Set("is_enterprise_install", "false")
	if got, want := slices.Sorted(maps.Keys(form)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Errorf("command has %v, want %v", got, want)
	}
}

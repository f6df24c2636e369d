package slack_test

import (
	"fmt"
	"strings"
	"testing"

	"opsbot/test/fakes/slack"
)

func TestPostingIsRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	private := r.AddChannel(slack.Channel{Name: "secret", Kind: slack.Private, Members: []string{r.alice}})
	r.refused(t, "channel_not_found", "chat.postMessage", "channel", "C404", "text", "x")
	r.refused(t, "channel_not_found", "chat.postMessage", "channel", private, "text", "x")
	r.refused(t, "not_in_channel", "chat.postMessage", "channel", r.unjoined, "text", "x")
	r.refused(t, "no_text", "chat.postMessage", "channel", r.dev)
	r.refused(t, "user_not_in_channel", "chat.postEphemeral", "channel", r.dev, "user", r.AddUser(userNamed("eve")), "text", "x")
	theirs := r.Say(r.alice, r.dev, "mine", "")
	r.refused(t, "cant_update_message", "chat.update", "channel", r.dev, "ts", theirs, "text", "x")
	r.refused(t, "cant_delete_message", "chat.delete", "channel", r.dev, "ts", theirs)
	hidden := r.accepted(t, "chat.postEphemeral", "channel", r.dev, "user", r.alice, "text", "psst")["message_ts"].(string)
	r.refused(t, "message_not_found", "chat.update", "channel", r.dev, "ts", hidden, "text", "x")
	r.refused(t, "message_not_found", "chat.getPermalink", "channel", r.dev, "message_ts", "1700000000.000001")
	r.Archive(r.alice, r.dev)
	r.refused(t, "is_archived", "chat.postMessage", "channel", r.dev, "text", "x")
}

func TestPostingWithoutJoining(t *testing.T) {
	t.Parallel()
	r := setup(t, slack.WithScopes("chat:write", "chat:write.public", "channels:join"))
	r.accepted(t, "chat.postMessage", "channel", r.unjoined, "text", "x")
	r.accepted(t, "chat.postMessage", "channel", r.alice, "text", "to a user's id")
	if m := r.FromBot(r.DM(r.alice)); len(m) != 1 || m[0].Text() != "to a user's id" {
		t.Errorf("direct messages %v", m)
	}
}

func TestPostingTooMuchFailsTheTest(t *testing.T) {
	t.Parallel()
	section := func(n int) string {
		return `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}}`
	}
	for name, c := range map[string]struct{ code, arg, value string }{
		"text":        {"msg_too_long", "text", strings.Repeat("x", 40001)},
		"attachments": {"too_many_attachments", "attachments", "[" + strings.Repeat(`{"text":"x"},`, 100) + `{"text":"x"}]`},
		"metadata":    {"invalid_metadata_format", "metadata", `{"event_type":"x"}`},
		"large":       {"metadata_too_large", "metadata", `{"event_type":"x","event_payload":{"a":"` + strings.Repeat("x", 16000) + `"}}`},
		"blocks":      {"msg_blocks_too_long", "blocks", "[" + section(3000) + "," + section(3000) + "," + section(3000) + "," + section(3000) + "," + section(1500) + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, quiet())
			args := []string{"channel", r.dev, c.arg, c.value}
			if c.arg != "text" {
				args = append(args, "text", "x")
			}
			r.refused(t, c.code, "chat.postMessage", args...)
			r.complained(t, c.code)
		})
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.Say(r.alice, r.dev, "root", "")
	reply := r.accepted(t, "chat.postMessage", "channel", r.dev, "thread_ts", root, "text", "one")["ts"].(string)
	r.Say(r.bob, r.dev, "two", root)
	all := r.Thread(r.dev, root)
	if len(all) != 3 || all[0].Replies != 2 || all[1].TS != reply || all[1].Thread != root || all[0].Thread != root {
		t.Errorf("thread %+v", all)
	}
	h := r.accepted(t, "conversations.history", "channel", r.dev)["messages"].([]any)
	if len(h) != 1 || h[0].(map[string]any)["reply_count"] != 2.0 {
		t.Errorf("history shows replies, or does not count them: %v", h)
	}
	r.Delete(r.alice, r.dev, root)
	r.accepted(t, "chat.postMessage", "channel", r.dev, "thread_ts", root, "text", "below a tombstone")
	if all := r.Thread(r.dev, root); len(all) != 4 || !all[0].Deleted {
		t.Errorf("after deletion %+v", all)
	}
	alone := r.Say(r.alice, r.dev, "alone", "")
	r.Delete(r.alice, r.dev, alone)
	got := r.accepted(t, "chat.postMessage", "channel", r.dev, "thread_ts", alone, "text", "falls out")["message"].(map[string]any)
	if got["thread_ts"] != nil {
		t.Errorf("in a thread that is gone: %v", got)
	}
}

func TestThreadsThatAreNone(t *testing.T) {
	t.Parallel()
	r := setup(t, quiet())
	root := r.Say(r.alice, r.dev, "root", "")
	reply := r.Say(r.alice, r.dev, "reply", root)
	r.refused(t, "cannot_reply_to_message", "chat.postMessage", "channel", r.dev, "thread_ts", reply, "text", "x")
	r.complained(t, "is a reply")
	r.accepted(t, "chat.postMessage", "channel", r.dev, "thread_ts", "1700000000.000001", "text", "x")
	r.complained(t, "is no message")
	r.refused(t, "thread_not_found", "conversations.replies", "channel", r.dev, "ts", "1700000000.000001")
}

func TestEditsKeepWhatIsNotNamed(t *testing.T) {
	t.Parallel()
	r := setup(t)
	meta := `{"event_type":"post","event_payload":{"key":"k"}}`
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "one", "blocks", button("Go"), "metadata", meta,
		"attachments", `[{"color":"#ff0000","blocks":`+button("Stop")+`}]`)["ts"].(string)
	m, _ := r.Message(r.dev, ts)
	if len(m.Buttons()) != 2 || m.Color != "#ff0000" || m.Raw != "one" || m.Text() != "" {
		t.Errorf("posted %+v", m)
	}
	r.accepted(t, "chat.update", "channel", r.dev, "ts", ts, "attachments", `[]`)
	if m, _ = r.Message(r.dev, ts); len(m.Buttons()) != 1 || m.Raw != "one" || m.Color != "" || m.Edited {
		t.Errorf("without attachments %+v", m)
	}
	r.accepted(t, "chat.update", "channel", r.dev, "ts", ts, "text", "two")
	m, _ = r.Message(r.dev, ts)
	if len(m.Buttons()) != 0 || m.Text() != "two" || m.Metadata["event_type"] != "post" || !m.Edited || m.Edits != 2 {
		t.Errorf("with text alone %+v", m)
	}
	if got := fmt.Sprint(m.Earlier); got != "[ ]" {
		t.Errorf("earlier texts %q", got)
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	r := setup(t)
	var ts []string
	for i := range 5 {
		ts = append(ts, r.Say(r.alice, r.dev, fmt.Sprint("message ", i), ""))
	}
	texts := func(args ...string) string {
		var out []string
		got := r.accepted(t, "conversations.history", append([]string{"channel", r.dev}, args...)...)
		for _, m := range got["messages"].([]any) {
			out = append(out, strings.TrimPrefix(m.(map[string]any)["text"].(string), "message "))
		}
		meta, _ := got["response_metadata"].(map[string]any)
		next, _ := meta["next_cursor"].(string)
		if (next != "") != (got["has_more"] == true) {
			t.Errorf("has_more %v with cursor %q", got["has_more"], next)
		}
		return strings.Join(out, "") + " " + next
	}
	first := texts("limit", "2")
	shown, cursor, _ := strings.Cut(first, " ")
	if shown != "43" {
		t.Errorf("first page %s", shown)
	}
	second, cursor, _ := strings.Cut(texts("limit", "2", "cursor", cursor), " ")
	third, rest, _ := strings.Cut(texts("limit", "2", "cursor", cursor), " ")
	if second != "21" || third != "0" || rest != "" {
		t.Errorf("pages %s %s %q", second, third, rest)
	}
	if got := texts("oldest", ts[1], "latest", ts[3]); got != "2 " {
		t.Errorf("between: %s", got)
	}
	if got := texts("oldest", ts[1], "latest", ts[3], "inclusive", "true"); got != "321 " {
		t.Errorf("between, inclusive: %s", got)
	}
	r.refused(t, "invalid_cursor", "conversations.history", "channel", r.dev, "cursor", "bm9uZQ==")
	r.refused(t, "not_in_channel", "conversations.history", "channel", r.unjoined)
}

func TestMetadataIsToldOnRequest(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x", "metadata", `{"event_type":"post","event_payload":{"key":"k"}}`)
	for arg, want := range map[string]bool{"0": false, "1": true} {
		m := r.accepted(t, "conversations.history", "channel", r.dev, "include_all_metadata", arg)["messages"].([]any)[0].(map[string]any)
		if (m["metadata"] != nil) != want {
			t.Errorf("include_all_metadata=%s: %v", arg, m)
		}
	}
}

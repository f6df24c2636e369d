package slack_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/slack"
)

func TestSignatureVector(t *testing.T) {
	t.Parallel()
	v := object(t, sample(t, "signing-example.json"))
	header := v["headers"].(map[string]any)
	seconds, err := strconv.ParseInt(header["X-Slack-Request-Timestamp"].(string), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	got := slack.Sign(v["signing_secret"].(string), time.Unix(seconds, 0), []byte(v["body"].(string)))
	if want := header["X-Slack-Signature"]; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestShapesOfAnswers(t *testing.T) {
	t.Parallel()
	r := setup(t)
	sameShape(t, "web-api/auth.test.success.json", r.ask(t, "auth.test"), "-/enterprise_id", "+/is_enterprise_install")
	posted := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "hello")
	ts := posted["ts"].(string)
	sameShape(t, "web-api-spec/chat.postMessage.success.json", posted, "-/message/attachments", "-/message/subtype", "-/message/username",
		"+/message/app_id", "+/message/bot_profile", "+/message/team", "+/message/user")
	sameShape(t, "web-api-spec/chat.update.success.json", r.accepted(t, "chat.update", "channel", r.dev, "ts", ts, "text", "bye"),
		"+/message/app_id", "+/message/bot_id", "+/message/bot_profile", "+/message/edited", "+/message/team", "+/message/ts", "+/message/type")
	sameShape(t, "web-api-spec/chat.getPermalink.success.json", r.accepted(t, "chat.getPermalink", "channel", r.dev, "message_ts", ts))
	sameShape(t, "web-api-spec/chat.postEphemeral.success.json", r.accepted(t, "chat.postEphemeral", "channel", r.dev, "user", r.bob, "text", "psst"))
	sameShape(t, "web-api-spec/reactions.add.success.json", r.accepted(t, "reactions.add", "channel", r.dev, "timestamp", ts, "name", "eyes"))
	sameShape(t, "web-api-spec/chat.delete.success.json", r.accepted(t, "chat.delete", "channel", r.dev, "ts", ts))
	channel := []string{"+/channels/0/context_team_id", "+/channels/0/parent_conversation", "+/channels/0/updated"}
	sameShape(t, "web-api/web_response_conversations_list.json", r.accepted(t, "conversations.list"), channel...)
	sameShape(t, "web-api-spec/conversations.info.success.json", r.accepted(t, "conversations.info", "channel", r.dev, "include_locale", "1"),
		"-/channel/is_read_only", "-/channel/last_read", "+/channel/context_team_id", "+/channel/pending_connected_team_ids", "+/channel/shared_team_ids", "+/channel/updated")
	sameShape(t, "web-api-spec/conversations.members.success.json", r.accepted(t, "conversations.members", "channel", r.dev))
	sameShape(t, "web-api-spec/conversations.open.success.json", r.accepted(t, "conversations.open", "users", r.alice))
	root := r.Say(r.alice, r.dev, "island", "")
	r.Say(r.bob, r.dev, "one island", root)
	sameShape(t, "web-api-spec/conversations.replies.success.json", r.accepted(t, "conversations.replies", "channel", r.dev, "ts", root, "limit", "1"),
		"-/messages/0/last_read", "-/messages/0/unread_count", "+/messages/0/blocks", "+/messages/0/client_msg_id", "+/messages/0/is_locked",
		"+/messages/0/latest_reply", "+/messages/0/reply_users", "+/messages/0/reply_users_count", "+/messages/0/team")
}

func TestShapesOfAnswersAboutPeople(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.AddGroup(slack.Group{Handle: "oncall", Members: []string{r.alice}})
	user := r.accepted(t, "users.info", "user", r.alice)
	remarks := []string{"+/user/profile/phone", "+/user/profile/skype", "+/user/profile/title"}
	for _, size := range []string{"192", "24", "32", "512", "72", "original"} {
		remarks = append(remarks, "-/user/profile/image_"+size)
	}
	sameShape(t, "web-api-spec/users.info.success.json", user, remarks...)
	sameShape(t, "web-api-spec/users.lookupByEmail.success.json", r.accepted(t, "users.lookupByEmail", "email", "ALICE@acme.example.com"),
		remarks[:len(remarks)-1]...) // it has no image_original either
	groups := r.accepted(t, "usergroups.list", "include_count", "true")
	sameShape(t, "web-api-spec/usergroups.list.success.json", groups, "+/usergroups/0/is_subteam", "/usergroups/0/user_count is a number, not a string")
	sameShape(t, "web-api-spec/team.info.success.json", r.accepted(t, "team.info"), "-/team/enterprise_id", "-/team/enterprise_name")
	sameShape(t, "web-api-spec/bots.info.success.json", r.accepted(t, "bots.info", "bot", r.BotID))
}

func TestShapesOfRefusals(t *testing.T) {
	t.Parallel()
	r := setup(t)
	sameShape(t, "web-api-spec/chat.update.error.json", r.refused(t, "message_not_found", "chat.update", "channel", r.dev, "ts", "1700000000.000100", "text", "x"))
	sameShape(t, "web-api-spec/views.open.error.json", r.refused(t, "invalid_arguments", "views.open", "trigger_id", "1.2.3", "view", "{}"))
	r.Storm("auth.test", 1, time.Second)
	resp := r.call(t, "auth.test")
	wire := strings.ReplaceAll(string(sample(t, "web-api/http-429-ratelimited.http")), "\r\n", "\n")
	want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(wire, "\n", "\r\n"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Body.Close()
	var expected bytes.Buffer
	_, _ = expected.ReadFrom(want.Body)
	if resp.status != want.StatusCode || resp.header.Get("Retry-After") != want.Header.Get("Retry-After") {
		t.Errorf("%d after %s, want %d after %s", resp.status, resp.header.Get("Retry-After"), want.StatusCode, want.Header.Get("Retry-After"))
	}
	sameAs(t, "http-429", any(object(t, expected.Bytes())), any(object(t, resp.body)))
}

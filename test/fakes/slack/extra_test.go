package slack_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"opsbot/test/fakes/slack"
)

func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	r := setup(t)
	to, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	through := 0
	reverse := httputil.NewSingleHostReverseProxy(to)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		through++
		reverse.ServeHTTP(w, req)
	}))
	defer proxy.Close()
	r.SetPublicURL(proxy.URL + "/")
	api := slackgo.New(r.BotToken, slackgo.OptionAPIURL(proxy.URL+"/api/"))
	if _, err := api.UploadFile(slackgo.UploadFileParameters{Filename: "a", FileSize: 1, Content: "a", Channel: r.dev}); err != nil {
		t.Fatal(err)
	}
	if through != 3 {
		t.Errorf("%d requests went through the proxy, want 3", through)
	}
	if ws := r.ask(t, "apps.connections.open", "token", r.AppToken)["url"].(string); !strings.HasPrefix(ws, "ws"+strings.TrimPrefix(proxy.URL, "http")+"/link/") {
		t.Errorf("connect at %s", ws)
	}
}

func TestRepeatedEvents(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	r.Say(r.alice, r.dev, "first", "")
	r.Say(r.alice, r.dev, "second", "")
	a.next(t)
	second := a.next(t).payload(t)["event_id"]
	r.Repeat(1)
	again := a.next(t)
	if again.payload(t)["event_id"] != second || again.header.Get("X-Slack-Retry-Num") != "1" || again.header.Get("X-Slack-Retry-Reason") != "http_timeout" {
		t.Errorf("again %v %v, want %v", again.header, again.payload(t)["event_id"], second)
	}
}

func TestOtherApps(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	ci := r.AddUser(slack.User{Name: "ci", Bot: true})
	r.SayAsBot(ci, r.dev, "@opsbot built", "")
	e := a.event(t, "message", "")
	if e["bot_id"] != "B0CI" || e["user"] != ci || e["bot_profile"] == nil || e["client_msg_id"] != nil || e["bot_id"] == r.BotID {
		t.Errorf("event %v", e)
	}
	a.event(t, "app_mention", "")
	r.SayAsBot("jenkins", r.dev, "built", "")
	if e := a.event(t, "message", "bot_message"); e["username"] != "jenkins" || e["user"] != nil {
		t.Errorf("event %v", e)
	}
}

func TestUninstalling(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	r.Uninstall()
	a.event(t, "app_uninstalled", "")
	a.event(t, "tokens_revoked", "")
	r.refused(t, "token_revoked", "auth.test")
}

func TestAnswersThatNobodyTakesFailTheTest(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t, quiet())
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x", "blocks", button("Go"))["ts"].(string)
	a.says(`{"text":"pressed"}`)
	r.Click(r.alice, r.dev, ts, "Go")
	r.complained(t, "answer to a block_actions that takes none")
}

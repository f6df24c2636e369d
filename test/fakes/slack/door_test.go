package slack_test

import (
	"context"
	"crypto/hmac"
	"strconv"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/slack"
)

func TestHTTPDeliveriesAreSigned(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	r.Say(r.alice, r.dev, "hello", "")
	in := a.next(t)
	seconds, err := strconv.ParseInt(in.header.Get("X-Slack-Request-Timestamp"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	want := slack.Sign(r.SigningSecret, time.Unix(seconds, 0), in.body)
	if got := in.header.Get("X-Slack-Signature"); !hmac.Equal([]byte(got), []byte(want)) {
		t.Errorf("signature %s, want %s", got, want)
	}
	if in.header.Get("X-Slack-Retry-Num") != "" || in.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", in.header)
	}
}

func TestHTTPRetries(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	a.answers(func(n int, _ request) (int, map[string]string, string) {
		if n < 3 {
			return 500, nil, ""
		}
		return 200, nil, ""
	})
	r.Say(r.alice, r.dev, "hello", "")
	first := a.next(t).payload(t)["event_id"]
	for n := 1; n <= 2; n++ {
		again := a.next(t)
		if again.header.Get("X-Slack-Retry-Num") != strconv.Itoa(n) || again.header.Get("X-Slack-Retry-Reason") != "http_error" || again.payload(t)["event_id"] != first {
			t.Errorf("retry %d: %v", n, again.header)
		}
	}
	if err := r.Settle(within(t)); err != nil || len(r.Lost()) != 0 || len(r.Acknowledged()) != 1 {
		t.Errorf("%v, lost %v, acknowledged %v", err, r.Lost(), r.Acknowledged())
	}
}

func TestHTTPGivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"after three retries":  {nil, 4},
		"when the app says so": {map[string]string{"X-Slack-No-Retry": "1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := overHTTP(t)
			a.answers(func(int, request) (int, map[string]string, string) { return 503, c.header, "" })
			r.Say(r.alice, r.dev, "hello", "")
			if err := r.Settle(within(t)); err != nil {
				t.Fatal(err)
			}
			if got := len(a.received); got != c.want || len(r.Lost()) != 1 {
				t.Errorf("%d attempts, want %d; lost %v", got, c.want, r.Lost())
			}
		})
	}
}

func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r, a := overHTTP(t, slack.WithClock(clock))
	stuck, stop := context.WithCancel(t.Context())
	defer stop()
	a.answers(func(n int, _ request) (int, map[string]string, string) {
		if n == 1 {
			<-stuck.Done()
		}
		return 200, nil, ""
	})
	r.Say(r.alice, r.dev, "hello", "")
	a.next(t)
	clock.wait(t, 3*time.Second)
	clock.advance(3 * time.Second)
	clock.wait(t, 10*time.Millisecond) // the pause before the retry
	clock.advance(time.Second)
	if again := a.next(t); again.header.Get("X-Slack-Retry-Reason") != "http_timeout" {
		t.Errorf("retry %v", again.header)
	}
}

func TestVerifyURL(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	if err := r.VerifyURL(); err == nil {
		t.Error("an app that does not echo is verified")
	}
	a.answers(func(_ int, in request) (int, map[string]string, string) {
		return 200, nil, `{"challenge":"` + in.payload(t)["challenge"].(string) + `"}`
	})
	if err := r.VerifyURL(); err != nil {
		t.Error(err)
	}
}

func TestBothDoorsDeliverTwice(t *testing.T) {
	t.Parallel()
	r := setup(t, slack.Via(slack.Both))
	a := newApp(t, r.Server)
	ws, _ := r.dial(t)
	r.Say(r.alice, r.dev, "hello", "")
	over := frame(t, ws)
	acknowledge(t, ws, over)
	if one, two := over["payload"].(map[string]any)["event_id"], a.next(t).payload(t)["event_id"]; one != two {
		t.Errorf("event %v and %v", one, two)
	}
	if err := r.Settle(within(t)); err != nil || len(r.Acknowledged()) != 2 {
		t.Errorf("%v: acknowledged %v", err, r.Acknowledged())
	}
}

func TestSlashAnswers(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	a.says(`{"response_type":"in_channel","text":"on it"}`)
	if got := r.Slash(r.alice, r.dev, "/ops", "deploy shop.example.com"); !got.Acked {
		t.Errorf("answer %+v", got)
	}
	if m := r.FromBot(r.dev); len(m) != 1 || m[0].Text() != "on it" {
		t.Errorf("messages %v", m)
	}
	a.says("just so")
	r.Slash(r.alice, r.dev, "/ops", "help")
	if m := r.Ephemerals(r.alice, r.dev); len(m) != 1 || m[0].Text() != "just so" || len(r.Ephemerals(r.bob, r.dev)) != 0 {
		t.Errorf("ephemerals %v", m)
	}
	a.answers(func(int, request) (int, map[string]string, string) { return 500, nil, "" })
	if got := r.Slash(r.alice, r.dev, "/ops", "help"); got.Acked || got.Failure != "dispatch_failed: status 500" {
		t.Errorf("answer %+v", got)
	}
}

// post sends an answer to a response_url.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	answer := fetch(t, url, "application/json", body, "")
	return answer.status, string(answer.body)
}

func TestResponseURL(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r, a := overHTTP(t, slack.WithClock(clock))
	click := func() string {
		ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "press", "blocks", button("Go"))["ts"].(string)
		r.Click(r.alice, r.dev, ts, "Go")
		return a.interaction(t)["response_url"].(string)
	}
	url := click()
	for n, body := range []string{`{"text":"psst"}`, `{"text":"all","response_type":"in_channel"}`, `{"replace_original":true,"text":"gone"}`, `{"text":"4"}`, `{"delete_original":true}`} {
		if status, text := post(t, url, body); status != 200 || !strings.HasPrefix(text, "ok") {
			t.Errorf("answer %d: %d %s", n+1, status, text)
		}
	}
	if status, text := post(t, url, `{"text":"6"}`); status != 404 || !strings.Contains(text, "used_url") {
		t.Errorf("sixth answer: %d %s", status, text)
	}
	if m := r.Ephemerals(r.alice, r.dev); len(m) != 2 || m[0].Text() != "psst" {
		t.Errorf("ephemerals %v", m)
	}
	if m := r.FromBot(r.dev); len(m) != 1 || m[0].Text() != "all" {
		t.Errorf("messages %v", m)
	}
	late := click()
	clock.advance(31 * time.Minute)
	if status, text := post(t, late, `{"text":"late"}`); status != 404 || !strings.Contains(text, "expired_url") {
		t.Errorf("late answer: %d %s", status, text)
	}
	if n := len(r.CallsOf("response_url")); n != 7 {
		t.Errorf("%d answers in the journal", n)
	}
}

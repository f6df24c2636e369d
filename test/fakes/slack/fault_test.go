package slack_test

import (
	"testing"
	"time"

	"opsbot/test/fakes/slack"
)

// try calls a method and gives the status and the pause that is asked for.
func (r *rig) try(t *testing.T, method, channel string) (status int, retryAfter string) {
	t.Helper()
	answer := r.call(t, method, "channel", channel, "text", "x")
	return answer.status, answer.header.Get("Retry-After")
}

func TestMessagesASecondAndChannel(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r := setup(t, slack.WithClock(clock), slack.WithLimits(3))
	other := r.AddChannel(slack.Channel{Name: "ops", Members: []string{r.BotUserID}})
	for range 3 {
		if status, _ := r.try(t, "chat.postMessage", r.dev); status != 200 {
			t.Fatalf("within the burst: %d", status)
		}
	}
	if status, after := r.try(t, "chat.postMessage", r.dev); status != 429 || after != "1" {
		t.Errorf("beyond the burst: %d after %q", status, after)
	}
	if status, _ := r.try(t, "chat.postMessage", other); status != 200 {
		t.Errorf("in another channel: %d", status)
	}
	clock.advance(time.Second)
	if status, _ := r.try(t, "chat.postMessage", r.dev); status != 200 {
		t.Errorf("a second later: %d", status)
	}
	if n := r.Busiest(r.dev, time.Second); n != 3 {
		t.Errorf("%d messages in the busiest second", n)
	}
}

func TestMethodsATier(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r := setup(t, slack.WithClock(clock), slack.WithLimits(1))
	for n := range 20 { // tier 2
		if got := r.ask(t, "users.list"); got["ok"] != true {
			t.Fatalf("call %d: %v", n, got)
		}
		clock.advance(time.Second)
	}
	if got := r.ask(t, "users.list"); got["error"] != "ratelimited" {
		t.Errorf("call 21: %v", got)
	}
	clock.advance(40 * time.Second)
	r.accepted(t, "users.list")
	if got := r.CallsOf("users.list"); len(got) != 22 || got[20].Status != 429 {
		t.Errorf("%d calls, the 21st %+v", len(got), got[20])
	}
}

func TestWithoutLimitsNothingIsLimited(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for range 60 {
		r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Storm("chat.postMessage", 2, 30*time.Second)
	for range 2 {
		if status, after := r.try(t, "chat.postMessage", r.dev); status != 429 || after != "30" {
			t.Errorf("storm: %d after %q", status, after)
		}
	}
	r.Fail(slack.Fault{Method: "chat.postMessage", Times: 1, Status: 503})
	if status, _ := r.try(t, "chat.postMessage", r.dev); status != 503 {
		t.Errorf("fault: %d", status)
	}
	r.Fail(slack.Fault{Method: "chat.postMessage", Times: 1, Cut: true})
	if status, _ := r.try(t, "chat.postMessage", r.dev); status != -1 {
		t.Errorf("cut: %d", status)
	}
	r.Fail(slack.Fault{Channel: r.dev, Times: 1, Code: "fatal_error"})
	r.refused(t, "fatal_error", "chat.postMessage", "channel", r.dev, "text", "x")
	if n := len(r.FromBot(r.dev)); n != 0 {
		t.Errorf("%d messages got through", n)
	}
	r.Fail(slack.Fault{Method: "chat.postMessage", Status: 500, After: true})
	if status, _ := r.try(t, "chat.postMessage", r.dev); status != 500 || len(r.FromBot(r.dev)) != 1 {
		t.Errorf("after the effect: %d, messages %v", status, r.FromBot(r.dev))
	}
	r.ClearFaults()
	r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x")
}

func TestDelays(t *testing.T) {
	t.Parallel()
	clock := newStub()
	r := setup(t, slack.WithClock(clock))
	r.Fail(slack.Fault{Method: "chat.postMessage", Times: 1, Delay: time.Minute})
	done := make(chan int)
	go func() {
		status, _ := r.try(t, "chat.postMessage", r.dev)
		done <- status
	}()
	clock.wait(t, time.Minute)
	select {
	case <-done:
		t.Fatal("it did not wait")
	default:
	}
	clock.advance(time.Minute)
	if status := <-done; status != 200 {
		t.Errorf("status %d", status)
	}
}

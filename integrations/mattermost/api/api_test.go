package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
)

// stubClock is moved by hand; whoever waits moves it himself.
type stubClock struct {
	mu     sync.Mutex
	now    time.Time
	waited time.Duration
}

func (c *stubClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stubClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.waited = c.now.Add(d), c.waited+d
	ch := make(chan time.Time, 1)
	ch <- c.now
	return ch
}

// answering gives a client of a server that always answers alike.
func answering(t *testing.T, status int, header map[string]string, body string) (*Client, *stubClock) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer s3cr3t-token" {
			t.Errorf("authorized by %q", got)
		}
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	clock := &stubClock{now: time.Now()}
	c, err := New(Options{
		Service: "Mattermost", URL: srv.URL + "/", Clock: clock,
		Token: func(context.Context) (string, error) { return "s3cr3t-token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

// TestErrorsByTheirID: the words of an error are in the language of whoever asks.
func TestErrorsByTheirID(t *testing.T) {
	t.Parallel()
	const body = `{"id":"api.context.permissions.app_error","message":"Sie haben nicht die erforderlichen Berechtigungen.","detailed_error":"","request_id":"x","status_code":%d}`
	for status, want := range map[int]struct {
		code  bot.Code
		retry bot.Retry
	}{
		400: {bot.CodeInvalid, bot.RetryNever}, 401: {bot.CodeUnauthenticated, bot.RetryBackoff}, 403: {bot.CodeForbidden, bot.RetryNever},
		404: {bot.CodeNotFound, bot.RetryNever}, 413: {bot.CodeTooLarge, bot.RetryNever}, 500: {bot.CodeUnavailable, bot.RetryBackoff},
		501: {bot.CodeUnsupported, bot.RetryNever}, 502: {bot.CodeUnavailable, bot.RetryBackoff},
	} {
		c, _ := answering(t, status, nil, strings.ReplaceAll(body, "%d", "400"))
		_, err := c.Me(t.Context())
		if class, _ := bot.RetryOf(err); bot.CodeOf(err) != want.code || class != want.retry || IDOf(err) != "api.context.permissions.app_error" {
			t.Errorf("%d: %v (%s)", status, err, IDOf(err))
		}
		if strings.Contains(bot.MessageOf(err), "Berechtigungen") {
			t.Errorf("%d: the person is told %q", status, bot.MessageOf(err))
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		code   bot.Code
	}{
		"a page":         {200, map[string]string{"Content-Type": "text/html"}, "<html>login</html>", bot.CodeUnavailable},
		"a proxy's page": {502, map[string]string{"Content-Type": "text/html"}, "<html>bad gateway s3cr3t-token</html>", bot.CodeUnavailable},
		"plain text":     {429, map[string]string{"Content-Type": "text/plain", "Retry-After": "3"}, "limit exceeded\n", bot.CodeUnavailable},
	} {
		api, _ := answering(t, c.status, c.header, c.body)
		_, err := api.Post(t.Context(), strings.Repeat("a", 26))
		if bot.CodeOf(err) != c.code || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAConcurrentRepetitionIsTriedAgain(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, 500, nil, `{"id":"api.post.deduplicate_create_post.pending","message":"Rejected post since another client is making the same request.","status_code":500}`)
	_, err := c.Create(t.Context(), &model.Post{ChannelId: "c", Message: "m"})
	if class, after := bot.RetryOf(err); class != bot.RetryAfter || after != time.Second {
		t.Errorf("got %v", err)
	}
}

func TestATransactionIsNoPlaceForCalls(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, 200, nil, "{}")
	if _, err := c.Me(bot.WithTransaction(t.Context())); bot.CodeOf(err) != bot.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestSkew(t *testing.T) {
	t.Parallel()
	c, clock := answering(t, 200, map[string]string{"Date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, "{}")
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := c.Skew() - time.Hour; d.Abs() > 2*time.Second {
		t.Errorf("the skew is %s", c.Skew())
	}
	if d := c.ServerNow().Sub(clock.Now().Add(time.Hour)); d.Abs() > 2*time.Second {
		t.Errorf("the server's time is %s off", d)
	}
}

func limits(left, reset string) http.Header {
	h := http.Header{}
	h.Set("X-Ratelimit-Limit", "4")
	h.Set("X-Ratelimit-Remaining", left)
	h.Set("X-Ratelimit-Reset", reset)
	return h
}

func TestPaceFollowsTheHeaders(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Now()}
	p := newPace(clock)
	call := func(status int, header http.Header) time.Duration {
		t.Helper()
		before := clock.waited
		if err := p.enter(t.Context(), "Mattermost"); err != nil {
			t.Fatal(err)
		}
		p.leave(status, header)
		return clock.waited - before
	}
	// The recorded answers: two a second, three more at once.
	for i, left := range []string{"3", "2", "1"} {
		if d := call(201, limits(left, "2")); d != 0 {
			t.Errorf("call %d waits %s", i, d)
		}
	}
	if d := call(201, limits("0", "2")); d != 500*time.Millisecond {
		t.Errorf("with one left a call waits %s", d)
	}
	refused := limits("0", "2")
	refused.Set("Retry-After", "1")
	if d := call(429, refused); d != 500*time.Millisecond {
		t.Errorf("with none left a call waits %s", d)
	}
	if d := call(200, limits("3", "1")); d < time.Second {
		t.Errorf("after a refusal a call waits %s", d)
	}
	if d := call(200, nil); d > 0 {
		t.Errorf("with room a call waits %s", d)
	}
}

func TestPaceDoesNotOutlastTheCaller(t *testing.T) {
	t.Parallel()
	p := newPace(bot.SystemClock{})
	h := limits("0", "600")
	h.Set("Retry-After", "60")
	p.flying = 1
	p.leave(429, h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute/2)
	defer cancel()
	err := p.enter(ctx, "Mattermost")
	if class, after := bot.RetryOf(err); class != bot.RetryAfter || after < 59*time.Second {
		t.Errorf("got %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := p.enter(ended, "Mattermost"); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an ended context: %v", err)
	}
}

package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
)

const secret = "s3cr3t/token+value"

// stubClock stands still; After fires at once and notes what was asked for.
type stubClock struct {
	mu    sync.Mutex
	waits []time.Duration
}

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func (c *stubClock) Now() time.Time { return epoch }

func (c *stubClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	ch := make(chan time.Time, 1)
	ch <- epoch.Add(d)
	return ch
}

func (c *stubClock) asked() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.waits...)
}

// setup starts a server and a client for it with a secret token.
func setup(t *testing.T, handler http.HandlerFunc, change ...func(*rest.Options)) (*rest.Client, *stubClock) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client(t, server.URL, change...)
}

func client(t *testing.T, base string, change ...func(*rest.Options)) (*rest.Client, *stubClock) {
	t.Helper()
	clock, mask := &stubClock{}, &rest.Mask{}
	mask.Add(secret)
	o := rest.Options{
		Service: "Jenkins", Base: base, Clock: clock, Mask: mask, Timeout: 10 * time.Second,
		Authorize: func(r *http.Request) error { r.Header.Set("Private-Token", secret); return nil },
	}
	for _, f := range change {
		f(&o)
	}
	c, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, clock
}

// want checks code, retry class and a part of the message, and that no text of
// the error shows the secret.
func want(t *testing.T, err error, code bot.Code, retry bot.Retry, part string) {
	t.Helper()
	if bot.CodeOf(err) != code {
		t.Errorf("code %q, want %q: %v", bot.CodeOf(err), code, err)
	}
	if got, _ := bot.RetryOf(err); got != retry {
		t.Errorf("retry class %v, want %v: %v", got, retry, err)
	}
	if !strings.Contains(bot.MessageOf(err), part) {
		t.Errorf("message %q does not say %q", bot.MessageOf(err), part)
	}
	for e := err; e != nil; {
		if strings.Contains(e.Error(), secret) || strings.Contains(e.Error(), "s3cr3t") {
			t.Errorf("the error shows the secret: %v", e)
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
}

func TestDoSendsAndDecodes(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/base/job/a%2Fb/build?token=1&x=%26" ||
			r.Header.Get("Private-Token") != secret || r.UserAgent() != "opsbot" ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("unexpected request %s %s %v", r.Method, r.URL.RequestURI(), r.Header)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id": 7}`))
	}, func(o *rest.Options) { o.Base += "/base/" })
	var into struct{ ID int }
	resp, err := c.Do(t.Context(), rest.Request{
		Method: http.MethodPost, Path: "/job/a%2Fb/build?token=1", Query: map[string][]string{"x": {"&"}},
		JSON: map[string]string{"a": "b"}, Into: &into,
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != http.StatusCreated || into.ID != 7 {
		t.Errorf("got status %d, id %d", resp.Status, into.ID)
	}
}

func TestStatusClasses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		method string
		code   bot.Code
		retry  bot.Retry
	}{
		{400, "GET", bot.CodeInvalid, bot.RetryNever},
		{401, "GET", bot.CodeUnauthenticated, bot.RetryNever},
		{403, "GET", bot.CodeForbidden, bot.RetryNever},
		{404, "GET", bot.CodeNotFound, bot.RetryNever},
		{405, "GET", bot.CodeUnsupported, bot.RetryNever},
		{409, "PUT", bot.CodeConflict, bot.RetryNever},
		{412, "PUT", bot.CodeStale, bot.RetryNever},
		{413, "POST", bot.CodeTooLarge, bot.RetryNever},
		{418, "POST", bot.CodeUnavailable, bot.RetryNever},
		{422, "POST", bot.CodeInvalid, bot.RetryNever},
		{429, "POST", bot.CodeUnavailable, bot.RetryBackoff},
		{500, "GET", bot.CodeUnavailable, bot.RetryBackoff},
		{500, "POST", bot.CodeUnknown, bot.RetryBackoff},
		{502, "POST", bot.CodeUnknown, bot.RetryBackoff},
		{503, "POST", bot.CodeUnavailable, bot.RetryBackoff},
		{507, "POST", bot.CodeStorageFull, bot.RetryBackoff},
	} {
		t.Run(http.StatusText(c.status)+" "+c.method, func(t *testing.T) {
			t.Parallel()
			client, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte("no, " + r.Header.Get("Private-Token")))
			})
			_, err := client.Do(t.Context(), rest.Request{Method: c.method, Path: "x?key=" + secret})
			want(t, err, c.code, c.retry, "Jenkins")
			if rest.StatusOf(err) != c.status {
				t.Errorf("status %d, want %d", rest.StatusOf(err), c.status)
			}
			if !strings.Contains(err.Error(), rest.Masked) || strings.Contains(err.Error(), "key=") {
				t.Errorf("cause without the masked answer, or with the query: %v", err)
			}
		})
	}
}

func TestWaitWhenAsked(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration) string { return epoch.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		status int
		header map[string]string
		wait   time.Duration // 0: not asked to wait
	}{
		"seconds":             {429, map[string]string{"Retry-After": "120"}, 2 * time.Minute},
		"date":                {503, map[string]string{"Retry-After": date(time.Minute)}, time.Minute},
		"date in the past":    {503, map[string]string{"Retry-After": date(-time.Hour)}, time.Second},
		"a year":              {429, map[string]string{"Retry-After": "31536000"}, 24 * time.Hour},
		"not a number":        {429, map[string]string{"Retry-After": "soon"}, 0},
		"negative":            {429, map[string]string{"Retry-After": "-5"}, 0},
		"none":                {429, nil, 0},
		"github quota":        {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1893553745"}, 300 * time.Second},
		"github permission":   {403, map[string]string{"X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "1893553745"}, 0},
		"github secondary":    {403, map[string]string{"Retry-After": "60"}, time.Minute},
		"gitlab":              {429, map[string]string{"RateLimit-Reset": "1893553745"}, 300 * time.Second},
		"not with a 404":      {404, map[string]string{"Retry-After": "60"}, 0},
		"reset out of bounds": {429, map[string]string{"X-RateLimit-Reset": "9223372036854775807"}, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := setup(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
			})
			_, err := client.Do(t.Context(), rest.Request{Path: "x"})
			retry, after := bot.RetryOf(err)
			if (retry == bot.RetryAfter) != (c.wait > 0) || after != c.wait {
				t.Errorf("class %v, wait %s, want %s: %v", retry, after, c.wait, err)
			}
		})
	}
}

func TestRepeatsOnlyByChoiceAndOnlyWhatIsSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request  rest.Request
		failures int
		header   string
		calls    int
		ok       bool
	}{
		"not by itself":        {rest.Request{}, 1, "", 1, false},
		"by choice":            {rest.Request{Attempts: 3}, 2, "", 3, true},
		"no more than allowed": {rest.Request{Attempts: 3}, 5, "", 3, false},
		"put":                  {rest.Request{Method: "PUT", Body: []byte("again"), Attempts: 2}, 1, "", 2, true},
		"post is refused":      {rest.Request{Method: "POST", Attempts: 2}, 1, "", 0, false},
		"safe post":            {rest.Request{Method: "POST", Safe: true, Body: []byte("again"), Attempts: 2}, 1, "", 2, true},
		"short wait":           {rest.Request{Attempts: 2}, 1, "2", 2, true},
		"long wait goes back":  {rest.Request{Attempts: 2}, 1, "600", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			calls := 0
			client, clock := setup(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if calls++; calls <= c.failures {
					if c.header != "" {
						w.Header().Set("Retry-After", c.header)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				if r.ContentLength != int64(len(c.request.Body)) {
					t.Errorf("attempt %d has a body of %d bytes", calls, r.ContentLength)
				}
			})
			c.request.Path = "x"
			_, err := client.Do(t.Context(), c.request)
			if (err == nil) != c.ok || calls != c.calls {
				t.Errorf("%d calls, error %v; want %d calls, ok=%v", calls, err, c.calls, c.ok)
			}
			waits := clock.asked()
			if len(waits) != max(c.calls-1, 0) {
				t.Errorf("waited %v between %d calls", waits, c.calls)
			}
			for i, w := range waits {
				if top := 200 * time.Millisecond << i; c.header == "" && (w < top/2 || w > top) {
					t.Errorf("pause %d is %s, want %s to %s", i+1, w, top/2, top)
				}
			}
		})
	}
}

func TestNothingGoesOutInsideATransaction(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a request went out") })
	ctx := bot.WithTransaction(t.Context())
	_, err := c.Do(ctx, rest.Request{Path: "x"})
	want(t, err, bot.CodeInternal, bot.RetryNever, "inside a transaction")

	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/", nil)
	resp, err := c.HTTPClient().Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	want(t, c.Explain(ctx, err, true), bot.CodeInternal, bot.RetryNever, "inside a transaction")
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	authorize := func(*http.Request) error { return nil }
	for name, o := range map[string]rest.Options{
		"no service":              {},
		"relative":                {Service: "x", Base: "example.com"},
		"other scheme":            {Service: "x", Base: "ftp://example.com"},
		"password in the URL":     {Service: "x", Base: "https://me:pw@example.com"},
		"query":                   {Service: "x", Base: "https://example.com?x=1"},
		"credentials for anybody": {Service: "x", Authorize: authorize},
	} {
		if _, err := rest.New(o); bot.CodeOf(err) != bot.CodeInvalid || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPathStaysOnTheServer(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request went out: %s", r.URL) })
	for _, path := range []string{"https://elsewhere.example/x", "http://127.0.0.1:1/x", "../admin", "a/../../b", "a/%2e%2e/b", "a/./b", "%zz"} {
		if _, err := c.Do(context.Background(), rest.Request{Path: path}); bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("%s: got %v, want it refused", path, err)
		}
	}
}

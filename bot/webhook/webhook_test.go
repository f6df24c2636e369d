package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/webhook"
)

func TestGenuineDeliveryIsStoredOnce(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if w := r.send(request("d-1", `{"ref":"main"}`)); w.Code != http.StatusAccepted || len(r.shelf.stored()) != 1 {
		t.Fatalf("first: %d, %d rows", w.Code, len(r.shelf.stored()))
	}
	w := r.send(request("d-1", `{"ref":"main"}`))
	if w.Code != http.StatusOK || w.Body.String() != "already received\n" {
		t.Fatalf("second: %d %q", w.Code, w.Body)
	}
	row := r.shelf.stored()[0]
	if len(r.shelf.stored()) != 1 || row.Key != "d-1" || row.Instance != "git" || row.Scope.ProjectID != "p1" ||
		string(row.Delivery.Body) != `{"ref":"main"}` || !row.Received.Equal(r.clock.now) || row.Delivery.ID != "d-1" {
		t.Errorf("row = %+v", row)
	}
	if r.counts.got[webhook.OutcomeAccepted] != 1 || r.counts.got[webhook.OutcomeDuplicate] != 1 {
		t.Errorf("observed %v", r.counts.got)
	}
}

func TestNothingIsAcknowledgedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	r := setup(t)
	w := httptest.NewRecorder()
	r.shelf.before = func() {
		if w.Body.Len() > 0 || w.Flushed {
			t.Error("the sender was answered before the commit")
		}
	}
	r.edge.Handler().ServeHTTP(w, request("d-1", `{}`))
	if w.Code != http.StatusAccepted {
		t.Errorf("code = %d", w.Code)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	full := bot.Errorf(bot.CodeStorageFull, "full")
	tests := map[string]struct {
		store error
		alter func(*http.Request)
		path  string
		code  int
		retry string
		says  string
	}{
		"below a path":       {path: "/hooks/git/deploy/x", code: 202},
		"a trailing slash":   {path: "/hooks/git/", code: 202},
		"unknown instance":   {path: "/hooks/other", code: 404},
		"not a receiver":     {path: "/hooks/mute", code: 404},
		"no instance":        {path: "/hooks/", code: 404},
		"wrong method":       {alter: func(r *http.Request) { r.Method = http.MethodGet }, code: 405},
		"form":               {alter: header("Content-Type", "application/x-www-form-urlencoded"), code: 202},
		"json with charset":  {alter: header("Content-Type", "application/json; charset=utf-8"), code: 202},
		"cloud event":        {alter: header("Content-Type", "application/cloudevents+json"), code: 202},
		"html":               {alter: header("Content-Type", "text/html"), code: 415},
		"no type":            {alter: header("Content-Type", ""), code: 415},
		"compressed":         {alter: header("Content-Encoding", "gzip"), code: 415},
		"unsigned":           {alter: header("X-Hub-Signature-256", ""), code: 401, says: "could not be verified"},
		"signed for another": {alter: header("X-Hub-Signature-256", "sha256=00"), code: 401},
		"parser panics":      {path: "/hooks/broken", code: 500},
		"storage full":       {store: full, code: 503, retry: "60", says: "no space"},
		"store broken":       {store: http.ErrServerClosed, code: 503, retry: "5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.shelf.err = tt.store
			req := request("d-1", `{}`)
			if tt.path != "" {
				req.URL.Path = tt.path
			}
			if tt.alter != nil {
				tt.alter(req)
			}
			w := r.send(req)
			if w.Code != tt.code || w.Header().Get("Retry-After") != tt.retry || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("answer %d, retry %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			if tt.code >= 300 && len(r.shelf.stored()) != 0 {
				t.Error("refused, but stored")
			}
		})
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestBodyBound(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for name, hide := range map[string]bool{"declared": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, func(o *webhook.Options) { o.MaxBody = limit })
			for size, want := range map[int]int{limit: 202, limit + 1: 413} {
				req := request("d", strings.Repeat("x", size))
				if hide {
					req.ContentLength = -1
				}
				w := r.send(req)
				if w.Code != want {
					t.Errorf("%d bytes: %d", size, w.Code)
				}
				if want == 413 && !strings.Contains(w.Body.String(), "larger than 1 MiB") {
					t.Errorf("says %q", w.Body)
				}
			}
		})
	}
}

func TestUnverifiedBytesAreBounded(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *webhook.Options) { o.MaxInFlight = 80 << 10 })
	inner := 0
	r.shelf.before = func() {
		r.shelf.before = nil
		inner = r.send(request("second", strings.Repeat("x", 60<<10))).Code // while the first is held
	}
	if w := r.send(request("first", strings.Repeat("x", 10<<10))); w.Code != 202 {
		t.Fatalf("first: %d", w.Code)
	}
	if inner != http.StatusServiceUnavailable {
		t.Errorf("second beside it: %d", inner)
	}
	if w := r.send(request("third", strings.Repeat("x", 60<<10))); w.Code != 202 {
		t.Errorf("after the first was let go: %d", w.Code)
	}
}

func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	r := setup(t)
	req := request("d-1", `{}`)
	for _, name := range []string{"Authorization", "Cookie", "X-Gitlab-Token", "X-Auth-Event", "Proxy-Authorization", "X-Custom"} {
		req.Header.Set(name, "s3cret")
	}
	req.URL.Path = "/hooks/git/0190f1d2-7c3a-7def-8123-0123456789ab/Zm9vYmFyYmF6cXV4cXV1eGZvb2Jhcg"
	req.URL.RawQuery = url.Values{"token": {"s3cret"}, "job": {"hello"}, "x": {"0123456789abcdef0123456789abcdef"}}.Encode()
	if w := r.send(req); w.Code != 202 {
		t.Fatalf("code = %d", w.Code)
	}
	d := r.shelf.stored()[0].Delivery
	for name := range d.Header {
		switch name {
		case "Content-Type", "X-Github-Event", "X-Github-Delivery":
		default:
			t.Errorf("header %s is stored", name)
		}
	}
	if d.Header.Get("X-GitHub-Event") != "push" {
		t.Error("the event's name is lost")
	}
	if d.Path != "/0190f1d2-7c3a-7def-8123-0123456789ab/masked" {
		t.Errorf("path = %q", d.Path)
	}
	if d.Query != "job=hello&token=masked&x=masked" {
		t.Errorf("query = %q", d.Query)
	}
}

func TestRefusalsAreLoggedSparingly(t *testing.T) {
	t.Parallel()
	r := setup(t)
	refuse := func(n int) {
		for range n {
			req := request("d", `{"password":"hunter2"}`)
			req.Header.Set("X-Hub-Signature-256", "sha256=aa")
			r.send(req)
		}
	}
	refuse(50)
	if n := strings.Count(r.log.String(), "delivery refused"); n != 3 {
		t.Errorf("%d lines for 50 refusals", n)
	}
	r.clock.add(time.Minute)
	refuse(1)
	if !strings.Contains(r.log.String(), "not_logged=47") {
		t.Errorf("log does not say how many it left out: %s", r.log)
	}
	if strings.Contains(r.log.String(), "hunter2") || strings.Contains(r.log.String(), "sha256=aa") {
		t.Error("the log holds what the sender sent")
	}
}

func TestSourceWithoutIDs(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.send(request("", `{"a":1}`))
	r.send(request("", `{"a":1}`))
	r.send(request("", `{"a":2}`))
	r.send(request(strings.Repeat("i", 5000), `{}`))
	rows := r.shelf.stored()
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if !strings.HasPrefix(row.Key, "sha256:") || len(row.Key) > 200 {
			t.Errorf("key %q", row.Key)
		}
	}
}

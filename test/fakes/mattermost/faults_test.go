package mattermost_test

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/mattermost"
)

func TestLimitsOfPosts(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	w := setup(t)
	longest := strings.Repeat("x", 16383)
	for _, c := range []struct {
		name, message string
		props         object
		status        int
		id            string
	}{
		{"307-too-long", longest + "x", nil, 400, "model.post.is_valid.message_length.app_error"},
		{"307b-max-length", longest, nil, 201, ""},
		{"307c-max-length-runes", strings.Repeat("é", 16383), nil, 201, ""},
		{"307d-max-length-emoji", strings.Repeat("😀", 16383), nil, 201, ""},
		{"307e-props-too-large", "m", object{"attachments": []object{{"text": strings.Repeat("y", 800_000)}}}, 413, "api.context.request_body_too_large.app_error"},
		{"307f-props-250k", "m", object{"attachments": []object{{"text": strings.Repeat("y", 250_000)}}}, 201, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.post(t, object{"channel_id": w.ops.ID, "message": c.message, "props": c.props})
			if got.status != c.status || (c.id != "" && got.errorID(t) != c.id) {
				t.Errorf("%d %.200s", got.status, got.body)
			}
		})
	}
	t.Run("312d-patch-too-long", func(t *testing.T) {
		p := w.Say(w.bot.ID, w.ops.ID, "short", "")
		got := w.do(t, w.bot.Token, "PUT", "/api/v4/posts/"+p.ID+"/patch", object{"message": longest + "x"})
		if got.status != 400 || got.errorID(t) != "model.post.is_valid.message_length.app_error" {
			t.Errorf("%d %.200s", got.status, got.body)
		}
	})
	t.Run("351d-posts-per-page-1000", func(t *testing.T) {
		for range 250 {
			w.Say(w.alice.ID, w.ops.ID, "one of many", "")
		}
		got := w.do(t, w.bot.Token, "GET", "/api/v4/channels/"+w.ops.ID+"/posts?per_page=1000", nil).decode(t)
		if n := len(got["order"].([]any)); n != 200 {
			t.Errorf("a page holds %d posts, want 200", n)
		}
	})
	t.Run("351-posts-since", func(t *testing.T) {
		got := w.do(t, w.bot.Token, "GET", "/api/v4/channels/"+w.ops.ID+"/posts?since=1", nil).decode(t)
		if n := len(got["order"].([]any)); n < 255 {
			t.Errorf("since gives %d posts, want all", n)
		}
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	r := newReplay(t).withChannels()
	rec := socketRecordingOf(t, "712varybyaddr-ratelimit-sequence")
	r.RateLimit(2, 3)
	w := &world{Server: r.Server, bot: r.bot}
	for i, row := range rec.Rows {
		got := w.post(t, object{"channel_id": r.ops.ID, "message": "burst"})
		if float64(got.status) != row["status"] {
			t.Errorf("request %d: status %d, want %v", i, got.status, row["status"])
		}
		for _, key := range []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Retry-After"} {
			want, _ := row[key].(string)
			if ours := got.header.Get(key); ours != want {
				t.Errorf("request %d: %s is %q, want %q", i, key, ours, want)
			}
		}
	}
	if got := w.do(t, "", "GET", "/api/v4/system/ping", nil); got.status != 429 || string(got.body) != "limit exceeded\n" {
		t.Errorf("a ping right after: %d %q", got.status, got.body)
	}
	r.clock.add(time.Second)
	if got := w.do(t, "", "GET", "/api/v4/system/ping", nil); got.status != 200 {
		t.Errorf("a ping a second later: %d", got.status)
	}
}

func TestPendingPosts(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	r := newReplay(t).withChannels()
	w := &world{Server: r.Server, bot: r.bot}
	once := object{"channel_id": r.ops.ID, "message": "once", "pending_post_id": r.bot.ID + ":1"}
	t.Run("901-pending-post-id-parallel", func(t *testing.T) {
		rec := socketRecordingOf(t, "901-pending-post-id-parallel")
		release := r.HoldPosts()
		got := make(chan answer, len(rec.Results))
		for range rec.Results {
			go func() { got <- w.post(t, once) }()
		}
		counts := map[int]int{}
		for i := range rec.Results {
			if i == len(rec.Results)-1 {
				release()
			}
			counts[(<-got).status]++
		}
		if counts[500] != len(rec.Results)-1 || counts[201] != 1 {
			t.Errorf("the statuses are %v", counts)
		}
	})
	t.Run("906-pending-post-id-after-30s", func(t *testing.T) {
		first := w.post(t, once).decode(t)["id"]
		if again := w.post(t, once).decode(t)["id"]; again != first {
			t.Errorf("a second post was made at once: %v and %v", first, again)
		}
		r.clock.add(31 * time.Second)
		if later := w.post(t, once).decode(t)["id"]; later == first {
			t.Error("after 31 s the id is still remembered")
		}
	})
}

// TestAnswersAndEvents: the own event mostly comes first, or when the test wants it so, last.
func TestAnswersAndEvents(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ws := w.dial(t, w.bot.Token, "")
	ws.event("hello")
	release := w.HoldEvents()
	made := w.post(t, object{"channel_id": w.ops.ID, "message": "answered first"}).decode(t)
	release()
	if p := postOf(t, ws.event("posted")); p["id"] != made["id"] {
		t.Errorf("the event is about %v", p["id"])
	}
	wait := make(chan struct{})
	w.Fail(mattermost.Fault{Method: "POST", Path: "/posts", After: true, Status: 502, Body: "bad gateway", Wait: wait})
	lost := make(chan answer)
	go func() { lost <- w.post(t, object{"channel_id": w.ops.ID, "message": "heard first"}) }()
	if p := postOf(t, ws.event("posted")); p["message"] != "heard first" {
		t.Errorf("heard %v", p["message"])
	}
	close(wait)
	if got := <-lost; got.status != 502 || string(got.body) != "bad gateway" {
		t.Errorf("the answer that got lost is %d %q", got.status, got.body)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Fail(mattermost.Fault{Method: "POST", Path: "/posts", Status: 500})
	if got := w.post(t, object{"channel_id": w.ops.ID}); got.status != 500 || got.errorID(t) != "app.post.save.app_error" {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.Storm(2, "", "/posts", 3)
	for range 2 {
		if got := w.post(t, object{"channel_id": w.ops.ID}); got.status != 429 || got.header.Get("Retry-After") != "3" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	if got := w.post(t, object{"channel_id": w.ops.ID}); got.status != 201 {
		t.Errorf("after the storm: %d", got.status)
	}
	w.Fail(mattermost.Fault{Path: "/users/me", Drop: true})
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/api/v4/users/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if _, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req); err == nil {
		t.Error("a dropped request was answered")
	}
	w.Fail(mattermost.Fault{Times: -1, Status: 503})
	w.ClearFaults()
	if got := w.do(t, w.bot.Token, "GET", "/api/v4/users/me", nil); got.status != 200 {
		t.Errorf("after ClearFaults: %d", got.status)
	}
}

func TestFreezeAndStop(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ws := w.dial(t, w.bot.Token, "")
	ws.event("hello")
	w.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", w.URL+"/api/v4/system/ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := (&http.Client{}).Do(req); err == nil {
		resp.Body.Close()
		t.Error("a frozen server answered")
	}
	w.Say(w.alice.ID, w.ops.ID, "into the void", "")
	w.Thaw()
	if p := postOf(t, ws.event("posted")); p["message"] != "into the void" {
		t.Errorf("after the thaw came %v", p)
	}
	w.Stop()
	var d net.Dialer
	if c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.URL, "http://")); err == nil {
		c.Close()
		t.Error("a stopped server takes connections")
	}
	if err := w.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := w.do(t, w.bot.Token, "GET", "/api/v4/users/me", nil); got.status != 200 {
		t.Errorf("after the restart: %d", got.status)
	}
	if posts := w.Channel("ops").Posts(); len(posts) != 1 {
		t.Errorf("after the restart there are %d posts", len(posts))
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	r := newReplay(t).withChannels()
	r.upload(t, "bxr1hip5yirppkjjy5fauw5ofr", r.ops.ID, "chart.png", picture(t, 64, 32, 135)) // 320-upload-png
	w := &world{Server: r.Server, bot: r.bot}
	if got := w.do(t, r.bot.Token, "POST", "/api/v4/files?filename=x", "raw"); got.status != 400 { // 320b-upload-no-channel
		t.Errorf("without a channel: %d", got.status)
	}
	if got := w.do(t, r.bot.Token, "POST", "/api/v4/files?filename=x&channel_id="+r.secret.ID, "raw"); got.status != 403 { // 320c-upload-channel-not-member
		t.Errorf("into another's channel: %d", got.status)
	}
	w.post(t, object{"channel_id": r.ops.ID, "message": "see chart", "file_ids": []string{r.dict.ours["bxr1hip5yirppkjjy5fauw5ofr"]}})
	posts := r.Channel(r.ops.ID).Posts()
	if len(posts) != 1 || len(posts[0].Files) != 1 || len(posts[0].Files[0].Content) != 135 {
		t.Errorf("people see %+v", posts)
	}
	if got := w.post(t, object{"channel_id": r.ops.ID, "file_ids": make([]string, 11)}); got.status != 400 {
		t.Errorf("11 files: %d", got.status)
	}
	if since := r.since(t, w); since != 1 {
		t.Errorf("since gives %d posts", since)
	}
}

func (r *replay) since(t *testing.T, w *world) int {
	t.Helper()
	at := r.Channel(r.ops.ID).Posts()[0].CreateAt
	got := w.do(t, r.bot.Token, "GET", "/api/v4/channels/"+r.ops.ID+"/posts?since="+strconv.FormatInt(at-1, 10), nil).decode(t)
	exclusive := w.do(t, r.bot.Token, "GET", "/api/v4/channels/"+r.ops.ID+"/posts?since="+strconv.FormatInt(at, 10), nil).decode(t)
	if n := len(exclusive["order"].([]any)); n != 0 {
		t.Errorf("since is exclusive, it gives %d posts", n)
	}
	return len(got["order"].([]any))
}

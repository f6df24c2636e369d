package gitlab

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

const (
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	none  = "0000000000000000000000000000000000000000"
)

func received() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

func parsed(tb testing.TB, kind, uuid string, body []byte) ([]bot.Event, error) {
	tb.Helper()
	return (&Forge{}).Parse(tb.Context(), bot.Delivery{
		Instance: "gitlab", ID: "d1", Body: body, ReceivedAt: received(),
		Header: http.Header{"X-Gitlab-Event": {kind}, "X-Gitlab-Event-Uuid": {uuid}},
	})
}

// sample is a push as GitLab sends it, written for this test.
func sample() map[string]any {
	commit := func(id, message string) map[string]any {
		return map[string]any{
			"id": id, "message": message, "title": "x", "timestamp": "2026-04-01T10:00:00+02:00",
			"author": map[string]any{"name": "Alice", "email": "[REDACTED]"}, "added": []string{"x"},
		}
	}
	return map[string]any{
		"object_kind": "push", "event_name": "push", "ref": "refs/heads/feature/x", "before": hashA, "after": hashB, "checkout_sha": hashB,
		"commits":    []any{commit(hashA, "Older"), commit(hashB, "Newer\n\nBody\n\nOpsBot-Operation: op-7")},
		"project_id": 15, "project": map[string]any{"id": 15, "web_url": "https://gitlab.com/a/b/c"},
		"user_name": "Bob B.", "user_username": "bob",
	}
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestParsePush(t *testing.T) {
	t.Parallel()
	events, err := parsed(t, pushHook, "u1", encode(t, sample()))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	want := bot.Event{
		ID: events[0].ID, Source: "gitlab", Type: bot.EventPushed, ReceivedAt: received(), OccurredAt: received(), Kind: bot.ResourceRepository,
		ExternalID: "15", Branch: "feature/x", Before: hashA, Commit: hashB, Pusher: "bob", URL: "https://gitlab.com/a/b/c",
		Commits: []bot.Commit{{ID: hashB, Title: "Newer", Author: "Alice", At: at, Operation: "op-7"}, {ID: hashA, Title: "Older", Author: "Alice", At: at}},
	}
	if !reflect.DeepEqual(events[0], want) || len(want.ID) != 36 {
		t.Errorf("got  %+v\nwant %+v", events[0], want)
	}
	// The same push over a group's webhook is the same event; a later one is not.
	for uuid, same := range map[string]bool{"u1": true, "u2": false} {
		other, err := parsed(t, pushHook, uuid, encode(t, sample()))
		if err != nil || (other[0].ID == events[0].ID) != same {
			t.Errorf("%s: %v, %v", uuid, other, err)
		}
	}
}

func TestParseVariants(t *testing.T) {
	t.Parallel()
	invalid := bot.EventType("invalid")
	cases := map[string]struct {
		change func(p map[string]any)
		want   bot.EventType // "" = of no interest
	}{
		"new branch":        {func(p map[string]any) { p["before"] = none; p["commits"] = []any{} }, bot.EventPushed},
		"deletion":          {func(p map[string]any) { p["after"] = none; p["checkout_sha"] = nil; p["commits"] = []any{} }, bot.EventBranchDeleted},
		"nothing":           {func(p map[string]any) { p["after"] = none; p["before"] = none }, ""},
		"tag":               {func(p map[string]any) { p["ref"] = "refs/tags/v1" }, ""},
		"another kind":      {func(p map[string]any) { p["object_kind"] = "tag_push" }, invalid},
		"no ref":            {func(p map[string]any) { delete(p, "ref") }, invalid},
		"short ref":         {func(p map[string]any) { p["ref"] = "main" }, invalid},
		"bad branch":        {func(p map[string]any) { p["ref"] = "refs/heads/a..b" }, invalid},
		"control character": {func(p map[string]any) { p["ref"] = "refs/heads/a\u0007" }, invalid},
		"short hash":        {func(p map[string]any) { p["after"] = "abc" }, invalid},
		"no project":        {func(p map[string]any) { delete(p, "project") }, bot.EventPushed},
		"no id":             {func(p map[string]any) { delete(p, "project_id") }, invalid},
		"two projects":      {func(p map[string]any) { p["project_id"] = 16 }, invalid},
		"id is text":        {func(p map[string]any) { p["project_id"] = "15" }, invalid},
		"id is a fraction":  {func(p map[string]any) { p["project_id"] = 1.5 }, invalid},
		"id is negative":    {func(p map[string]any) { p["project_id"] = -1 }, invalid},
		"commits is text":   {func(p map[string]any) { p["commits"] = "many" }, invalid},
		"commit without id": {func(p map[string]any) { p["commits"] = []any{map[string]any{}} }, invalid},
		"too many commits":  {func(p map[string]any) { p["commits"] = make([]any, maxEventCommits+1) }, invalid},
		"user is null":      {func(p map[string]any) { p["user_username"] = nil }, bot.EventPushed},
		"javascript link": {func(p map[string]any) {
			p["project"] = map[string]any{"id": 15, "web_url": "javascript:alert(1)"}
		}, bot.EventPushed},
	}
	for name, c := range cases {
		p := sample()
		c.change(p)
		events, err := parsed(t, pushHook, "u1", encode(t, p))
		got := bot.EventType("")
		switch {
		case bot.CodeOf(err) == bot.CodeInvalid:
			got = invalid
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case len(events) == 1:
			got = events[0].Type
			if strings.HasPrefix(events[0].URL, "javascript") {
				t.Errorf("%s: the link is %s", name, events[0].URL)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	f := setup(t, nil).forge
	body := encode(t, sample())
	for name, c := range map[string]struct {
		change func(h http.Header)
		want   bot.Code
	}{
		"genuine":       {func(http.Header) {}, ""},
		"no token":      {func(h http.Header) { h.Del("X-Gitlab-Token") }, bot.CodeUnauthenticated},
		"empty token":   {func(h http.Header) { h.Set("X-Gitlab-Token", "") }, bot.CodeUnauthenticated},
		"wrong token":   {func(h http.Header) { h.Set("X-Gitlab-Token", hookSecret[:21]+"d") }, bot.CodeUnauthenticated},
		"longer token":  {func(h http.Header) { h.Set("X-Gitlab-Token", hookSecret+"x") }, bot.CodeUnauthenticated},
		"shorter token": {func(h http.Header) { h.Set("X-Gitlab-Token", hookSecret[:21]) }, bot.CodeUnauthenticated},
		"two tokens":    {func(h http.Header) { h.Add("X-Gitlab-Token", hookSecret) }, bot.CodeUnauthenticated},
		"no id":         {func(h http.Header) { h.Del("Idempotency-Key"); h.Del("X-Gitlab-Event-UUID") }, bot.CodeInvalid},
		"hostile id":    {func(h http.Header) { h.Set("Idempotency-Key", "../x"); h.Del("X-Gitlab-Event-UUID") }, bot.CodeInvalid},
	} {
		h := http.Header{}
		for key, value := range map[string]string{
			"X-Gitlab-Token": hookSecret, "Idempotency-Key": "0190-key", "X-Gitlab-Event-UUID": "0190-event", "X-Gitlab-Event": pushHook,
		} {
			h.Set(key, value)
		}
		c.change(h)
		id, scope, err := f.Verify(bot.Delivery{Header: h, Body: body})
		if bot.CodeOf(err) != c.want || c.want == "" && (id != "0190-key" || scope != bot.Scope{}) {
			t.Errorf("%s: %q, %v, %v", name, id, scope, err)
		}
		if err != nil && strings.Contains(err.Error(), hookSecret) {
			t.Errorf("%s: the secret is in the error", name)
		}
	}
	weak := setup(t, func(c *Config) { c.WebhookSecret = secret(t, "secret") }).forge
	if _, _, err := weak.Verify(bot.Delivery{Header: http.Header{"X-Gitlab-Token": {"secret"}}}); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("a secret that can be guessed: %v", err)
	}
}

// TestDeliveryIDs: one id for each delivery, which stays when GitLab repeats it.
func TestDeliveryIDs(t *testing.T) {
	t.Parallel()
	id := func(key, event, webhook, kind, body string) string {
		h := http.Header{}
		for name, value := range map[string]string{"Idempotency-Key": key, "X-Gitlab-Event-UUID": event, "X-Gitlab-Webhook-UUID": webhook, "X-Gitlab-Event": kind} {
			if value != "" {
				h.Set(name, value)
			}
		}
		return idOf(bot.Delivery{Header: h, Body: []byte(body)})
	}
	if a, b := id("k1", "e1", "w1", pushHook, "x"), id("k1", "e2", "w2", pushHook, "x"); a != b || a != "k1" {
		t.Errorf("a repeated one is %s, then %s", a, b)
	}
	old := id("", "e1", "w1", pushHook, "x")
	if again := id("", "e1", "w2", pushHook, "x"); old != again || !deliveryID.MatchString(old) {
		t.Errorf("on an old server a repeated one is %q, then %q", old, again)
	}
	for what, other := range map[string]string{"another branch": id("", "e1", "w1", pushHook, "y"), "another kind": id("", "e1", "w1", "Tag Push Hook", "x"), "another event": id("", "e2", "w1", pushHook, "x")} {
		if other == old {
			t.Errorf("%s has the same id", what)
		}
	}
}

// payloads lists the real deliveries, by file; nil where they are not at hand.
func payloads(tb testing.TB) map[string][]byte {
	tb.Helper()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = "../../../shared/payloads"
	}
	files, err := filepath.Glob(filepath.Join(dir, "gitlab", "*", "*.json"))
	if err != nil || len(files) == 0 {
		if os.Getenv("OPSBOT_REQUIRE_PAYLOADS") == "1" {
			tb.Fatalf("there are no payloads in %s", dir)
		}
		return nil
	}
	out := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(filepath.Dir(f))+"/"+filepath.Base(f)] = data
	}
	return out
}

// kindOf is the header that goes with a body: files do not tell it.
func kindOf(body []byte) string {
	var top struct {
		Kind string `json:"object_kind"`
	}
	_ = json.Unmarshal(body, &top)
	return map[string]string{
		"push": pushHook, "tag_push": "Tag Push Hook", "merge_request": "Merge Request Hook", "note": "Note Hook", "issue": "Issue Hook",
		"pipeline": "Pipeline Hook", "release": "Release Hook",
	}[top.Kind]
}

// TestRealDeliveries: each is understood; why it is of no interest is what it is about.
func TestRealDeliveries(t *testing.T) {
	t.Parallel()
	all := payloads(t)
	if all == nil {
		t.Skip("SKIPPED: no real GitLab payloads at hand; set OPSBOT_PAYLOADS")
	}
	events, ignored := map[bot.EventType]int{}, map[string]int{}
	for name, body := range all {
		kind := kindOf(body)
		got, err := parsed(t, kind, "u1", body)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case kind == "":
			t.Errorf("%s: of no known kind", name)
		case kind == pushHook && len(got) != 1, kind != pushHook && len(got) != 0:
			t.Errorf("%s of kind %s: %+v", name, kind, got)
		case kind != pushHook:
			ignored[kind]++
			continue
		}
		for _, e := range got {
			events[e.Type]++
			if e.ExternalID == "" || e.Branch == "" || e.URL == "" || e.Pusher == "" || (e.Commit == "") != (e.Type == bot.EventBranchDeleted) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	t.Logf("events: %v; of no interest: %v", events, ignored)
	if len(all) < 48 || events[bot.EventPushed] < 4 || events[bot.EventBranchDeleted] < 2 || ignored["Merge Request Hook"] < 10 || ignored["Tag Push Hook"] < 3 {
		t.Errorf("of %d payloads %v are events, %v of no interest", len(all), events, ignored)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(pushHook, encode(f, sample()))
	for _, body := range payloads(f) {
		f.Add(kindOf(body), body)
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		events, err := parsed(t, kind, "u1", body)
		if err != nil && bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("code %s: %v", bot.CodeOf(err), err)
		}
		for _, e := range events {
			if e.ExternalID == "" || e.Branch == "" || e.ID == "" || e.Type == bot.EventPushed && !hashForm.MatchString(e.Commit) {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestDeliveriesOfTheStandIn: what GitLab sends after a push and a deletion, with its
// token, is understood.
func TestDeliveriesOfTheStandIn(t *testing.T) {
	t.Parallel()
	var got []fake.Delivery
	w := setup(t, nil, fake.WithReceiver(func(d fake.Delivery) int { got = append(got, d); return 202 }))
	repo, commit := w.made("shop")
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
		t.Fatal(err)
	}
	second, err := w.lab.Commit("foo/shop", "main", "Second\n\nBody")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := w.lab.Commit("foo/shop", "beside", "Third")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.lab.DeleteBranch("foo/shop", "beside"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	want := []bot.Event{
		{Type: bot.EventPushed, Branch: "main", Before: commit, Commit: second},
		{Type: bot.EventPushed, Branch: "beside", Commit: beside},
		{Type: bot.EventBranchDeleted, Branch: "beside", Before: beside},
	}
	if len(got) != len(want) {
		t.Fatalf("delivered: %+v", got)
	}
	for i, d := range got {
		id, _, err := w.forge.Verify(bot.Delivery{Header: d.Header, Body: d.Body})
		if err != nil || seen[id] {
			t.Errorf("%d: %q, %v", i, id, err)
		}
		seen[id] = true
		events, err := w.forge.Parse(t.Context(), bot.Delivery{Instance: "gitlab", Header: d.Header, Body: d.Body})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		e := events[0]
		if e.ExternalID != repo.ExternalID || e.Type != want[i].Type || e.Branch != want[i].Branch || e.Before != want[i].Before || e.Commit != want[i].Commit {
			t.Errorf("%d: %+v", i, e)
		}
		if i == 0 && !slices.EqualFunc(e.Commits, []string{second}, func(c bot.Commit, id string) bool { return c.ID == id }) {
			t.Errorf("commits: %+v", e.Commits)
		}
	}
}

package github

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/sign"
	fake "opsbot/test/fakes/github"
)

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	none  = "0000000000000000000000000000000000000000"
)

func received() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

func parse(tb testing.TB, kind string, body []byte) ([]bot.Event, error) {
	tb.Helper()
	return (&Forge{}).Parse(tb.Context(), bot.Delivery{
		Instance: "github", ID: "d1", Body: body, ReceivedAt: received(), Header: http.Header{"X-Github-Event": {kind}},
	})
}

// sample is a push as GitHub sends it, written for this test.
func sample() map[string]any {
	commit := func(id, message string) map[string]any {
		return map[string]any{
			"id": id, "message": message, "timestamp": "2026-04-01T10:00:00+02:00",
			"author": map[string]any{"name": "Alice", "email": "a@example.com"}, "added": []string{"x"},
		}
	}
	return map[string]any{
		"ref": "refs/heads/feature/x", "before": hashA, "after": hashB, "created": false, "deleted": false, "forced": false,
		"commits":     []any{commit(hashA, "Older"), commit(hashB, "Newer\n\nBody\n\nOpsBot-Operation: op-7")},
		"head_commit": commit(hashB, "Newer\n\nBody\n\nOpsBot-Operation: op-7"),
		"repository":  map[string]any{"id": 186853002, "html_url": "https://github.com/a/b", "pushed_at": 1557933657},
		"pusher":      map[string]any{"name": "bob"},
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
	events, err := parse(t, "push", encode(t, sample()))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	want := bot.Event{
		ID: events[0].ID, Source: "github", Type: bot.EventPushed, ReceivedAt: received(),
		OccurredAt: time.Unix(1557933657, 0).UTC(), Kind: bot.ResourceRepository, ExternalID: "186853002",
		Branch: "feature/x", Before: hashA, Commit: hashB, Pusher: "bob", URL: "https://github.com/a/b",
		Commits: []bot.Commit{{ID: hashB, Title: "Newer", Author: "Alice", At: at, Operation: "op-7"}, {ID: hashA, Title: "Older", Author: "Alice", At: at}},
	}
	if !reflect.DeepEqual(events[0], want) || len(want.ID) != 36 {
		t.Errorf("got  %+v\nwant %+v", events[0], want)
	}
	later := sample()
	later["repository"].(map[string]any)["pushed_at"] = 1557933658
	other, err := parse(t, "push", encode(t, later))
	if err != nil || other[0].ID == events[0].ID {
		t.Errorf("a later push of the same commits is the same event: %v, %v", other, err)
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
		"deletion":          {func(p map[string]any) { p["after"] = none; p["deleted"] = true; p["head_commit"] = nil }, bot.EventBranchDeleted},
		"tag":               {func(p map[string]any) { p["ref"] = "refs/tags/v1" }, ""},
		"no ref":            {func(p map[string]any) { delete(p, "ref") }, invalid},
		"short ref":         {func(p map[string]any) { p["ref"] = "main" }, invalid},
		"bad branch":        {func(p map[string]any) { p["ref"] = "refs/heads/a..b" }, invalid},
		"control character": {func(p map[string]any) { p["ref"] = "refs/heads/a\u0007" }, invalid},
		"short hash":        {func(p map[string]any) { p["after"] = "abc" }, invalid},
		"contradiction":     {func(p map[string]any) { p["deleted"] = true }, invalid},
		"hidden deletion":   {func(p map[string]any) { p["after"] = none }, invalid},
		"no repository":     {func(p map[string]any) { delete(p, "repository") }, invalid},
		"id is text":        {func(p map[string]any) { p["repository"] = map[string]any{"id": "1"} }, invalid},
		"id is a fraction":  {func(p map[string]any) { p["repository"] = map[string]any{"id": 1.5} }, invalid},
		"id is negative":    {func(p map[string]any) { p["repository"] = map[string]any{"id": -1} }, invalid},
		"commits is text":   {func(p map[string]any) { p["commits"] = "many" }, invalid},
		"commit without id": {func(p map[string]any) { p["commits"] = []any{map[string]any{}} }, invalid},
		"too many commits":  {func(p map[string]any) { p["commits"] = make([]any, maxEventCommits+1) }, invalid},
		"pusher is null":    {func(p map[string]any) { p["pusher"] = nil }, bot.EventPushed},
		"javascript link": {func(p map[string]any) {
			p["repository"] = map[string]any{"id": 1, "html_url": "javascript:alert(1)"}
		}, bot.EventPushed},
	}
	for name, c := range cases {
		p := sample()
		c.change(p)
		events, err := parse(t, "push", encode(t, p))
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

func TestParseForm(t *testing.T) {
	t.Parallel()
	d := bot.Delivery{
		Body:   []byte(url.Values{"payload": {string(encode(t, sample()))}}.Encode()),
		Header: http.Header{"X-Github-Event": {"push"}, "Content-Type": {"application/x-www-form-urlencoded"}},
	}
	if events, err := (&Forge{}).Parse(t.Context(), d); err != nil || len(events) != 1 || events[0].Commit != hashB {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	f := setup(t, nil).forge
	scheme, err := sign.GitHub(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	body := encode(t, sample())
	for name, c := range map[string]struct {
		change func(h http.Header)
		want   bot.Code
	}{
		"genuine":        {func(http.Header) {}, ""},
		"no signature":   {func(h http.Header) { h.Del("X-Hub-Signature-256") }, bot.CodeUnauthenticated},
		"old signature":  {func(h http.Header) { h.Del("X-Hub-Signature-256"); h.Set("X-Hub-Signature", "sha1=00") }, bot.CodeUnauthenticated},
		"two signatures": {func(h http.Header) { h.Add("X-Hub-Signature-256", "sha256=00") }, bot.CodeUnauthenticated},
		"other digest":   {func(h http.Header) { h.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) }, bot.CodeUnauthenticated},
		"no id":          {func(h http.Header) { h.Del("X-GitHub-Delivery") }, bot.CodeInvalid},
		"hostile id":     {func(h http.Header) { h.Set("X-GitHub-Delivery", "../x") }, bot.CodeInvalid},
	} {
		h := http.Header{}
		h.Set("X-GitHub-Delivery", "0190-guid")
		scheme.Sign(h, body)
		c.change(h)
		id, scope, err := f.Verify(bot.Delivery{Header: h, Body: body})
		if bot.CodeOf(err) != c.want || c.want == "" && (id != "0190-guid" || scope != bot.Scope{}) {
			t.Errorf("%s: %q, %v, %v", name, id, scope, err)
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
	files, err := filepath.Glob(filepath.Join(dir, "github", "*.json"))
	recorded, _ := filepath.Glob(filepath.Join(dir, "github", "recorded-*", "*.json"))
	if files = append(files, recorded...); err != nil || len(files) == 0 {
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

// kindOfFile is the event that a file's name begins with; of the recorded ones,
// whose names do not tell, it is seen from the fields.
func kindOfFile(name string, body []byte) string {
	if dir, file, _ := strings.Cut(name, "/"); dir == "github" {
		kind, _, _ := strings.Cut(file, ".")
		return kind
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) == nil && top["pusher"] != nil && top["commits"] != nil {
		return "push"
	}
	return "other"
}

func TestRealDeliveries(t *testing.T) {
	t.Parallel()
	all := payloads(t)
	if all == nil {
		t.Skip("SKIPPED: no real GitHub payloads at hand; set OPSBOT_PAYLOADS")
	}
	pushes, branches, deletions := 0, 0, 0
	for name, body := range all {
		kind := kindOfFile(name, body)
		if kind == "signature-test-vector" {
			continue
		}
		events, err := parse(t, kind, body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if kind != "push" {
			if len(events) != 0 {
				t.Errorf("%s: %+v", name, events)
			}
			continue
		}
		pushes++
		for _, e := range events {
			branches++
			if e.Type == bot.EventBranchDeleted {
				deletions++
			}
			if e.ExternalID == "" || e.Branch == "" || e.URL == "" || e.Type == bot.EventPushed && (len(e.Commits) == 0 || e.Commits[0].ID != e.Commit) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	if len(all) < 150 || pushes < 10 || branches < 5 || deletions < 1 {
		t.Errorf("of %d payloads %d are pushes, %d of branches, %d deletions", len(all), pushes, branches, deletions)
	}
}

func TestVector(t *testing.T) {
	t.Parallel()
	body, ok := payloads(t)["github/signature-test-vector.json"]
	if !ok {
		t.Skip("SKIPPED: no real GitHub payloads at hand; set OPSBOT_PAYLOADS")
	}
	var v struct{ Secret, Payload, Header, Value string }
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	f := setup(t, func(c *Config) { c.WebhookSecret = secret(t, v.Secret) }).forge
	h := http.Header{"X-Github-Delivery": {"x"}}
	h.Set(v.Header, v.Value)
	if _, _, err := f.Verify(bot.Delivery{Header: h, Body: []byte(v.Payload)}); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Verify(bot.Delivery{Header: h, Body: []byte(v.Payload + " ")}); bot.CodeOf(err) != bot.CodeUnauthenticated {
		t.Errorf("another body: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("push", encode(f, sample()))
	for name, body := range payloads(f) {
		f.Add(kindOfFile(name, body), body)
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		events, err := parse(t, kind, body)
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

// TestDeliveriesOfTheStandIn: what GitHub sends after a push, signed, is understood.
func TestDeliveriesOfTheStandIn(t *testing.T) {
	t.Parallel()
	var got []fake.Delivery
	w := setup(t, nil, fake.WithReceiver(func(d fake.Delivery) int { got = append(got, d); return 202 }))
	repo, commit := w.made("shop")
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
		t.Fatal(err)
	}
	second, err := w.hub.Commit("foo-org/shop", "main", "Second\n\nBody")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Event != "ping" || got[1].Event != "push" {
		t.Fatalf("delivered: %+v", got)
	}
	for _, d := range got {
		if _, _, err := w.forge.Verify(bot.Delivery{Header: d.Header, Body: d.Body}); err != nil {
			t.Errorf("%s: %v", d.Event, err)
		}
	}
	events, err := w.forge.Parse(t.Context(), bot.Delivery{Instance: "github", Header: got[1].Header, Body: got[1].Body})
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	e := events[0]
	ids := []string{}
	for _, c := range e.Commits {
		ids = append(ids, c.ID)
	}
	if e.ExternalID != repo.ExternalID || e.Branch != "main" || e.Before != commit || e.Commit != second || !slices.Equal(ids, []string{second}) {
		t.Errorf("%+v", e)
	}
}

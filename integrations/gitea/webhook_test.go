package gitea

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
	fake "opsbot/test/fakes/gitea"
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
		Instance: "gitea", ID: "d1", Body: body, ReceivedAt: received(), Header: http.Header{"X-Gitea-Event": {kind}},
	})
}

// sample is a push as Gitea sends it, written for this test.
func sample() map[string]any {
	commit := func(id, message string) map[string]any {
		return map[string]any{
			"id": id, "message": message, "timestamp": "2026-04-01T10:00:00+02:00",
			"author": map[string]any{"name": "Alice", "email": "a@example.com", "username": "alice"}, "added": []string{"x"},
		}
	}
	return map[string]any{
		"ref": "refs/heads/feature/x", "before": none, "after": hashB, "total_commits": 2,
		"commits":     []any{commit(hashB, "Newer\n\nBody\n\nOpsBot-Operation: op-7\n"), commit(hashA, "Older\n")},
		"head_commit": commit(hashB, "Newer\n\nBody\n\nOpsBot-Operation: op-7\n"),
		"repository":  map[string]any{"id": 61, "html_url": "https://gitea.example.com/a/b", "updated_at": "2026-04-01T10:00:05+02:00"},
		"pusher":      map[string]any{"login": "bob", "username": "bob"},
	}
}

// deletion is one of a branch, as Gitea sends it.
func deletion() map[string]any {
	return map[string]any{
		"ref": "feature/x", "ref_type": "branch", "pusher_type": "user", "sender": map[string]any{"login": "bob"},
		"repository": map[string]any{"id": 61, "html_url": "https://gitea.example.com/a/b", "updated_at": "2026-04-01T10:00:05+02:00"},
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
		ID: events[0].ID, Source: "gitea", Type: bot.EventPushed, ReceivedAt: received(), OccurredAt: received(),
		Kind: bot.ResourceRepository, ExternalID: "61", Branch: "feature/x", Commit: hashB, Pusher: "bob", URL: "https://gitea.example.com/a/b",
		Commits: []bot.Commit{{ID: hashB, Title: "Newer", Author: "Alice", At: at, Operation: "op-7"}, {ID: hashA, Title: "Older", Author: "Alice", At: at}},
	}
	if !reflect.DeepEqual(events[0], want) || len(want.ID) != 36 {
		t.Errorf("got  %+v\nwant %+v", events[0], want)
	}
	later := sample()
	later["repository"].(map[string]any)["updated_at"] = "2026-04-02T10:00:05+02:00"
	if other, err := parse(t, "push", encode(t, later)); err != nil || other[0].ID == events[0].ID {
		t.Errorf("a later push of the same commits is the same event: %v, %v", other, err)
	}
	old := sample()
	slices.Reverse(old["commits"].([]any))
	if other, err := parse(t, "push", encode(t, old)); err != nil || !reflect.DeepEqual(other[0], want) {
		t.Errorf("with the oldest first: %+v, %v", other, err)
	}
}

func TestParseDelete(t *testing.T) {
	t.Parallel()
	events, err := parse(t, "delete", encode(t, deletion()))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	want := bot.Event{
		ID: events[0].ID, Source: "gitea", Type: bot.EventBranchDeleted, ReceivedAt: received(), OccurredAt: received(),
		Kind: bot.ResourceRepository, ExternalID: "61", Branch: "feature/x", Pusher: "bob", URL: "https://gitea.example.com/a/b",
	}
	if !reflect.DeepEqual(events[0], want) || len(want.ID) != 36 {
		t.Errorf("got  %+v\nwant %+v", events[0], want)
	}
}

func TestParseVariants(t *testing.T) {
	t.Parallel()
	invalid := bot.EventType("invalid")
	cases := map[string]struct {
		kind   string
		change func(p map[string]any)
		want   bot.EventType // "" = of no interest
	}{
		"branch at a known commit": {"push", func(p map[string]any) { p["commits"] = []any{} }, bot.EventPushed},
		"no commits at all":        {"push", func(p map[string]any) { p["commits"] = nil; p["head_commit"] = nil }, bot.EventPushed},
		"deletion as a push":       {"push", func(p map[string]any) { p["before"] = hashA; p["after"] = none; p["commits"] = nil }, bot.EventBranchDeleted},
		"test delivery":            {"push", func(p map[string]any) { p["before"] = hashB }, ""},
		"test of an empty one":     {"push", func(p map[string]any) { p["after"] = none; p["commits"] = []any{map[string]any{"id": none}} }, ""},
		"tag":                      {"push", func(p map[string]any) { p["ref"] = "refs/tags/v1" }, ""},
		"wiki":                     {"wiki", func(map[string]any) {}, ""},
		"create":                   {"create", func(p map[string]any) { p["ref"] = "feature/x"; p["ref_type"] = "branch" }, ""},
		"no kind":                  {"", func(map[string]any) {}, ""},
		"no ref":                   {"push", func(p map[string]any) { delete(p, "ref") }, invalid},
		"short ref":                {"push", func(p map[string]any) { p["ref"] = "main" }, invalid},
		"bad branch":               {"push", func(p map[string]any) { p["ref"] = "refs/heads/a..b" }, invalid},
		"control character":        {"push", func(p map[string]any) { p["ref"] = "refs/heads/a\u0007" }, invalid},
		"short hash":               {"push", func(p map[string]any) { p["after"] = "abc" }, invalid},
		"no repository":            {"push", func(p map[string]any) { delete(p, "repository") }, invalid},
		"id is text":               {"push", func(p map[string]any) { p["repository"] = map[string]any{"id": "1"} }, invalid},
		"id is a fraction":         {"push", func(p map[string]any) { p["repository"] = map[string]any{"id": 1.5} }, invalid},
		"id is negative":           {"push", func(p map[string]any) { p["repository"] = map[string]any{"id": -1} }, invalid},
		"commits is text":          {"push", func(p map[string]any) { p["commits"] = "many" }, invalid},
		"commit without id":        {"push", func(p map[string]any) { p["commits"] = []any{map[string]any{}} }, invalid},
		"too many commits":         {"push", func(p map[string]any) { p["commits"] = make([]any, maxEventCommits+1) }, invalid},
		"pusher is null":           {"push", func(p map[string]any) { p["pusher"] = nil }, bot.EventPushed},
		"javascript link": {"push", func(p map[string]any) {
			p["repository"] = map[string]any{"id": 1, "html_url": "javascript:alert(1)"}
		}, bot.EventPushed},
		"deletion":           {"delete", func(p map[string]any) { p["ref"] = "feature/x"; p["ref_type"] = "branch" }, bot.EventBranchDeleted},
		"deletion, full ref": {"delete", func(p map[string]any) { p["ref_type"] = "branch" }, bot.EventBranchDeleted},
		"deletion of a tag":  {"delete", func(p map[string]any) { p["ref_type"] = "tag" }, ""},
		"deletion of what":   {"delete", func(map[string]any) {}, invalid},
		"deletion of none":   {"delete", func(p map[string]any) { p["ref"] = ""; p["ref_type"] = "branch" }, invalid},
	}
	for name, c := range cases {
		p := sample()
		c.change(p)
		events, err := parse(t, c.kind, encode(t, p))
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
		Header: http.Header{"X-Forgejo-Event": {"push"}, "Content-Type": {"application/x-www-form-urlencoded"}},
	}
	if events, err := (&Forge{}).Parse(t.Context(), d); err != nil || len(events) != 1 || events[0].Commit != hashB {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	f := setup(t, nil).forge
	body := encode(t, sample())
	signed := func(scheme func(...string) (*sign.HMAC, error), key string) func(http.Header) {
		return func(h http.Header) {
			made, err := scheme(key)
			if err != nil {
				t.Fatal(err)
			}
			made.Sign(h, body)
		}
	}
	all := func(changes ...func(http.Header)) func(http.Header) {
		return func(h http.Header) {
			for _, c := range changes {
				c(h)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(h http.Header)
		want   bot.Code
	}{
		"Gitea's":        {signed(sign.Gitea, hookSecret), ""},
		"Forgejo's":      {signed(sign.Forgejo, hookSecret), ""},
		"GitHub's":       {signed(sign.GitHub, hookSecret), ""},
		"all three":      {all(signed(sign.Gitea, hookSecret), signed(sign.Forgejo, hookSecret), signed(sign.GitHub, hookSecret)), ""},
		"Forgejo's id":   {all(signed(sign.Gitea, hookSecret), func(h http.Header) { h.Del("X-Gitea-Delivery"); h.Set("X-Forgejo-Delivery", "0190-guid") }), ""},
		"no signature":   {func(http.Header) {}, bot.CodeUnauthenticated},
		"empty":          {func(h http.Header) { h.Set("X-Gitea-Signature", "") }, bot.CodeUnauthenticated},
		"other secret":   {signed(sign.Gitea, "another"), bot.CodeUnauthenticated},
		"one is wrong":   {all(signed(sign.Gitea, "another"), signed(sign.GitHub, hookSecret)), bot.CodeUnauthenticated},
		"old signature":  {func(h http.Header) { h.Set("X-Hub-Signature", "sha1=00") }, bot.CodeUnauthenticated},
		"two signatures": {all(signed(sign.Gitea, hookSecret), func(h http.Header) { h.Add("X-Gitea-Signature", "00") }), bot.CodeUnauthenticated},
		"other digest":   {func(h http.Header) { h.Set("X-Gitea-Signature", strings.Repeat("0", 64)) }, bot.CodeUnauthenticated},
		"no digest":      {func(h http.Header) { h.Set("X-Gitea-Signature", "secret") }, bot.CodeUnauthenticated},
		"no id":          {all(signed(sign.Gitea, hookSecret), func(h http.Header) { h.Del("X-Gitea-Delivery") }), bot.CodeInvalid},
		"hostile id":     {all(signed(sign.Gitea, hookSecret), func(h http.Header) { h.Set("X-Gitea-Delivery", "../x") }), bot.CodeInvalid},
	} {
		h := http.Header{}
		h.Set("X-Gitea-Delivery", "0190-guid")
		c.change(h)
		id, scope, err := f.Verify(bot.Delivery{Header: h, Body: body})
		if bot.CodeOf(err) != c.want || c.want == "" && (id != "0190-guid" || scope != bot.Scope{}) {
			t.Errorf("%s: %q, %v, %v", name, id, scope, err)
		}
		if _, _, err := f.Verify(bot.Delivery{Header: h, Body: append([]byte(" "), body...)}); bot.CodeOf(err) != bot.CodeUnauthenticated {
			t.Errorf("%s, another body: %v", name, err)
		}
	}
}

// payloads lists the real deliveries, by system and file; nil where they are not at hand.
func payloads(tb testing.TB) map[string][]byte {
	tb.Helper()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = "../../../shared/payloads"
	}
	files, err := filepath.Glob(filepath.Join(dir, "gitea", "*", "*.json"))
	forgejo, _ := filepath.Glob(filepath.Join(dir, "forgejo", "*", "*.json"))
	if files = append(files, forgejo...); err != nil || len(files) == 0 {
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
		name, _ := filepath.Rel(dir, f)
		out[filepath.ToSlash(name)] = data
	}
	return out
}

// kindOfPayload is the event that a recorded body came with; files' names do not tell.
func kindOfPayload(body []byte) string {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return ""
	}
	switch {
	case top["release"] != nil:
		return "release"
	case top["comment"] != nil:
		return "issue_comment"
	case top["issue"] != nil:
		return "issues"
	case top["pull_request"] != nil:
		return "pull_request"
	case top["commits"] != nil && top["before"] != nil:
		return "push"
	case top["ref_type"] != nil && top["pusher_type"] != nil:
		return "delete"
	case top["ref_type"] != nil:
		return "create"
	}
	return ""
}

// ignored says why a kind makes no event.
func ignored() map[string]string {
	return map[string]string{
		"create":        "a push tells of a new branch, and tags are looked up",
		"pull_request":  "no forge's pull requests are followed yet",
		"issues":        "not asked for",
		"issue_comment": "not asked for",
		"release":       "not asked for",
	}
}

func TestRealDeliveries(t *testing.T) {
	t.Parallel()
	all := payloads(t)
	if all == nil {
		t.Skip("SKIPPED: no real Gitea payloads at hand; set OPSBOT_PAYLOADS")
	}
	seen := map[string]int{}
	for name, body := range all {
		kind := kindOfPayload(body)
		events, err := parse(t, kind, body)
		if err != nil || kind == "" {
			t.Errorf("%s, a %q: %v", name, kind, err)
			continue
		}
		seen[kind]++
		if ignored()[kind] != "" {
			if len(events) != 0 {
				t.Errorf("%s: %+v", name, events)
			}
			continue
		}
		if tag := strings.HasSuffix(name, "tag-delete.json"); tag != (len(events) == 0) {
			t.Errorf("%s: %d events", name, len(events))
		}
		for _, e := range events {
			seen[string(e.Type)]++
			if e.ExternalID == "" || e.Branch == "" || e.URL == "" || e.Pusher == "" || e.Type == bot.EventPushed && (len(e.Commits) == 0 || e.Commits[0].ID != e.Commit) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	if len(all) < 58 || seen["push"] < 5 || seen[string(bot.EventPushed)] != seen["push"] || seen[string(bot.EventBranchDeleted)] != 1 {
		t.Errorf("of %d payloads there are %v", len(all), seen)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("push", encode(f, sample()))
	f.Add("delete", encode(f, deletion()))
	for _, body := range payloads(f) {
		f.Add(kindOfPayload(body), body)
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

// TestDeliveriesOfTheStandIn: what Gitea, and Forgejo, send after pushes, a test and a
// deletion, signed, is understood.
func TestDeliveriesOfTheStandIn(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.24.3", "12.0.1+gitea-1.22.0"} {
		var got []fake.Delivery
		w := setup(t, nil, fake.WithVersion(version), fake.WithReceiver(func(d fake.Delivery) int { got = append(got, d); return 202 }))
		repo, commit := w.made("shop")
		if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
			t.Fatal(err)
		}
		if err := w.tea.TestHook("foo-org/shop", w.teaRepo("foo-org/shop").Hooks[0].ID); err != nil {
			t.Fatal(err)
		}
		second, err := w.tea.Commit("foo-org/shop", "main", "Second\n\nBody")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.tea.Commit("foo-org/shop", "side", "Side"); err != nil {
			t.Fatal(err)
		}
		if err := w.tea.DeleteBranch("foo-org/shop", "side"); err != nil {
			t.Fatal(err)
		}
		var events []bot.Event
		var kinds []string
		for _, d := range got {
			_, query, _ := strings.Cut(d.URL, "?")
			sent := bot.Delivery{Instance: "gitea", Query: query, Header: d.Header, Body: d.Body}
			if _, _, err := w.forge.Verify(sent); err != nil {
				t.Errorf("%s: %v", d.Event, err)
			}
			some, err := w.forge.Parse(t.Context(), sent)
			if err != nil {
				t.Errorf("%s: %v", d.Event, err)
			}
			events, kinds = append(events, some...), append(kinds, d.Event)
		}
		if strings.Join(kinds, " ") != "push push create push delete" || len(events) != 3 {
			t.Fatalf("delivered: %v; events: %+v", kinds, events)
		}
		e := events[0]
		if e.ExternalID != repo.ExternalID || e.Branch != "main" || e.Before != commit || e.Commit != second || len(e.Commits) != 1 || e.Commits[0].Title != "Second" {
			t.Errorf("%+v", e)
		}
		if events[1].Branch != "side" || events[2].Type != bot.EventBranchDeleted || events[2].Branch != "side" {
			t.Errorf("%+v", events[1:])
		}
	}
}

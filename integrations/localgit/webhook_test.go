package localgit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

var received = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func parse(tb testing.TB, body []byte) ([]bot.Event, error) {
	tb.Helper()
	return (&Forge{}).Parse(tb.Context(), bot.Delivery{
		Instance: "localgit", ID: "d1", Body: body, ReceivedAt: received,
		Header: http.Header{"X-Github-Event": {"push"}},
	})
}

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	none  = "0000000000000000000000000000000000000000"
)

// sample is a push as GitHub sends it, written for this test.
func sample() map[string]any {
	commit := func(id, message string) map[string]any {
		return map[string]any{
			"id": id, "message": message, "timestamp": "2026-04-01T10:00:00+02:00",
			"author": map[string]any{"name": "Alice", "email": "a@example.com"}, "added": []string{"x"},
		}
	}
	return map[string]any{
		"ref": "refs/heads/feature/x", "before": hashA, "after": hashB, "created": false, "deleted": false,
		"forced": false, "unheard_of": map[string]any{"a": []any{1, nil}},
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
	events, err := parse(t, encode(t, sample()))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	want := bot.Event{
		ID: events[0].ID, Source: "localgit", Type: bot.EventPushed, ReceivedAt: received,
		OccurredAt: time.Unix(1557933657, 0).UTC(), Kind: bot.ResourceRepository, ExternalID: "186853002",
		Branch: "feature/x", Before: hashA, Commit: hashB, Pusher: "bob", URL: "https://github.com/a/b",
		Commits: []bot.Commit{{ID: hashB, Title: "Newer", Author: "Alice", At: at, Operation: "op-7"}, {ID: hashA, Title: "Older", Author: "Alice", At: at}},
	}
	if !reflect.DeepEqual(events[0], want) || len(want.ID) != 36 {
		t.Errorf("got  %+v\nwant %+v", events[0], want)
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
		"notes":             {func(p map[string]any) { p["ref"] = "refs/notes/x" }, ""},
		"no ref":            {func(p map[string]any) { delete(p, "ref") }, invalid},
		"short ref":         {func(p map[string]any) { p["ref"] = "main" }, invalid},
		"bad branch":        {func(p map[string]any) { p["ref"] = "refs/heads/a..b" }, invalid},
		"control character": {func(p map[string]any) { p["ref"] = "refs/heads/a\u0007" }, invalid},
		"long branch":       {func(p map[string]any) { p["ref"] = "refs/heads/" + strings.Repeat("a", 250) }, invalid},
		"ref is a number":   {func(p map[string]any) { p["ref"] = 3 }, invalid},
		"short hash":        {func(p map[string]any) { p["after"] = "abc" }, invalid},
		"upper-case hash":   {func(p map[string]any) { p["after"] = strings.ToUpper(hashA) }, invalid},
		"contradiction":     {func(p map[string]any) { p["deleted"] = true }, invalid},
		"hidden deletion":   {func(p map[string]any) { p["after"] = none }, invalid},
		"no repository":     {func(p map[string]any) { delete(p, "repository") }, invalid},
		"id is true":        {func(p map[string]any) { p["repository"] = map[string]any{"id": true} }, invalid},
		"id is a path":      {func(p map[string]any) { p["repository"] = map[string]any{"id": "../x"} }, invalid},
		"id is a fraction":  {func(p map[string]any) { p["repository"] = map[string]any{"id": 1.5} }, invalid},
		"commits is text":   {func(p map[string]any) { p["commits"] = "many" }, invalid},
		"commit without id": {func(p map[string]any) { p["commits"] = []any{map[string]any{}} }, invalid},
		"too many commits":  {func(p map[string]any) { p["commits"] = make([]any, maxEventCommits+1) }, invalid},
		"negative sequence": {func(p map[string]any) { p["sequence"] = -1 }, invalid},
		"pusher is null":    {func(p map[string]any) { p["pusher"] = nil }, bot.EventPushed},
		"javascript link": {func(p map[string]any) {
			p["repository"] = map[string]any{"id": 1, "html_url": "javascript:alert(1)"}
		}, bot.EventPushed},
	}
	for name, c := range cases {
		p := sample()
		c.change(p)
		events, err := parse(t, encode(t, p))
		got := bot.EventType("")
		switch {
		case bot.CodeOf(err) == bot.CodeInvalid:
			got = invalid
		case err != nil || len(events) > 1:
			t.Errorf("%s: %v, %v", name, events, err)
		case len(events) == 1:
			got = events[0].Type
			checkEvent(t, events[0])
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
	for _, kind := range []string{"ping", "", "pull_request"} {
		events, err := (&Forge{}).Parse(t.Context(), bot.Delivery{Header: http.Header{"X-Github-Event": {kind}}, Body: []byte("{")})
		if events != nil || err != nil {
			t.Errorf("%q: %v, %v", kind, events, err)
		}
	}
}

// checkEvent holds for every event whatever it was parsed from.
func checkEvent(tb testing.TB, e bot.Event) {
	tb.Helper()
	if e.Type == bot.EventPushed && !isHash(e.Commit) {
		tb.Errorf("a push without a commit: %+v", e)
	}
	if e.Type == bot.EventBranchDeleted && (e.Commit != "" || e.Commits != nil || e.Before == "") {
		tb.Errorf("a deletion with commits: %+v", e)
	}
	if e.Branch == "" || len(e.Branch) > 200 || e.ExternalID == "" || e.Kind != bot.ResourceRepository || e.ID == "" || e.OccurredAt.IsZero() {
		tb.Errorf("incomplete: %+v", e)
	}
	if e.URL != "" && !strings.HasPrefix(e.URL, "http") || len([]rune(e.Pusher)) > 100 || len(e.Commits) > maxEventCommits+1 {
		tb.Errorf("out of bounds: %+v", e)
	}
	for _, c := range e.Commits {
		if !isHash(c.ID) || len([]rune(c.Title)) > 250 || len([]rune(c.Author)) > 100 || strings.Contains(c.Title, "\n") {
			tb.Errorf("commit out of bounds: %+v", c)
		}
	}
}

// shuffled writes v with the keys of every object in random order.
func shuffled(v any, r *rand.Rand) []byte {
	var out bytes.Buffer
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		out.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				out.WriteByte(',')
			}
			name, _ := json.Marshal(k)
			fmt.Fprintf(&out, "%s: %s", name, shuffled(v[k], r))
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(shuffled(e, r))
		}
		out.WriteByte(']')
	default:
		data, _ := json.Marshal(v)
		out.Write(data)
	}
	return out.Bytes()
}

// FuzzPush: no order of keys changes what a payload means, and whatever it means is
// within bounds.
func FuzzPush(f *testing.F) {
	f.Add(encode(f, sample()), uint64(1))
	twice := []byte(`{"ref":"refs/heads/a","Ref":"refs/heads/b","before":"` + none + `","after":"` + hashA +
		`","deleted":false,"Deleted":true,"repository":{"id":"x","ID":"y"}}`)
	f.Add(twice, uint64(2))
	f.Add([]byte(`{"ref":"refs/heads/a","ref":"refs/heads/b"}`), uint64(3))
	f.Add([]byte(`{"ref":"refs/heads/a","before":"`+hashA+`","after":"`+none+`","deleted":true,"repository":{"id":7}}`), uint64(4))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		events, err := parse(t, body)
		if err != nil && bot.CodeOf(err) != bot.CodeInvalid {
			t.Fatalf("code %s: %v", bot.CodeOf(err), err)
		}
		for _, e := range events {
			checkEvent(t, e)
		}
		var v any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err != nil || dec.Decode(&v) != nil {
			return
		}
		again, err := parse(t, shuffled(v, rand.New(rand.NewPCG(seed, 1))))
		if err != nil || !reflect.DeepEqual(events, again) {
			t.Fatalf("order matters:\n%+v\n%+v, %v", events, again, err)
		}
	})
}

func TestKeysAreExactAndOnce(t *testing.T) {
	t.Parallel()
	body := string(encode(t, sample()))
	events, err := parse(t, []byte(strings.Replace(body, `"ref":`, `"Ref":"refs/heads/evil","REF":"refs/heads/evil","ref":`, 1)))
	if err != nil || len(events) != 1 || events[0].Branch != "feature/x" {
		t.Errorf("keys in another case count: %+v, %v", events, err)
	}
	_, err = parse(t, []byte(strings.Replace(body, `"ref":`, `"ref":"refs/heads/evil","ref":`, 1)))
	wantCode(t, err, bot.CodeInvalid)
}

// TestRealPayloads reads the pushes that GitHub and users of it published.
func TestRealPayloads(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "payloads")
	}
	var files []string
	for _, pattern := range []string{"push*.json", "recorded-*/push*.json", "recorded-*/hook_push*.json", "recorded-*/Hook*ush*.json"} {
		found, err := filepath.Glob(filepath.Join(dir, "github", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		if os.Getenv("OPSBOT_REQUIRE_PAYLOADS") == "1" {
			t.Fatalf("no payloads below %s", dir)
		}
		t.Skipf("PAYLOADS ABSENT: 1 test of real GitHub pushes did not run (looked in %s)", dir)
	}
	branches := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var raw struct {
			Ref, After string
			Deleted    bool
			HeadCommit *struct{ ID string } `json:"head_commit"`
			Repository struct{ ID json.Number }
			Pusher     struct{ Name string }
		}
		if err := json.Unmarshal(body, &raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		events, err := parse(t, body)
		branch, isBranch := strings.CutPrefix(raw.Ref, "refs/heads/")
		if err != nil || isBranch != (len(events) == 1) {
			t.Errorf("%s: %+v, %v", filepath.Base(file), events, err)
			continue
		}
		if !isBranch {
			continue
		}
		branches++
		e := events[0]
		checkEvent(t, e)
		if e.Branch != branch || e.ExternalID != raw.Repository.ID.String() || e.Pusher != raw.Pusher.Name ||
			(e.Type == bot.EventBranchDeleted) != raw.Deleted || !raw.Deleted && (e.Commit != raw.After || e.Commits[0].ID != raw.HeadCommit.ID) {
			t.Errorf("%s: %+v", filepath.Base(file), e)
		}
	}
	t.Logf("%d real pushes, %d of them of branches", len(files), branches)
	if branches == 0 {
		t.Error("no push of a branch among them")
	}
}

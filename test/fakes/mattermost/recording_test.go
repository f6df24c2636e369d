package mattermost_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recording is one request with its answer, as a real server of version 11.2 gave it,
// and what its integration and its users' sockets saw of it.
type recording struct {
	Name, Method, Path string
	Headers            map[string]string
	Request            json.RawMessage
	Raw                *string
	Status             int
	Answer             map[string]string // headers; Api tells whether the API's usual ones were there
	Body               any
	Integration        *struct {
		Line     string
		Headers  map[string]string
		Body     any
		Answered *struct {
			Status  int
			Headers map[string]string
			Body    *string // nil: a long text
		}
	}
	Events  map[string][]any
	PostNow any `json:"post_now"`
}

// socketRecording is what sockets saw. Most have frames alone.
type socketRecording struct {
	Name         string
	Frames       []recordedFrame
	BeforeDrop   []recordedFrame `json:"before_drop"`
	After        []recordedFrame
	First        []recordedFrame
	Second       []recordedFrame
	ResponseBody string `json:"response_body"`
	Rows         []map[string]any
	Results      []struct {
		Status int
		Body   any
	}
	Bodies []any
	Seqs   []float64
}

type recordedFrame struct {
	Dir, Op, Why string
	JSON         map[string]any
	Raw          string
	CloseCode    int `json:"close_code"`
}

// received are the frames that came from the server.
func received(frames []recordedFrame) []map[string]any {
	var out []map[string]any
	for _, f := range frames {
		if f.Dir == "recv" && f.JSON != nil {
			out = append(out, f.JSON)
		}
	}
	return out
}

// readLines decodes a file of testdata with one JSON text a line.
func readLines[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, one)
	}
	return out
}

// dictionary knows which of our ids stands for which recorded one. It learns while
// comparing: the first time a recorded id is met, ours takes its place.
type dictionary struct{ ours map[string]string }

func newDictionary() *dictionary { return &dictionary{ours: map[string]string{}} }

func (d *dictionary) learn(recorded, ours string) { d.ours[recorded] = ours }

// translate puts our ids and addresses into a recorded text.
func (d *dictionary) translate(text string) string {
	pairs := make([]string, 0, 2*len(d.ours))
	for recorded, ours := range d.ours {
		pairs = append(pairs, recorded, ours)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func isID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// volatile are keys whose values depend on what else happened on the server; only
// their types are compared.
func volatile(key string) bool {
	return slices.Contains([]string{
		"request_id", "trigger_id", "token", "cookie", "invite_id", "mini_preview", "server_time", "server_version", "seq",
		"last_viewed_at", "last_update_at", "total_msg_count", "total_msg_count_root", "msg_count", "msg_count_root",
		"mention_count", "mention_count_root", "last_post_at", "last_root_post_at", "last_activity_at",
	}, key)
}

// compare lists the differences of a recorded JSON value and ours.
func (d *dictionary) compare(at string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: want an object, got %s", at, short(got))}
		}
		return d.compareObjects(at, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s: want a list of %d, got %s", at, len(w), short(got))}
		}
		g = d.align(w, g)
		var out []string
		for i := range w {
			out = append(out, d.compare(fmt.Sprintf("%s[%d]", at, i), w[i], g[i])...)
		}
		return out
	case string:
		g, ok := got.(string)
		if !ok {
			return []string{fmt.Sprintf("%s: want the text %q, got %s", at, w, short(got))}
		}
		return d.compareTexts(at, w, g)
	case float64:
		g, ok := got.(float64)
		if !ok || (w != g && (w < 1.5e12 || g < 1.5e12)) {
			return []string{fmt.Sprintf("%s: want %s, got %s", at, short(want), short(got))}
		}
		return nil
	}
	if want != got {
		return []string{fmt.Sprintf("%s: want %s, got %s", at, short(want), short(got))}
	}
	return nil
}

// align puts ours into the recorded order where objects have ids: the server sorts
// lists of users and channels by ids, which are random. The likest goes first.
func (d *dictionary) align(want, got []any) []any {
	if len(want) < 2 || idOf(want[0]) == "" {
		return got
	}
	out := make([]any, 0, len(want))
	left := slices.Clone(got)
	for _, w := range want {
		best, least := 0, -1
		for i, g := range left {
			scratch := &dictionary{ours: maps.Clone(d.ours)}
			if n := len(scratch.compare("", w, g)); least < 0 || n < least {
				best, least = i, n
			}
		}
		out = append(out, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return out
}

func idOf(v any) string {
	object, _ := v.(map[string]any)
	for _, key := range []string{"id", "user_id"} {
		if id, ok := object[key].(string); ok {
			return id
		}
	}
	return ""
}

func (d *dictionary) compareObjects(at string, want, got map[string]any) []string {
	var out []string
	keys := make([]string, 0, len(want))
	for key := range want {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	// Ids are learned from "order" and "id" before they are used as keys.
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	expected := map[string]bool{}
	for _, key := range keys {
		ours := d.translate(key)
		expected[ours] = true
		value, ok := got[ours]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s.%s is missing", at, key))
		case volatile(key):
			if kind(value) != kind(want[key]) {
				out = append(out, fmt.Sprintf("%s.%s: want a %s, got a %s", at, key, kind(want[key]), kind(value)))
			}
		default:
			out = append(out, d.compare(at+"."+key, want[key], value)...)
		}
	}
	for key := range got {
		if !expected[key] {
			out = append(out, fmt.Sprintf("%s.%s is not in the recording", at, key))
		}
	}
	return out
}

func rank(key string) int {
	if i := slices.Index([]string{"id", "order", "file_ids"}, key); i >= 0 {
		return i
	}
	return 9
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	}
	return "object"
}

func (d *dictionary) compareTexts(at, want, got string) []string {
	var w, g any
	if strings.HasPrefix(want, "{") || strings.HasPrefix(want, "[") {
		if json.Unmarshal([]byte(want), &w) == nil && json.Unmarshal([]byte(got), &g) == nil {
			return d.compare(at+"(text)", w, g)
		}
	}
	known := d.translate(want)
	switch {
	case known == got:
		return nil
	case isID(want) && known == want && isID(got):
		d.learn(want, got)
		return nil
	case sameParts(known, got, "__"), sameParts(known, got, "."): // a direct channel's name, an etag
		return nil
	case len(want) == 40 && len(got) == 40: // a group channel's name
		return nil
	}
	return []string{fmt.Sprintf("%s: want %q, got %q", at, known, got)}
}

// sameParts compares texts that are made of ids and times, in an order that depends
// on them.
func sameParts(a, b, by string) bool {
	if !strings.Contains(a, by) || len(a) < 20 {
		return false
	}
	normal := func(text string) []string {
		parts := strings.Split(text, by)
		for i, p := range parts {
			if len(p) == 13 && strings.Trim(p, "0123456789") == "" {
				parts[i] = "time"
			}
		}
		slices.Sort(parts)
		return parts
	}
	return slices.Equal(normal(a), normal(b))
}

func short(v any) string {
	data, _ := json.Marshal(v)
	if len(data) > 200 {
		return string(data[:200]) + "..."
	}
	return string(data)
}

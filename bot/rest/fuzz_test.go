package rest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzPause: whatever a server says, the pause is one that a person would wait.
func FuzzPause(f *testing.F) {
	for _, s := range []string{"", "0", "7", "-1", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 1926 07:28:00 GMT", "soon", " 3 "} {
		f.Add(429, s, s, s)
		f.Add(403, "", s, "0")
	}
	now := time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, after, reset, remaining string) {
		h := http.Header{}
		h.Set("Retry-After", after)
		h.Set("X-RateLimit-Reset", reset)
		h.Set("X-RateLimit-Remaining", remaining)
		if wait, ok := Pause(status, h, now); ok && (wait < time.Second || wait > longestPause) {
			t.Errorf("%d %q %q %q: wait %s", status, after, reset, remaining, wait)
		}
	})
}

// FuzzObject: what is read by exact key is what encoding/json reads when there is but
// one way to read it.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `null`, `[]`, `{"ref":"a"}`, `{"ref":"a","ref":"b"}`, `{"Ref":"a","ref":"b"}`, `{"ref":1}`, `{"ref":null}`, `{"ref"`, `{"a":{"ref":"x"}}`, "\ufeff{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var o Object
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			return
		}
		var plain map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &plain); err != nil {
			t.Fatalf("%q is no object for encoding/json: %v", body, err)
		}
		if len(plain) != len(o) {
			t.Errorf("%q: %d keys, not %d", body, len(o), len(plain))
		}
		for key := range o {
			text, err := o.Text(key, 10)
			if err == nil && len(text) > 10 {
				t.Errorf("%q: %q is longer than asked for", body, text)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: the error has lines: %v", body, err)
			}
		}
	})
}

package engine

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestMask: a secret is found in every form in which programs print it.
func TestMask(t *testing.T) {
	t.Parallel()
	const secret = `it's 1 "s3cret"/+&`
	var m masker
	m.hide(secret)
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	std := base64.StdEncoding
	for name, text := range map[string]string{
		"plain":           "a " + secret + " b",
		"traced by bash":  `+ echo 'it'\''s 1 "s3cret"/+&'`,
		"printf %q":       `it\'s\ 1\ \"s3cret\"/+\&`,
		"query":           "x?y=" + url.QueryEscape(secret),
		"path":            "x/" + url.PathEscape(secret),
		"json":            string(quoted),
		"base64":          std.EncodeToString([]byte(secret)),
		"base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"of a line":       std.EncodeToString([]byte(secret + "\n")),
		"of a login":      "Basic " + std.EncodeToString([]byte("ada:"+secret)),
		"behind one":      std.EncodeToString([]byte("x" + secret + "tail")),
		"behind two":      std.EncodeToString([]byte("xy" + secret + "t")),
	} {
		got := m.mask(text)
		if !strings.Contains(got, masked) || strings.Contains(got, "s3cret") {
			t.Errorf("%s: %s", name, got)
		}
		if core := std.EncodeToString([]byte(secret))[4:16]; strings.Contains(got, core) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := m.mask("nothing to see"); got != "nothing to see" {
		t.Errorf("masked %q", got)
	}
}

// TestMaskSeveral: secrets that overlap leave nothing of each other, and the lines of a
// long one are masked each.
func TestMaskSeveral(t *testing.T) {
	t.Parallel()
	var m masker
	key := "-----BEGIN KEY-----\n" + strings.Repeat("Abc0", 16) + "\n}\n-----END KEY-----\n"
	for _, secret := range []string{"abcd", "cdef", "xy", " ", "", key} {
		m.hide(secret)
	}
	for text, want := range map[string]string{
		"abcdef":                           "****",
		"abcd cdef":                        "**** ****",
		"1xy2":                             "1****2",
		" - }":                             " - }",
		"is " + strings.Repeat("Abc0", 16): "is ****",
		"-----END KEY-----":                "****",
		strings.Repeat("x", 3) + "y":       "xx****",
	} {
		if got := m.mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	lines := base64.StdEncoding.EncodeToString([]byte(key))
	for at := 0; at < len(lines); at += 76 {
		part := lines[at:min(at+76, len(lines))]
		if got := m.mask(part); strings.Contains(got, part[:12]) {
			t.Errorf("base64 in lines: %q", got)
		}
	}
}

// TestMaskSplit: a secret that comes in several writes, or in a line without an end, is
// masked all the same.
func TestMaskSplit(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-value"
	for _, filler := range []int{0, 100, maxLine - 3, maxLine, maxLine + 5, 2*maxLine - 3} {
		var lines []string
		c := &console{sink: func(line string) { lines = append(lines, line) }}
		c.hide(secret)
		w := &lineWriter{console: c}
		text := strings.Repeat("x", filler) + secret + strings.Repeat("z", maxLine)
		for at := 0; at < len(text); at += 997 {
			_, _ = w.Write([]byte(text[at:min(at+997, len(text))]))
		}
		w.finish()
		got := strings.Join(lines, "")
		if want := strings.Replace(text, secret, masked, 1); got != want {
			t.Errorf("after %d bytes: %d bytes of log, want %d", filler, len(got), len(want))
		}
	}
}

// FuzzMask: nothing of a secret's forms is left, and what is no secret stays.
func FuzzMask(f *testing.F) {
	f.Add("s3cret", "a s3cret b")
	f.Add("it's\nof two lines", "it's of two lines")
	f.Add("aa", "aaaa")
	f.Add("%20+/=", "czNjcmV0")
	f.Fuzz(func(t *testing.T, secret, text string) {
		var m masker
		m.hide(secret)
		got := m.mask(text)
		line := strings.TrimSpace(secret)
		for part := range strings.SplitSeq(got, masked) {
			if line != "" && !strings.ContainsAny(secret, "\n*") && strings.Contains(part, line) {
				t.Errorf("%q is left in %q", line, got)
			}
		}
		if len(m.find(text)) == 0 && got != text {
			t.Errorf("%q became %q", text, got)
		}
		if at := m.cut(text); at < 0 || at > len(text) {
			t.Errorf("cut %q at %d", text, at)
		}
	})
}

package bot

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Text{
		"":                                 "",
		"Initial commit":                   "Initial commit",
		"**now** _x_ ~y~ `z`":              "\\*\\*now\\*\\* \\_x\\_ \\~y\\~ \\`z\\`",
		"[pay](https://evil)":              `\[pay\](https://evil)`,
		"<!channel> & @here":               `\<\!channel\> \& \@here`,
		"#1 a|b":                           `\#1 a\|b`,
		`\*x\*`:                            `\\\*x\\\*`,
		"a\r\nb\tc\vd\fe":                  "a  b c d e",
		"a\u0085b\u2028c\u2029d":           "a b c d",
		"a\u00a0b\u202fc\u3000d":           "a b c d",
		"a\x00\x1b[31mb\x7f":               `a\[31mb`,
		"a\u0080\u009bb":                   "ab",
		"\u202egnp.exe\u202c":              "gnp.exe",
		"a\u2066b\u2069\u200e\u200f\u061c": "ab",
		"@\u200bhere \ufeffx\u00ady":       `\@here xy`,
		"a\U000e0041\U000e007fb":           "ab",
		"a\u2060\u180eb\u3164c\u115fd":     "abcd",
		"a\xff\xfe\ufffdb":                 "ab",
		"héllo 世界 🚀":                       "héllo 世界 🚀",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for in, want := range map[Text]string{
		`a\*b`: "a*b", `\\`: `\`, `\`: "", "**b** `c` [l](u)": "**b** `c` [l](u)", `\[x\](y)`: "[x](y)",
	} {
		if got := Unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"hello", 5, "hello"}, {"hello", 4, "hel…"}, {"héééé", 3, "hé…"}, {"ab", 1, "…"}, {"ab", 0, "…"}, {"", 0, ""}} {
		if got := Shorten(c.in, c.n); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

// FuzzEscape: nothing of the text works as anything but text, and nothing of what
// can be seen is lost.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"<!channel> [a](b) @here", "a\r\nb", "\\\\*", "\u202e\u2028\u0085", "\xff", "a\u00a0b", "🏳️‍🌈", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := Escape(s)
		if got, want := Unescape(text), OneLine(s); got != want {
			t.Fatalf("%q shows %q, want %q", s, got, want)
		}
		if again := OneLine(OneLine(s)); again != OneLine(s) || !utf8.ValidString(again) {
			t.Fatalf("%q is cleaned to %q, and that to %q", s, OneLine(s), again)
		}
		escaped := false
		for _, r := range string(text) {
			switch {
			case escaped:
				escaped = false
				continue
			case strings.ContainsRune("*`[]_~<>&@!#|", r):
				t.Fatalf("%q leaves the markup %q in %q", s, r, text)
			case r != ' ' && unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
				t.Fatalf("%q leaves %U in %q", s, r, text)
			}
			escaped = r == '\\'
		}
		if escaped {
			t.Fatalf("%q ends with a backslash that eats what follows: %q", s, text)
		}
		if seen := strings.Map(visible, s); strings.Map(visible, OneLine(s)) != seen {
			t.Fatalf("%q loses something that can be seen: %q", s, OneLine(s))
		}
	})
}

// visible drops what needs not be kept: all but letters, digits, marks of writing
// and signs.
func visible(r rune) rune {
	if r == utf8.RuneError || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point) || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) {
		return -1
	}
	return r
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		300 * time.Millisecond: "under 1 s", 41 * time.Second: "41 s", 59_700 * time.Millisecond: "1 min",
		125 * time.Second: "2 min 5 s", time.Hour + 20*time.Second: "1 h", 63 * time.Minute: "1 h 3 min", 49 * time.Hour: "49 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
}

package bot

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Escape turns foreign text into Text that shows exactly that text on one line:
// no markup, no mention, no link behind a label, no line break, nothing that is
// invisible or changes the direction of what follows. Unescape gives the line back.
func Escape(s string) Text {
	var b strings.Builder
	for _, r := range OneLine(s) {
		if strings.ContainsRune("\\*`[]_~<>&@!#|", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return Text(b.String())
}

// OneLine is foreign text as plain text on one line: line breaks and spaces of any
// kind are spaces; control, format and other invisible characters, and bytes that
// are no text, are left out.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.In(r, unicode.Z):
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point):
			return -1
		}
		return r
	}, s)
}

// Unescape gives back the plain text of t without its markup characters'
// backslashes; bold, code and link markup is left as written. It serves logs
// and terminals.
func Unescape(t Text) string {
	var b strings.Builder
	esc := false
	for _, r := range string(t) {
		if r == '\\' && !esc {
			esc = true
			continue
		}
		esc = false
		b.WriteRune(r)
	}
	return b.String()
}

// CutLink parses the [label](url) of Text at the start of s; n is its length in bytes,
// 0 if it is none. The label ends at the first bracket that has no backslash before
// it; whether the address is one to be followed is for the renderer to say.
func CutLink(s string) (label, target string, n int) {
	mid := -1
	for i := 1; i < len(s) && mid < 0; i++ {
		switch s[i] {
		case '\\':
			i++
		case '[', '\n':
			return "", "", 0
		case ']':
			mid = i
		}
	}
	if mid < 0 || !strings.HasPrefix(s[mid:], "](") {
		return "", "", 0
	}
	end := strings.IndexByte(s[mid:], ')')
	if end < 0 {
		return "", "", 0
	}
	return s[1:mid], s[mid+2 : mid+end], mid + end + 1
}

// Shorten cuts s to at most n runes, the last of them an ellipsis when cut.
func Shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:max(n-1, 0)]) + "…"
}

// Span writes a duration as people say it: "41 s", "2 min 5 s", "1 h".
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	whole, part := fmt.Sprintf("%d s", d/time.Second), ""
	switch {
	case d < time.Second:
		return "under 1 s"
	case d >= time.Hour:
		whole = fmt.Sprintf("%d h", d/time.Hour)
		if m := d % time.Hour / time.Minute; m > 0 {
			part = fmt.Sprintf(" %d min", m)
		}
	case d >= time.Minute:
		whole = fmt.Sprintf("%d min", d/time.Minute)
		if s := d % time.Minute / time.Second; s > 0 {
			part = fmt.Sprintf(" %d s", s)
		}
	}
	return whole + part
}

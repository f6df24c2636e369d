package engine

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	// masked stands in the log for a secret.
	masked = "****"
	// headLen is how many bytes select the forms that may begin at a place.
	headLen = 4
	// minPart is the least length of a line of a longer secret that is masked: a brace
	// on a line of its own tells nothing and would spoil the log.
	minPart = 8
	// minShifted is the least length of a secret whose base64 is also looked for inside
	// the base64 of something longer.
	minShifted = 6
)

// masker finds secrets in texts, in the forms in which programs print them. It is
// not safe for concurrent use.
type masker struct {
	byHead  map[[headLen]byte][]string
	short   []string
	known   map[string]bool
	longest int
}

// hide masks a secret from now on.
func (m *masker) hide(secret string) {
	lines := strings.Split(secret, "\n")
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || len(lines) > 1 && len(line) < minPart {
			continue
		}
		m.add(line)
	}
	whole := strings.TrimSpace(secret)
	if whole == "" {
		return
	}
	for _, form := range printedForms(whole) {
		m.add(form)
	}
	m.addBase64(whole)
	if secret != whole {
		m.addBase64(secret)
	}
}

// printedForms are how shells, URLs and JSON write a text.
func printedForms(text string) []string {
	single := "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	forms := []string{
		url.QueryEscape(text), url.PathEscape(text), strings.ReplaceAll(text, "'", `'\''`),
		strings.ReplaceAll(text, "'", `'"'"'`), strings.ReplaceAll(single, "''", ""), backslashed(text),
	}
	if quoted, err := json.Marshal(text); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for i, form := range forms {
		if strings.Contains(form, "\n") {
			forms[i] = "" // never in one line
		}
	}
	return forms
}

// backslashed is a text as a shell's printf %q writes it.
func backslashed(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+-./:=@_,", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// addBase64 masks the text in base64: alone, in lines of 76 characters, and inside
// the base64 of a longer text, at each of its three offsets.
func (m *masker) addBase64(text string) {
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		m.add(enc.EncodeToString([]byte(text)))
		m.add(strings.TrimRight(enc.EncodeToString([]byte(text)), "="))
		if len(text) < minShifted {
			continue
		}
		for offset := range 3 {
			whole := enc.EncodeToString([]byte(strings.Repeat("\x00", offset) + text))
			first := (offset*8 + 5) / 6 // characters that hold what stands before
			last := (offset + len(text)) * 8 / 6
			m.add(whole[first:last])
		}
	}
	const perLine = 57
	for at := 0; len(text) > perLine && at < len(text); at += perLine {
		if part := text[at:min(at+perLine, len(text))]; len(part) >= minPart {
			m.add(base64.StdEncoding.EncodeToString([]byte(part)))
		}
	}
}

// add masks one form.
func (m *masker) add(form string) {
	if form == "" || m.known[form] {
		return
	}
	if m.known == nil {
		m.known, m.byHead = map[string]bool{}, map[[headLen]byte][]string{}
	}
	m.known[form] = true
	m.longest = max(m.longest, len(form))
	if len(form) < headLen {
		m.short = append(m.short, form)
		return
	}
	head := [headLen]byte([]byte(form[:headLen]))
	m.byHead[head] = append(m.byHead[head], form)
}

// span is a part of a text: from byte start to before end.
type span struct{ start, end int }

// find gives the parts of the text that must not be seen, in order, none touching
// another.
func (m *masker) find(text string) []span {
	if len(m.known) == 0 {
		return nil
	}
	var found []span
	for i := 0; i+headLen <= len(text); i++ {
		for _, form := range m.byHead[[headLen]byte([]byte(text[i:i+headLen]))] {
			if strings.HasPrefix(text[i:], form) {
				found = append(found, span{i, i + len(form)})
			}
		}
	}
	for _, form := range m.short {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], form)
			if i < 0 {
				break
			}
			at += i
			found = append(found, span{at, at + len(form)})
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.start - b.start })
	return merged(found)
}

// merged joins sorted spans that overlap or touch.
func merged(spans []span) []span {
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// mask is the text without secrets.
func (m *masker) mask(text string) string {
	spans := m.find(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.start])
		b.WriteString(masked)
		at = s.end
	}
	b.WriteString(text[at:])
	return b.String()
}

// cut is where a text whose rest is still to come may be cut: behind it nothing
// begins that must not be seen and reaches over its end.
func (m *masker) cut(text string) int {
	at := max(len(text)-max(m.longest-1, 0), 0)
	for _, s := range m.find(text) {
		if s.start < at && at < s.end {
			return s.start
		}
	}
	return at
}

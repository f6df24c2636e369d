package blueprints

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// toYAML writes v as YAML on one line, fit for a block or a flow context: plain
// text where that can't be misread, else as JSON, which YAML includes.
func toYAML(v any) (string, error) {
	if s, ok := v.(string); ok && plainYAML(s) {
		return s, nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("toYaml: %w", err)
	}
	// JSON allows DEL and the C1 controls as they are, YAML does not.
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.Map(func(r rune) rune {
		if r > 0x7e && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, out), nil
}

// plainYAML says whether s without quotes is the text s to every YAML reader,
// those of version 1.1 with their yes and off included.
func plainYAML(s string) bool {
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`).MatchString(s) {
		return false
	}
	return !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}, strings.ToLower(s))
}

// shellQuote makes v one word of a POSIX shell.
func shellQuote(v any) (string, error) {
	s := text(v)
	if strings.ContainsRune(s, 0) {
		return "", errors.New("shellquote: a shell word cannot hold NUL")
	}
	if regexp.MustCompile(`^[A-Za-z0-9_./:@%+-]+$`).MatchString(s) {
		return s, nil
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", nil
}

// groovyQuote makes v a Groovy string literal in single quotes, in which
// nothing is expanded.
func groovyQuote(v any) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range text(v) {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

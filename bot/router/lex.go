package router

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of a command line.
type token struct {
	text   string
	quoted bool // at least partly: never a keyword or number then
	plain  int  // how many leading bytes of text were written without quotes
	pos    int  // byte offset of its first character
	end    int  // byte offset behind it
}

// has reports whether the token starts with an unquoted s.
func (t token) has(s string) bool { return t.plain >= len(s) && strings.HasPrefix(t.text, s) }

// SyntaxError is a line that does not follow the grammar. At is the byte offset
// of the fault within the line.
type SyntaxError struct {
	At      int
	Message string
}

// Error implements error.
func (e *SyntaxError) Error() string { return e.Message }

// maxLine bounds a command line in bytes.
const maxLine = 8 << 10

func isText(r rune) bool { return r != utf8.RuneError }

// closing tells for a character that opens a quotation what closes it: chats and
// phones like to make quotes typographic.
func closing(r rune) (rune, bool) {
	switch r {
	case '"', '\'':
		return r, true
	case '“', '„':
		return '”', true
	case '‘':
		return '’', true
	case '«':
		return '»', true
	}
	return 0, false
}

// lex splits a line into words; quotes group, a backslash takes the next
// character as it is (not within single quotes).
func lex(line string) ([]token, error) {
	if len(line) > maxLine {
		return nil, &SyntaxError{maxLine, fmt.Sprintf("That is longer than the %d characters a command may have.", maxLine)}
	}
	if !utf8.ValidString(line) {
		return nil, &SyntaxError{len(line) - len(strings.TrimLeftFunc(line, isText)), "That is no valid text (UTF-8)."}
	}
	var out []token
	var cur *token
	var text strings.Builder
	closer, openedAt, escaped := rune(0), 0, false
	start := func(i int) {
		if cur == nil {
			cur = &token{pos: i}
		}
	}
	finish := func(end int) {
		if cur == nil {
			return
		}
		cur.text, cur.end = text.String(), end
		if !cur.quoted {
			cur.plain = len(cur.text)
		}
		out, cur = append(out, *cur), nil
		text.Reset()
	}
	quoted := func() {
		if !cur.quoted {
			cur.quoted, cur.plain = true, text.Len()
		}
	}
	for i, r := range line {
		end, opens := closing(r)
		switch {
		case escaped:
			text.WriteRune(r)
			escaped = false
		case r == '\\' && closer != '\'':
			start(i)
			escaped = true
			quoted()
		case closer != 0 && (r == closer || closer == '”' && r == '“'):
			closer = 0
		case closer != 0:
			text.WriteRune(r)
		case opens && (cur == nil || r != '\'' && r != '‘' || strings.HasSuffix(text.String(), "=")):
			// Inside a word an apostrophe is one: don't.
			start(i)
			quoted()
			closer, openedAt = end, i
		case unicode.IsSpace(r):
			finish(i)
		default:
			start(i)
			text.WriteRune(r)
		}
	}
	if closer != 0 {
		return nil, &SyntaxError{openedAt, fmt.Sprintf("The quotation that starts at character %d does not end.", openedAt+1)}
	}
	if escaped {
		return nil, &SyntaxError{len(line) - 1, "The line ends with a backslash; write two for a backslash itself."}
	}
	finish(len(line))
	return out, nil
}

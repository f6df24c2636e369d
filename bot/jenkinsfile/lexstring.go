package jenkinsfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoting is how one kind of string ends and what it allows inside.
type quoting struct {
	end       string
	multiline bool
	escapes   bool // backslash escapes; else only the delimiter can be escaped
	dollar    bool // interpolates
}

func (l *lexer) quoting() quoting {
	switch {
	case l.has(`'''`):
		return quoting{end: `'''`, multiline: true, escapes: true}
	case l.has(`"""`):
		return quoting{end: `"""`, multiline: true, escapes: true, dollar: true}
	case l.has(`'`):
		return quoting{end: `'`, escapes: true}
	case l.has(`"`):
		return quoting{end: `"`, escapes: true, dollar: true}
	case l.has(`$/`):
		return quoting{end: `/$`, multiline: true, dollar: true}
	}
	return quoting{end: `/`, multiline: true, dollar: true}
}

// stringToken reads a string of any form. Line ends inside become \n.
func (l *lexer) stringToken() token {
	t := token{pos: l.pos, kind: kindString}
	before := l.last.pos // Groovy's parser stands there while it reads the string
	if before == (Pos{}) {
		before = t.pos
	}
	q := l.quoting()
	l.skip(len(q.end))
	var text strings.Builder
	for !l.has(q.end) {
		pos, r := l.pos, l.peek()
		switch {
		case r < 0:
			l.fail(pos, "%s", q.unclosed("EOF"))
			return token{pos: pos, kind: kindEOF}
		case r == '\n' && !q.multiline:
			l.fail(pos, "%s", q.unclosed(`\n`))
			return token{pos: pos, kind: kindEOF}
		case r == '\\' && q.escapes:
			l.escape(&text)
		case r == '\\':
			l.rawEscape(&text, q)
		case r == '$' && q.dollar && l.interpolates(q):
			t.kind = kindGString
			c := l.interpolation()
			t.parts = append(t.parts, chunk{text: text.String()}, c)
			text.Reset()
			before = c.end
		case r == '$' && q.dollar && q.escapes:
			l.fail(before, "illegal string body character after dollar sign; "+
				`solution: either escape a literal dollar sign "\$5" or bracket the value expression "${5}"`)
		default:
			l.take()
			if r == utf8.RuneError {
				r = '\uFFFD'
			}
			text.WriteRune(r)
		}
		if l.err != nil {
			return token{pos: pos, kind: kindEOF}
		}
	}
	l.skip(len(q.end))
	if t.kind == kindGString {
		t.parts = append(t.parts, chunk{text: text.String()})
	}
	t.text = text.String()
	return t
}

// unclosed is what Groovy's lexer says of a string that doesn't end.
func (q quoting) unclosed(found string) string {
	if q.dollar {
		return "expecting anything but ''" + found + "''; got it anyway"
	}
	return "expecting ''', found '" + found + "'"
}

// escape reads a backslash escape of a quoted string.
func (l *lexer) escape(text *strings.Builder) {
	pos := l.pos
	l.take()
	r := l.peek()
	if i := strings.IndexRune(`btnfr\'"$`, r); i >= 0 && r > 0 {
		l.take()
		text.WriteByte("\b\t\n\f\r\\'\"$"[i])
		return
	}
	switch {
	case r == '\n':
		l.take() // a continued line
	case r >= '0' && r <= '7':
		l.octal(text)
	case r == 'u':
		l.unicodeEscape(text, pos)
	default:
		l.fail(pos, `unexpected char: '\'`)
	}
}

func (l *lexer) octal(text *strings.Builder) {
	digits := ""
	for len(digits) < 3 && l.peek() >= '0' && l.peek() <= '7' && (len(digits) < 2 || digits[0] <= '3') {
		digits += string(l.take())
	}
	n, _ := strconv.ParseInt(digits, 8, 32) // octal digits only
	text.WriteRune(rune(n))
}

// unicodeEscape reads \uXXXX; two that make a surrogate pair are one character.
func (l *lexer) unicodeEscape(text *strings.Builder, pos Pos) {
	r, ok := l.hex4()
	if !ok {
		l.fail(pos, "Did not find four digit hex character code")
		return
	}
	if r >= 0xD800 && r < 0xDC00 && l.has(`\u`) {
		l.take()
		low, ok := l.hex4()
		if !ok {
			l.fail(pos, "Did not find four digit hex character code")
			return
		}
		r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
	}
	if !utf8.ValidRune(r) {
		r = utf8.RuneError
	}
	text.WriteRune(r)
}

func (l *lexer) hex4() (rune, bool) {
	for l.peek() == 'u' {
		l.take()
	}
	rest := l.rest()
	if len(rest) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(rest[:4], 16, 32)
	if err != nil {
		return 0, false
	}
	l.skip(4)
	return rune(n), true
}

// rawEscape: slashy strings keep their backslashes, but for an escaped delimiter
// and a continued line.
func (l *lexer) rawEscape(text *strings.Builder, q quoting) {
	l.take()
	switch {
	case q.end == "/" && l.peek() == '/':
		text.WriteRune(l.take())
	case l.peek() == '\n':
		l.take()
	default:
		text.WriteByte('\\')
	}
}

// interpolates reports whether the dollar sign at hand starts an expression.
func (l *lexer) interpolates(quoting) bool {
	rest := l.rest()[1:]
	if rest == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return r == '{' || r != '$' && isIdentStart(r)
}

// interpolation reads $a.b.c or ${...} into tokens of its own.
func (l *lexer) interpolation() chunk {
	l.take()
	if l.depth++; l.depth > maxDepth {
		l.fail(l.pos, "strings nested too deeply")
		return chunk{}
	}
	defer func() { l.depth-- }()
	if l.peek() == '{' {
		expr := l.embedded()
		return chunk{expr: expr, end: Pos{l.pos.Line, l.pos.Column - 1}}
	}
	toks := []token{l.pathWord()}
	for {
		rest := l.rest()
		if len(rest) < 2 || rest[0] != '.' {
			break
		}
		if r, _ := utf8.DecodeRuneInString(rest[1:]); r == '$' || !isIdentStart(r) {
			break
		}
		toks = append(toks, l.operator(), l.pathWord())
	}
	end := toks[len(toks)-1].pos
	return chunk{expr: append(toks, token{pos: l.pos, kind: kindEOF}), end: end}
}

// pathWord is an identifier inside a string: there a dollar sign starts the next.
func (l *lexer) pathWord() token {
	t := token{pos: l.pos, kind: kindIdent}
	start := l.off
	for r := l.peek(); isIdentPart(r) && r != '$'; r = l.peek() {
		l.take()
	}
	t.text = l.src[start:l.off]
	return t
}

// embedded reads the tokens between ${ and its closing brace.
func (l *lexer) embedded() []token {
	outer, outerOpen, outerLast := l.toks, l.open, l.last
	l.toks, l.open, l.last = nil, nil, token{}
	l.operator()
	for l.err == nil {
		t := l.next()
		if t.kind == kindEOF {
			l.fail(t.pos, "expecting '}', found ''")
		}
		if len(l.open) == 0 {
			break
		}
		l.emit(t)
	}
	toks := append(l.toks, token{pos: l.pos, kind: kindEOF})
	l.toks, l.open, l.last = outer, outerOpen, outerLast
	return toks
}

package jenkinsfile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of a file. Jenkins' own limit comes from the JVM's 64 KB per method,
// so real files stay far below.
const (
	maxSource = 512 << 10
	maxDepth  = 150
)

// lexer turns source into tokens. After an error it delivers nothing but EOF.
type lexer struct {
	src   string
	off   int
	pos   Pos
	open  []byte // the brackets that are open, to know where a newline counts
	last  token  // the last token, to tell a division from a slashy string
	toks  []token
	err   *Error
	depth int // of strings inside strings
}

// lex tokenizes a whole file.
func lex(src string) ([]token, *Error) {
	l := &lexer{src: src, pos: Pos{Line: 1, Column: 1}}
	if strings.HasPrefix(src, "#!") {
		l.skipLine()
	}
	for l.err == nil {
		t := l.next()
		l.emit(t)
		if t.kind == kindEOF {
			break
		}
	}
	return l.toks, l.err
}

func (l *lexer) emit(t token) {
	if t.kind == kindNewline && len(l.toks) > 0 && l.toks[len(l.toks)-1].kind == kindNewline {
		return
	}
	l.toks = append(l.toks, t)
	l.last = t
}

func (l *lexer) fail(pos Pos, format string, args ...any) {
	if l.err == nil {
		l.err = &Error{Pos: pos, Message: fmt.Sprintf(format, args...)}
	}
	l.off = len(l.src)
}

func (l *lexer) rest() string { return l.src[l.off:] }

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.rest(), prefix) }

// peek is the rune at hand, or -1 at the end; a CR, with its LF or alone, is \n.
func (l *lexer) peek() rune {
	if l.off >= len(l.src) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(l.rest())
	if r == '\r' {
		return '\n'
	}
	return r
}

// take consumes one rune.
func (l *lexer) take() rune {
	r := l.peek()
	if r < 0 {
		return r
	}
	if l.has("\r\n") {
		l.off += 2
	} else {
		_, size := utf8.DecodeRuneInString(l.rest())
		l.off += size
	}
	switch {
	case r == '\n':
		l.pos = Pos{Line: l.pos.Line + 1, Column: 1}
	case r > 0xFFFF:
		l.pos.Column += 2
	default:
		l.pos.Column++
	}
	return r
}

func (l *lexer) skip(n int) {
	for range n {
		l.take()
	}
}

func (l *lexer) skipLine() {
	for r := l.peek(); r >= 0 && r != '\n'; r = l.peek() {
		l.take()
	}
}

// next delivers the next token; newlines inside parentheses and brackets are
// white space.
func (l *lexer) next() token {
	l.skipBlanks()
	pos := l.pos
	r := l.peek()
	switch {
	case r < 0:
		return token{pos: pos, kind: kindEOF}
	case r == '\n':
		l.take()
		return token{pos: pos, kind: kindNewline, text: "\n"}
	case isIdentStart(r) && !l.has("$/"):
		return l.ident()
	case r >= '0' && r <= '9':
		return l.number()
	case r == '\'' || r == '"' || l.has("$/") || r == '/' && l.slashyAllowed():
		return l.stringToken()
	}
	return l.operator()
}

func (l *lexer) skipBlanks() {
	for {
		r := l.peek()
		switch {
		case r == ' ' || r == '\t' || r == '\f':
			l.take()
		case r == '\n' && len(l.open) > 0 && l.open[len(l.open)-1] != '{':
			l.take()
		case l.has("\\\n"), l.has("\\\r"):
			l.skip(2)
		case l.has("//"):
			l.skipLine()
		case l.has("/*"):
			l.skipComment()
		default:
			return
		}
	}
}

func (l *lexer) skipComment() {
	start := l.pos
	l.skip(2)
	for !l.has("*/") {
		if l.take() < 0 {
			l.fail(start, "expecting anything but EOF; got it anyway")
			return
		}
	}
	l.skip(2)
}

// isIdentStart takes what Groovy takes for a letter: beyond Latin 1 everything.
func isIdentStart(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == '$':
		return true
	case r >= 0xC0 && r <= 0xFF:
		return r != 0xD7 && r != 0xF7
	}
	return r >= 0x100 && r != 0xFFFF && r != utf8.RuneError
}

func isIdentPart(r rune) bool {
	return isIdentStart(r) || r >= '0' && r <= '9'
}

func (l *lexer) ident() token {
	t := token{pos: l.pos, kind: kindIdent}
	start := l.off
	for isIdentPart(l.peek()) {
		l.take()
	}
	t.text = l.src[start:l.off]
	return t
}

func (l *lexer) number() token {
	t := token{pos: l.pos, kind: kindNumber}
	start := l.off
	if l.has("0x") || l.has("0X") {
		l.skip(2)
		l.takeWhile("0123456789abcdefABCDEF_")
	} else {
		l.takeWhile("0123456789_")
		if rest := l.rest(); len(rest) > 1 && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9' {
			l.take()
			l.takeWhile("0123456789_")
		}
	}
	if strings.ContainsRune("lLgGiIdDfF", l.peek()) && l.peek() > 0 {
		l.take()
	}
	t.text = l.src[start:l.off]
	return t
}

func (l *lexer) takeWhile(set string) {
	for r := l.peek(); r >= 0 && strings.ContainsRune(set, r); r = l.peek() {
		l.take()
	}
}

func (l *lexer) operator() token {
	t := token{pos: l.pos, kind: kindPunct}
	t.text = operatorAt(l.rest())
	if t.text == "" {
		l.fail(l.pos, "unexpected char: %q", l.peek())
		return token{pos: t.pos, kind: kindEOF}
	}
	l.skip(len(t.text))
	l.track(t.text)
	return t
}

func (l *lexer) track(op string) {
	switch op {
	case "(", "[", "{":
		l.open = append(l.open, op[0])
	case ")", "]", "}":
		if len(l.open) > 0 {
			l.open = l.open[:len(l.open)-1]
		}
	}
}

// slashyAllowed: after something that ends an expression a slash divides.
func (l *lexer) slashyAllowed() bool {
	if l.has("/=") {
		return false
	}
	switch l.last.kind {
	case kindIdent:
		return isKeyword(l.last.text) && l.last.text != "this" && l.last.text != "super" && l.last.text != "null" &&
			l.last.text != "true" && l.last.text != "false"
	case kindNumber, kindString, kindGString:
		return false
	case kindPunct:
		return !l.last.is(")") && !l.last.is("]") && !l.last.is("}") && !l.last.is("++") && !l.last.is("--")
	}
	return true
}

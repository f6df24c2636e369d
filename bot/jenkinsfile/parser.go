package jenkinsfile

import "fmt"

// parser is a recursive descent over the tokens. After the first error it stands
// at the end of the input, so that every rule ends by itself.
type parser struct {
	toks  []token
	i     int
	depth int
	err   *Error
}

// parseSource reads a whole file as Groovy.
func parseSource(src string) ([]Stmt, *Error) {
	toks, err := lex(src)
	p := &parser{toks: toks}
	if err != nil {
		// Groovy's parser runs ahead of the lexer: what stands before the broken
		// token may be wrong already, and is then the error.
		p.toks = append(p.toks, token{pos: err.Pos, kind: kindEOF})
	}
	body := p.statements()
	if !p.at(kindEOF) && p.err == nil {
		p.unexpected(p.cur())
	}
	if err != nil && (p.err == nil || !p.err.before(err.Pos)) {
		return nil, err
	}
	return body, p.err
}

func (p *parser) cur() token {
	if p.i >= len(p.toks) {
		return p.toks[len(p.toks)-1]
	}
	return p.toks[p.i]
}

func (p *parser) peekAt(n int) token {
	if p.i+n >= len(p.toks) {
		return p.toks[len(p.toks)-1]
	}
	return p.toks[p.i+n]
}

func (p *parser) at(k kind) bool { return p.cur().kind == k }

func (p *parser) is(op string) bool { return p.cur().is(op) }

func (p *parser) word(w string) bool { return p.cur().word(w) }

func (p *parser) advance() token {
	t := p.cur()
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

// accept consumes the operator if it is at hand.
func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) acceptWord(w string) bool {
	if p.word(w) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) fail(pos Pos, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{Pos: pos, Message: fmt.Sprintf(format, args...)}
	}
	p.i = len(p.toks) - 1
}

func (p *parser) unexpected(t token) {
	switch t.kind {
	case kindEOF:
		p.fail(t.pos, "unexpected end of file")
	case kindNewline:
		p.fail(t.pos, "unexpected token: end of line")
	default:
		p.fail(t.pos, "unexpected token: %s", t.text)
	}
}

// expect consumes the operator or fails in Groovy's words.
func (p *parser) expect(op string) Pos {
	t := p.cur()
	if t.is(op) {
		p.advance()
		return t.pos
	}
	found := t.text
	if t.kind == kindNewline {
		found = `\n`
	}
	p.fail(t.pos, "expecting '%s', found '%s'", op, found)
	return t.pos
}

// reset goes back to a mark, unless an error has ended the parse.
func (p *parser) reset(mark int) {
	if p.err == nil {
		p.i = mark
	}
}

func (p *parser) skipNewlines() {
	for p.at(kindNewline) {
		p.advance()
	}
}

func (p *parser) skipSeparators() {
	for p.at(kindNewline) || p.is(";") {
		p.advance()
	}
}

// enter counts nesting; the caller leaves again with leave.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.cur().pos, "nested too deeply")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// statements reads up to a closing brace, a case label or the end.
func (p *parser) statements() []Stmt {
	var list []Stmt
	for p.skipSeparators(); !p.ends(); p.skipSeparators() {
		list = append(list, p.statement())
		if p.err != nil {
			return list
		}
		if !p.ends() && !p.at(kindNewline) && !p.is(";") {
			p.unexpected(p.cur())
		}
	}
	return list
}

func (p *parser) ends() bool {
	return p.at(kindEOF) || p.is("}") || p.word("case") || p.word("default") && p.peekAt(1).is(":")
}

// block reads { statements }.
func (p *parser) block() []Stmt {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	p.expect("{")
	body := p.statements()
	p.expect("}")
	return body
}

// body reads a block or a single statement, as after if (...).
func (p *parser) body() []Stmt {
	p.skipNewlines()
	if p.is("{") {
		return p.block()
	}
	if p.is(";") {
		return nil
	}
	return []Stmt{p.statement()}
}

func (p *parser) statement() Stmt {
	if !p.enter() {
		return &ExprStmt{Pos: p.cur().pos, X: &Const{}}
	}
	defer p.leave()
	t := p.cur()
	if t.kind == kindIdent {
		if s := p.wordStatement(t); s != nil {
			return s
		}
		if p.declares() {
			return p.declaration()
		}
	}
	if t.is("@") {
		return p.annotation()
	}
	label := ""
	if t.kind == kindIdent && !isKeyword(t.text) && p.peekAt(1).is(":") {
		label = t.text
		p.advance()
		p.advance()
		p.skipNewlines()
		t = p.cur()
	}
	return &ExprStmt{Pos: t.pos, X: p.command(true), Label: label}
}

// wordStatement reads a statement that starts with a keyword, nil without one.
func (p *parser) wordStatement(t token) Stmt {
	switch t.text {
	case "if":
		return p.ifStatement()
	case "for":
		return p.forStatement()
	case "while":
		p.advance()
		return &While{Pos: t.pos, Cond: p.condition(), Body: p.body()}
	case "try":
		return p.tryStatement()
	case "switch":
		return p.switchStatement()
	case "throw":
		p.advance()
		return &Throw{Pos: t.pos, X: p.command(false)}
	case "return":
		return p.returnStatement()
	case "break", "continue":
		p.advance()
		return &Jump{Pos: t.pos, Word: t.text}
	case "import", "package":
		return p.foreignLine(t.text)
	case "class", "interface", "enum", "trait", "abstract":
		return p.foreignBlock(t.text)
	case "def", "final", "static", "private", "public", "protected", "synchronized":
		return p.declaration()
	}
	return nil
}

func (p *parser) condition() Expr {
	p.expect("(")
	p.skipNewlines()
	x := p.expression()
	p.skipNewlines()
	p.expect(")")
	return x
}

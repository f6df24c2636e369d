package jenkinsfile

// primary reads a name, literal, list, map, closure, new or parentheses.
func (p *parser) primary() Expr {
	if !p.enter() {
		return &Const{Pos: p.cur().pos}
	}
	defer p.leave()
	t := p.cur()
	switch t.kind {
	case kindNumber:
		return p.numberConst(t.pos, p.advance().text)
	case kindString:
		p.advance()
		return &Const{Pos: t.pos, Value: t.text}
	case kindGString:
		return p.gstring()
	case kindIdent:
		return p.wordPrimary(t)
	case kindPunct:
		switch t.text {
		case "(":
			p.advance()
			p.skipNewlines()
			x := p.expression()
			p.skipNewlines()
			p.expect(")")
			return x
		case "[":
			return p.listOrMap()
		case "{":
			return p.closure()
		}
	}
	p.unexpected(t)
	return &Const{Pos: t.pos}
}

func (p *parser) wordPrimary(t token) Expr {
	switch t.text {
	case "true", "false":
		p.advance()
		return &Const{Pos: t.pos, Value: t.text == "true"}
	case "null":
		p.advance()
		return &Const{Pos: t.pos}
	case "new":
		return p.newObject()
	case "this", "super":
	default:
		if isKeyword(t.text) && !isBuiltInType(t.text) {
			p.unexpected(t)
			return &Const{Pos: t.pos}
		}
	}
	p.advance()
	return &Var{Pos: t.pos, Name: t.text}
}

func (p *parser) newObject() Expr {
	n := &New{Pos: p.advance().pos}
	if !p.at(kindIdent) {
		p.unexpected(p.cur())
		return n
	}
	n.Type = p.typeName()
	if p.accept("(") {
		n.Args = p.listUntil(")")
		p.expect(")")
	}
	return n
}

func (p *parser) listOrMap() Expr {
	pos := p.advance().pos
	if p.is(":") {
		p.advance()
		p.expect("]")
		return &Map{Pos: pos}
	}
	items := p.listUntil("]")
	p.expect("]")
	for _, a := range items {
		if a.Key != nil {
			return &Map{Pos: pos, Entries: items}
		}
	}
	return &List{Pos: pos, Items: items}
}

// gstring parses the expressions inside an interpolated string.
func (p *parser) gstring() Expr {
	t := p.advance()
	g := &GString{Pos: t.pos}
	for _, c := range t.parts {
		if c.expr == nil {
			g.Texts = append(g.Texts, c.text)
			continue
		}
		g.Exprs = append(g.Exprs, p.embedded(c.expr))
	}
	return g
}

// embedded parses what stands between ${ and }; nothing there is null.
func (p *parser) embedded(toks []token) Expr {
	sub := &parser{toks: toks, depth: p.depth + 1}
	sub.skipSeparators()
	if sub.at(kindEOF) {
		return &Const{Pos: sub.cur().pos}
	}
	var x Expr
	if sub.is("->") {
		sub.advance()
	}
	x = sub.command(false)
	sub.skipSeparators()
	if sub.err == nil && !sub.at(kindEOF) {
		sub.unexpected(sub.cur())
	}
	if sub.err != nil && p.err == nil {
		p.fail(sub.err.Pos, "%s", sub.err.Message)
	}
	return x
}

func (p *parser) closure() Expr {
	c := &Closure{Pos: p.cur().pos}
	if !p.enter() {
		return c
	}
	defer p.leave()
	p.expect("{")
	if p.paramsAhead() {
		c.HasParams = true
		c.Params = p.params("->")
		p.expect("->")
	}
	c.Body = p.statements()
	p.expect("}")
	return c
}

// paramsAhead reports whether an arrow follows before anything that can't stand
// among parameters.
func (p *parser) paramsAhead() bool {
	for n := 0; ; n++ {
		t := p.peekAt(n)
		switch {
		case t.is("->"):
			return true
		case t.kind == kindIdent, t.kind == kindString, t.kind == kindNumber, t.kind == kindNewline:
		case t.is(","), t.is("="), t.is("."), t.is("<"), t.is(">"), t.is("["), t.is("]"):
		default:
			return false
		}
	}
}

package jenkinsfile

import "strings"

func (p *parser) ifStatement() Stmt {
	s := &If{Pos: p.advance().pos, Cond: p.condition(), Then: p.body()}
	mark := p.i
	p.skipSeparators()
	if !p.acceptWord("else") {
		p.reset(mark)
		return s
	}
	s.Else = p.body()
	return s
}

func (p *parser) forStatement() Stmt {
	pos := p.advance().pos
	p.expect("(")
	if v, ok := p.forVariable(); ok {
		in := p.expression()
		p.expect(")")
		return &ForIn{Pos: pos, Var: v, In: in, Body: p.body()}
	}
	s := &For{Pos: pos}
	for !p.is(";") && p.err == nil {
		s.Init = append(s.Init, p.statement())
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
	if !p.is(";") {
		s.Cond = p.expression()
	}
	p.expect(";")
	for !p.is(")") && p.err == nil {
		s.Step = append(s.Step, p.expression())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	s.Body = p.body()
	return s
}

// forVariable reads "def x in", "String x :" and the like, or nothing.
func (p *parser) forVariable() (Param, bool) {
	mark := p.i
	v := Param{Pos: p.cur().pos}
	if p.peekAt(1).kind == kindIdent && !p.peekAt(1).word("in") {
		v.Type = p.typeName()
	}
	v.Name = p.cur().text
	if p.at(kindIdent) {
		p.advance()
		if p.acceptWord("in") || p.accept(":") {
			return v, true
		}
	}
	p.reset(mark)
	return v, false
}

func (p *parser) tryStatement() Stmt {
	s := &Try{Pos: p.advance().pos}
	p.skipNewlines()
	s.Body = p.block()
	for p.err == nil {
		mark := p.i
		p.skipNewlines()
		switch {
		case p.word("catch"):
			s.Catches = append(s.Catches, p.catchClause())
			continue
		case p.word("finally"):
			p.advance()
			p.skipNewlines()
			s.Finally = append([]Stmt{}, p.block()...)
			return s
		}
		p.reset(mark)
		break
	}
	if len(s.Catches) == 0 && p.err == nil {
		p.unexpected(p.cur())
	}
	return s
}

func (p *parser) catchClause() Catch {
	c := Catch{Pos: p.advance().pos}
	p.expect("(")
	for p.at(kindIdent) && p.peekAt(1).kind != kindEOF && !p.peekAt(1).is(")") {
		p.acceptWord("final")
		if name := p.typeName(); name != "def" {
			c.Types = append(c.Types, name)
		}
		if !p.accept("|") {
			break
		}
	}
	c.Name = p.name()
	p.expect(")")
	p.skipNewlines()
	c.Body = p.block()
	return c
}

func (p *parser) switchStatement() Stmt {
	s := &Switch{Pos: p.advance().pos, X: p.condition()}
	p.skipNewlines()
	p.expect("{")
	for p.skipSeparators(); p.word("case") || p.word("default"); p.skipSeparators() {
		t := p.advance()
		c := Case{Pos: t.pos}
		if t.text == "case" {
			c.Value = p.expression()
		}
		p.expect(":")
		c.Body = p.statements()
		s.Cases = append(s.Cases, c)
	}
	p.expect("}")
	return s
}

func (p *parser) returnStatement() Stmt {
	s := &Return{Pos: p.advance().pos}
	if !p.at(kindNewline) && !p.is(";") && !p.ends() {
		s.X = p.command(false)
	}
	return s
}

// declares reports whether a typed declaration starts here: Type name. Like
// Groovy it takes only built-in types and capitalised names for types.
func (p *parser) declares() bool {
	first := p.cur().text
	if !isBuiltInType(first) && (first[0] < 'A' || first[0] > 'Z') {
		return false
	}
	mark := p.i
	p.typeName()
	t, after := p.cur(), p.peekAt(1)
	failed := p.err != nil
	p.err, p.i = nil, mark
	return !failed && t.kind == kindIdent && !isKeyword(t.text) &&
		(after.is("=") || after.is(";") || after.is("(") || after.is(",") || after.is("}") ||
			after.kind == kindNewline || after.kind == kindEOF)
}

// declaration reads def a = 1, b, def (a, b) = list, or a method.
func (p *parser) declaration() Stmt {
	d := &VarDecl{Pos: p.cur().pos}
	for p.isModifier() {
		p.advance()
		d.Type = "def"
	}
	if !p.is("(") && (d.Type == "" || p.peekAt(1).kind == kindIdent || p.peekAt(1).is("<") || p.peekAt(1).is("[")) {
		d.Type = p.typeName()
	}
	if p.is("(") {
		return p.tupleDeclaration(d)
	}
	if p.at(kindIdent) && p.peekAt(1).is("(") {
		m := &Method{Pos: d.Pos, Type: d.Type, Name: p.name()}
		p.expect("(")
		m.Params = p.params(")")
		p.expect(")")
		p.skipNewlines()
		m.Body = p.block()
		return m
	}
	for p.err == nil {
		v := Param{Pos: p.cur().pos, Name: p.name()}
		if p.accept("=") {
			p.skipNewlines()
			v.Default = p.command(true)
		}
		d.Vars = append(d.Vars, v)
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	return d
}

func (p *parser) isModifier() bool {
	switch p.cur().text {
	case "def", "final", "static", "private", "public", "protected", "synchronized":
		return p.at(kindIdent)
	}
	return false
}

func (p *parser) tupleDeclaration(d *VarDecl) Stmt {
	p.expect("(")
	d.Vars = p.params(")")
	p.expect(")")
	p.expect("=")
	p.skipNewlines()
	d.Tuple = p.command(false)
	return d
}

// name consumes an identifier that isn't a keyword.
func (p *parser) name() string {
	t := p.cur()
	if t.kind != kindIdent || isKeyword(t.text) {
		p.unexpected(t)
		return ""
	}
	p.advance()
	return t.text
}

// typeName reads a.b.C<D, E>[] as it is written.
func (p *parser) typeName() string {
	var b strings.Builder
	if !p.at(kindIdent) {
		p.unexpected(p.cur())
		return ""
	}
	b.WriteString(p.advance().text)
	for p.is(".") && p.peekAt(1).kind == kindIdent {
		p.advance()
		b.WriteString("." + p.advance().text)
	}
	if p.is("<") {
		p.typeArguments(&b)
	}
	for p.is("[") && p.peekAt(1).is("]") {
		p.advance()
		p.advance()
		b.WriteString("[]")
	}
	return b.String()
}

func (p *parser) typeArguments(b *strings.Builder) {
	level := 0
	for {
		t := p.cur()
		switch {
		case t.is("<"):
			level++
		case t.is(">"), t.is(">>"), t.is(">>>"):
			level -= len(t.text)
		case t.kind == kindIdent, t.is(","), t.is("."), t.is("?"), t.is("["), t.is("]"):
		default:
			p.unexpected(t)
			return
		}
		b.WriteString(p.advance().text)
		if level <= 0 {
			return
		}
	}
}

// params reads parameters up to the closing token, which stays.
func (p *parser) params(end string) []Param {
	var list []Param
	p.skipNewlines()
	for !p.is(end) && p.err == nil {
		v := Param{Pos: p.cur().pos}
		p.acceptWord("final")
		if next := p.peekAt(1); next.kind == kindIdent || next.is("<") || next.is("[") || next.is(".") {
			v.Type = p.typeName()
		}
		v.Name = p.name()
		if p.accept("=") {
			v.Default = p.expression()
		}
		list = append(list, v)
		p.skipNewlines()
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	return list
}

// annotation recognises @Library('x') _ and the like.
func (p *parser) annotation() Stmt {
	f := &Foreign{Pos: p.cur().pos, What: "annotation"}
	p.foreignRest(f)
	return f
}

func (p *parser) foreignLine(what string) Stmt {
	f := &Foreign{Pos: p.cur().pos, What: what}
	p.foreignRest(f)
	return f
}

// foreignRest takes the tokens up to the end of the line.
func (p *parser) foreignRest(f *Foreign) {
	var words []string
	for !p.at(kindNewline) && !p.at(kindEOF) && !p.is(";") && !p.is("}") {
		words = append(words, tokenText(p.advance()))
	}
	f.Text = strings.Join(words, " ")
}

// foreignBlock recognises a class with its body.
func (p *parser) foreignBlock(what string) Stmt {
	f := &Foreign{Pos: p.cur().pos, What: what}
	var words []string
	for level := 0; p.err == nil; {
		t := p.cur()
		if t.kind == kindEOF {
			p.unexpected(t)
			break
		}
		words = append(words, tokenText(p.advance()))
		if t.is("{") {
			level++
		}
		if t.is("}") {
			if level--; level <= 0 {
				break
			}
		}
	}
	f.Text = strings.Join(words, " ")
	return f
}

package jenkinsfile

import "slices"

// levels are the binary operators from the loosest to the tightest, below the
// assignment and the ternary.
func binaryLevel(level int) []string {
	switch level {
	case 0:
		return []string{"||"}
	case 1:
		return []string{"&&"}
	case 2:
		return []string{"|"}
	case 3:
		return []string{"^"}
	case 4:
		return []string{"&"}
	case 5:
		return []string{"=~", "==~"}
	case 6:
		return []string{"==", "!=", "<=>", "===", "!=="}
	case 7:
		return []string{"<", "<=", ">", ">=", "instanceof", "as", "in"}
	case 8:
		return []string{"<<", ">>", ">>>", "..", "..<"}
	case 9:
		return []string{"+", "-"}
	case 10:
		return []string{"*", "/", "%"}
	}
	return nil
}

const tightestLevel = 10

func isAssignment(op string) bool {
	switch op {
	case "=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", ">>>=", "&=", "|=", "^=":
		return true
	}
	return false
}

// expression reads an expression without a command's bare arguments, except
// behind an assignment.
func (p *parser) expression() Expr {
	if !p.enter() {
		return &Const{Pos: p.cur().pos}
	}
	defer p.leave()
	return p.assignment(p.conditional(false))
}

// assignment reads = value behind its target, if there is one.
func (p *parser) assignment(x Expr) Expr {
	t := p.cur()
	if t.kind != kindPunct || !isAssignment(t.text) {
		return x
	}
	if what := notAssignable(x); what != "" {
		p.fail(t.pos, "%s, but it should be a variable expression", what)
		return x
	}
	p.advance()
	p.skipNewlines()
	return &Binary{Pos: t.pos, Op: t.text, X: x, Y: p.command(false)}
}

// notAssignable says what stands left of an assignment in place of a variable.
func notAssignable(x Expr) string {
	switch x := x.(type) {
	case *Const:
		return "[" + printExpr(x) + "] is a constant expression"
	case *Binary:
		if !isAssignment(x.Op) {
			return "(" + printExpr(x.X) + " " + x.Op + " " + printExpr(x.Y) + ") is a binary expression"
		}
	case *GString:
		return printExpr(x) + " is a GString expression"
	case *Call:
		return `"` + printExpr(x.Name) + `" is a method call expression`
	case *Map:
		return "a map expression"
	case *Closure, *Unary, *Ternary, *New, *Cast:
		return printExpr(x) + " is a bad expression as the left hand side of an assignment operator"
	}
	return ""
}

// conditional reads cond ? a : b and cond ?: b.
func (p *parser) conditional(stmt bool) Expr {
	x := p.binary(0, stmt)
	t := p.cur()
	switch {
	case p.accept("?:"):
		p.skipNewlines()
		return &Ternary{Pos: t.pos, Cond: x, Else: p.nested()}
	case p.accept("?"):
		p.skipNewlines()
		c := &Ternary{Pos: t.pos, Cond: x, Then: p.nested()}
		p.skipNewlines()
		p.expect(":")
		p.skipNewlines()
		c.Else = p.nested()
		return c
	}
	return x
}

// nested reads a conditional one level deeper.
func (p *parser) nested() Expr {
	if !p.enter() {
		return &Const{Pos: p.cur().pos}
	}
	defer p.leave()
	return p.conditional(false)
}

func (p *parser) binary(level int, stmt bool) Expr {
	if level > tightestLevel {
		return p.power(stmt)
	}
	x := p.binary(level+1, stmt)
	for {
		t := p.cur()
		if t.kind != kindPunct && t.kind != kindIdent || !slices.Contains(binaryLevel(level), t.text) {
			return x
		}
		p.advance()
		p.skipNewlines()
		if t.text == "instanceof" || t.text == "as" {
			pos := p.cur().pos
			x = &Binary{Pos: t.pos, Op: t.text, X: x, Y: &Var{Pos: pos, Name: p.typeName()}}
			continue
		}
		x = &Binary{Pos: t.pos, Op: t.text, X: x, Y: p.binary(level+1, false)}
	}
}

func (p *parser) power(stmt bool) Expr {
	x := p.unary(stmt)
	for p.is("**") {
		t := p.advance()
		p.skipNewlines()
		x = &Binary{Pos: t.pos, Op: "**", X: x, Y: p.unary(false)}
	}
	return x
}

func (p *parser) unary(stmt bool) Expr {
	t := p.cur()
	if t.kind == kindPunct {
		switch t.text {
		case "!", "~", "+", "-", "++", "--":
			return p.prefixed(t)
		case "(":
			if p.castAhead() {
				return p.cast(t)
			}
		}
	}
	return p.path(stmt)
}

func (p *parser) prefixed(t token) Expr {
	if !p.enter() {
		return &Const{Pos: t.pos}
	}
	defer p.leave()
	p.advance()
	if t.text == "-" && p.at(kindNumber) && p.cur().pos == (Pos{t.pos.Line, t.pos.Column + 1}) {
		return p.postfix(p.numberConst(t.pos, "-"+p.advance().text), false)
	}
	return &Unary{Pos: t.pos, Op: t.text, X: p.unary(false)}
}

// castAhead reports whether (Type) with an operand follows.
func (p *parser) castAhead() bool {
	first := p.peekAt(1)
	if first.kind != kindIdent || !isBuiltInType(first.text) && (first.text[0] < 'A' || first.text[0] > 'Z') {
		return false
	}
	if !p.peekAt(2).is(")") {
		return false
	}
	after := p.peekAt(3)
	return after.kind == kindIdent && (!isKeyword(after.text) || startsValue(after.text)) || after.kind == kindString ||
		after.kind == kindGString || after.kind == kindNumber || after.is("(") && isBuiltInType(first.text)
}

// startsValue: keywords that can begin an operand.
func startsValue(word string) bool {
	switch word {
	case "true", "false", "null", "this", "super", "new":
		return true
	}
	return false
}

func (p *parser) cast(t token) Expr {
	if !p.enter() {
		return &Const{Pos: t.pos}
	}
	defer p.leave()
	p.advance()
	name := p.typeName()
	p.expect(")")
	return &Cast{Pos: t.pos, Type: name, X: p.unary(false)}
}

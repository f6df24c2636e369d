package jenkinsfile

import (
	"strconv"
	"strings"
)

// command reads an expression whose bare arguments may follow without
// parentheses: echo 'x'. It stands for a statement (stmt) or an assigned value.
func (p *parser) command(stmt bool) Expr {
	if !p.enter() {
		return &Const{Pos: p.cur().pos}
	}
	defer p.leave()
	x := p.conditional(stmt)
	if isPath(x) && p.err == nil {
		x = p.commandChain(x)
	}
	return p.assignment(x)
}

func isPath(x Expr) bool {
	switch x := x.(type) {
	case *Var, *Prop, *Call:
		return true
	case *Index:
		return isPath(x.Object)
	}
	return false
}

// commandChain reads a b c d as a(b).c(d), the way Groovy does: this is what
// makes two blocks on one line a chained call.
func (p *parser) commandChain(x Expr) Expr {
	if _, called := x.(*Call); !called && p.startsArgument() {
		x = p.callWith(x, p.commandArgs())
	}
	for p.err == nil && p.startsArgument() && !p.is("!") {
		t := p.cur()
		name, ok := p.chainName()
		if !ok {
			p.unexpected(t)
			return x
		}
		pos := x.At()
		x = &Prop{Pos: pos, Object: x, Name: name, Op: "."}
		switch {
		case p.is("(") || p.is("[") || p.is("{") || p.is(".") || p.is("?."):
			x = p.postfix(x, true)
		case p.startsArgument():
			args := p.commandArgs()
			if t.word("this") || t.word("super") {
				p.fail(args[0].At(), "Constructor call must be the first statement in a constructor.")
			}
			x = p.callWith(x, args)
		}
	}
	return x
}

// chainName is what may follow in a chain: a name or a quoted one.
func (p *parser) chainName() (Expr, bool) {
	t := p.cur()
	switch {
	case t.kind == kindIdent && (!isKeyword(t.text) || t.text == "this" || t.text == "super"), t.kind == kindString:
		p.advance()
		return &Const{Pos: t.pos, Value: t.text}, true
	case t.kind == kindGString:
		return p.gstring(), true
	}
	return nil, false
}

// startsArgument reports whether the token at hand can begin a bare argument.
func (p *parser) startsArgument() bool {
	t := p.cur()
	switch t.kind {
	case kindIdent:
		return !isKeyword(t.text) || startsValue(t.text) || isBuiltInType(t.text) ||
			isKeyword(t.text) && p.peekAt(1).is(":")
	case kindNumber, kindString, kindGString:
		return true
	case kindPunct:
		return t.text == "!" || t.text == "[" || t.text == "{"
	}
	return false
}

func (p *parser) commandArgs() []Arg {
	var args []Arg
	for p.err == nil {
		args = append(args, p.argument())
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	return args
}

// argument reads one argument or map element, with its label if it has one.
func (p *parser) argument() Arg {
	t := p.cur()
	if t.is("*") {
		p.advance()
		p.accept(":")
		return Arg{Pos: t.pos, Value: p.expression(), Spread: true}
	}
	if key := p.label(); key != nil {
		p.skipNewlines()
		return Arg{Pos: t.pos, Key: key, Value: p.expression()}
	}
	return Arg{Pos: t.pos, Value: p.expression()}
}

// label reads "name:" or nothing.
func (p *parser) label() Expr {
	t := p.cur()
	if t.is("(") {
		return p.parenthesisedLabel()
	}
	if !p.peekAt(1).is(":") {
		return nil
	}
	var key Expr
	switch t.kind {
	case kindIdent, kindString:
		key = &Const{Pos: t.pos, Value: t.text}
	case kindNumber:
		key = p.numberConst(t.pos, t.text)
	case kindGString:
		key = p.gstring()
		p.expect(":")
		return key
	default:
		return nil
	}
	p.advance()
	p.advance()
	return key
}

// parenthesisedLabel reads "(expr):"; anything else is no label.
func (p *parser) parenthesisedLabel() Expr {
	level, n := 0, 0
	for ; ; n++ {
		t := p.peekAt(n)
		if t.kind == kindEOF {
			return nil
		}
		if t.is("(") {
			level++
		}
		if t.is(")") {
			if level--; level == 0 {
				break
			}
		}
	}
	if !p.peekAt(n + 1).is(":") {
		return nil
	}
	key := p.primary()
	p.expect(":")
	return key
}

// path reads a primary and what is attached to it.
func (p *parser) path(stmt bool) Expr {
	x := p.postfix(p.primary(), stmt)
	if t := p.cur(); (t.is("++") || t.is("--")) && p.err == nil {
		p.advance()
		return &Unary{Pos: x.At(), Op: t.text, X: x, Postfix: true}
	}
	return x
}

// postfix attaches .name, (args), [index] and blocks. In a statement the block
// may start on the next line.
func (p *parser) postfix(x Expr, stmt bool) Expr {
	for links := 0; p.err == nil; links++ {
		if links > maxDepth*10 {
			p.fail(p.cur().pos, "nested too deeply")
			return x
		}
		t := p.cur()
		switch {
		case p.dotAhead():
			p.skipNewlines()
			x = p.property(x)
		case t.is("("):
			p.advance()
			x = p.callWith(x, p.listUntil(")"))
			p.expect(")")
		case t.is("["):
			p.advance()
			index := &Index{Pos: x.At(), Object: x}
			for _, a := range p.listUntil("]") {
				index.Args = append(index.Args, a.Value)
			}
			p.expect("]")
			x = index
		case t.is("{") && isCallable(x), stmt && isCallable(x) && p.blockOnNextLine():
			p.skipNewlines()
			x = p.withBlock(x)
		default:
			return x
		}
	}
	return x
}

func isCallable(x Expr) bool {
	switch x := x.(type) {
	case *Var, *Prop, *Call, *GString:
		return true
	case *Const:
		return isText(x.Value) // 'name' { } calls a method of that name
	}
	return false
}

func (p *parser) blockOnNextLine() bool {
	return p.at(kindNewline) && p.peekAt(1).is("{")
}

// dotAhead: a dot may stand on the next line.
func (p *parser) dotAhead() bool {
	t := p.cur()
	if t.kind == kindNewline {
		t = p.peekAt(1)
	}
	return t.is(".") || t.is("?.") || t.is("*.") || t.is(".&") || t.is(".@")
}

func (p *parser) property(x Expr) Expr {
	op := p.advance().text
	p.skipNewlines()
	prop := &Prop{Pos: x.At(), Object: x, Op: op}
	t := p.cur()
	switch {
	case t.kind == kindIdent, t.kind == kindString:
		p.advance()
		prop.Name = &Const{Pos: t.pos, Value: t.text}
	case t.kind == kindGString:
		prop.Name = p.gstring()
	case t.is("("):
		p.advance()
		prop.Name = p.expression()
		p.expect(")")
	default:
		p.unexpected(t)
		prop.Name = &Const{Pos: t.pos, Value: ""}
	}
	return prop
}

// callWith makes a call of a path and its arguments.
func (p *parser) callWith(x Expr, args []Arg) Expr {
	switch x := x.(type) {
	case *Var:
		return &Call{Pos: x.Pos, Name: &Const{Pos: x.Pos, Value: x.Name}, Args: args}
	case *Prop:
		return &Call{Pos: x.Pos, Object: x.Object, Op: x.Op, Name: x.Name, Args: args}
	case *GString:
		return &Call{Pos: x.Pos, Name: x, Args: args}
	case *Const:
		if isText(x.Value) {
			return &Call{Pos: x.Pos, Name: x, Args: args}
		}
	}
	return &Call{Pos: x.At(), Object: x, Op: ".", Name: &Const{Pos: x.At(), Value: "call"}, Args: args}
}

// withBlock attaches a block as the last argument.
func (p *parser) withBlock(x Expr) Expr {
	c := p.closure()
	arg := Arg{Pos: c.At(), Value: c}
	if call, ok := x.(*Call); ok {
		call.Args = append(call.Args, arg)
		return call
	}
	return p.callWith(x, []Arg{arg})
}

// listUntil reads arguments or elements up to the closing token, which stays; a
// trailing comma is fine.
func (p *parser) listUntil(end string) []Arg {
	var args []Arg
	if !p.enter() {
		return nil
	}
	defer p.leave()
	p.skipNewlines()
	for !p.is(end) && p.err == nil {
		args = append(args, p.argument())
		p.skipNewlines()
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	return args
}

// numberConst reads a number as Groovy would: int and long alike, decimals as
// floating point.
func (p *parser) numberConst(pos Pos, text string) Expr {
	digits := strings.TrimRight(strings.ReplaceAll(text, "_", ""), "lLgGiI")
	if n, err := strconv.ParseInt(digits, 0, 64); err == nil && !hasLeadingZero(digits) {
		return &Const{Pos: pos, Value: n}
	}
	if n, err := strconv.ParseInt(strings.TrimLeft(digits, "0"), 8, 64); err == nil && hasLeadingZero(digits) {
		return &Const{Pos: pos, Value: n}
	}
	f, err := strconv.ParseFloat(strings.TrimRight(digits, "dDfF"), 64)
	if err != nil {
		p.fail(pos, "a number that is too large: %s", text)
	}
	return &Const{Pos: pos, Value: f}
}

func hasLeadingZero(digits string) bool {
	d := strings.TrimPrefix(digits, "-")
	return len(d) > 1 && d[0] == '0' && d[1] >= '0' && d[1] <= '9' && !strings.Contains(d, ".")
}

package jenkinsfile

import (
	"fmt"
	"strconv"
	"strings"
)

func printExpr(x Expr) string {
	var p printer
	p.expr(x)
	return p.b.String()
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Const:
		p.text(printConst(x.Value))
	case *GString:
		p.gstring(x)
	case *Var:
		p.text(x.Name)
	case *Prop:
		p.object(x.Object)
		p.text(x.Op)
		p.member(x.Name)
	case *Index:
		p.object(x.Object)
		p.text("[")
		for i, a := range x.Args {
			if i > 0 {
				p.text(", ")
			}
			p.expr(a)
		}
		p.text("]")
	case *Call:
		p.call(x)
	case *New:
		p.text("new ", x.Type, "(")
		p.args(x.Args)
		p.text(")")
	case *List:
		p.text("[")
		p.args(x.Items)
		p.text("]")
	case *Map:
		p.mapLiteral(x)
	case *Closure:
		p.closure(x)
	default:
		p.operation(x)
	}
}

func (p *printer) operation(x Expr) {
	switch x := x.(type) {
	case *Unary:
		if x.Postfix {
			p.operand(x.X)
			p.text(x.Op)
			return
		}
		p.text(x.Op, "(")
		p.expr(x.X)
		p.text(")")
	case *Binary:
		if isAssignment(x.Op) {
			p.expr(x.X)
			p.text(" ", x.Op, " ")
			p.expr(x.Y)
			return
		}
		p.operand(x.X)
		p.text(" ", x.Op, " ")
		if x.Op == "as" || x.Op == "instanceof" {
			p.expr(x.Y)
			return
		}
		p.operand(x.Y)
	case *Ternary:
		p.operand(x.Cond)
		if x.Then == nil {
			p.text(" ?: ")
		} else {
			p.text(" ? ")
			p.operand(x.Then)
			p.text(" : ")
		}
		p.operand(x.Else)
	case *Cast:
		p.text("(", x.Type, ") ")
		p.operand(x.X)
	}
}

// operand writes x so that nothing around it can take it apart.
func (p *printer) operand(x Expr) {
	switch x := x.(type) {
	case *Unary, *Binary, *Ternary, *Cast, *Closure:
		p.parenthesised(x)
	default:
		p.expr(x)
	}
}

// object writes what a dot or index is attached to.
func (p *printer) object(x Expr) {
	if c, ok := x.(*Const); ok && isNumber(c.Value) {
		p.parenthesised(x)
		return
	}
	p.operand(x)
}

func (p *printer) parenthesised(x Expr) {
	p.text("(")
	p.expr(x)
	p.text(")")
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// member writes what stands behind a dot.
func (p *printer) member(name Expr) {
	switch n := name.(type) {
	case *Const:
		if s, ok := n.Value.(string); ok && isWord(s) {
			p.text(s)
			return
		}
		if _, ok := n.Value.(string); ok {
			p.expr(name)
			return
		}
	case *GString:
		p.expr(name)
		return
	}
	p.text("(")
	p.expr(name)
	p.text(")")
}

func isWord(s string) bool {
	for i, r := range s {
		if i == 0 && !isIdentStart(r) || !isIdentPart(r) {
			return false
		}
	}
	return s != ""
}

func (p *printer) call(x *Call) {
	if x.Object != nil {
		p.object(x.Object)
		p.text(x.Op)
	}
	p.member(x.Name)
	args, blocks := x.Args, 0
	for blocks < len(args) && isBlock(args[len(args)-1-blocks]) {
		blocks++
	}
	plain := args[:len(args)-blocks]
	if len(plain) > 0 || blocks == 0 {
		p.text("(")
		p.args(plain)
		p.text(")")
	}
	for _, a := range args[len(plain):] {
		p.text(" ")
		p.expr(a.Value)
	}
}

func isBlock(a Arg) bool {
	_, ok := a.Value.(*Closure)
	return ok && a.Key == nil && !a.Spread
}

func (p *printer) args(args []Arg) {
	for i, a := range args {
		if i > 0 {
			p.text(", ")
		}
		switch {
		case a.Spread:
			p.text("*")
		case a.Key != nil:
			p.key(a.Key)
			p.text(": ")
		}
		p.expr(a.Value)
	}
}

func (p *printer) key(key Expr) {
	if c, ok := key.(*Const); ok {
		if s, isText := c.Value.(string); isText && isWord(s) {
			p.text(s)
			return
		}
		if n, isInt := c.Value.(int64); isText(c.Value) || isInt && n >= 0 {
			p.expr(key)
			return
		}
	}
	if _, ok := key.(*GString); ok {
		p.expr(key)
		return
	}
	p.text("(")
	p.expr(key)
	p.text(")")
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

func (p *printer) mapLiteral(x *Map) {
	if len(x.Entries) == 0 {
		p.text("[:]")
		return
	}
	p.text("[")
	p.args(x.Entries)
	p.text("]")
}

func (p *printer) closure(x *Closure) {
	if x.HasParams {
		p.text("{ ")
		p.params(x.Params)
		p.text(" ->\n")
	} else {
		p.text("{\n")
	}
	p.indent++
	p.stmts(x.Body)
	p.indent--
	p.line("}")
}

func (p *printer) gstring(x *GString) {
	p.text(`"`)
	for i, t := range x.Texts {
		p.text(escapeText(t, '"'))
		if i < len(x.Exprs) {
			p.text("${")
			p.expr(x.Exprs[i])
			p.text("}")
		}
	}
	p.text(`"`)
}

func printConst(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	case string:
		return "'" + escapeText(v, '\'') + "'"
	}
	return fmt.Sprint(v)
}

func escapeText(s string, quote rune) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == quote || r == '$' && quote == '"':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// tokenText writes a token back, for Groovy that is only recognised.
func tokenText(t token) string {
	switch t.kind {
	case kindString:
		return printConst(t.text)
	case kindGString:
		var b strings.Builder
		b.WriteByte('"')
		for _, c := range t.parts {
			if c.expr == nil {
				b.WriteString(escapeText(c.text, '"'))
				continue
			}
			b.WriteString("${")
			for _, inner := range c.expr {
				b.WriteString(tokenText(inner) + " ")
			}
			b.WriteString("}")
		}
		return b.String() + `"`
	}
	return t.text
}

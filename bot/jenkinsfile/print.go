package jenkinsfile

import "strings"

// Print writes a file back as Groovy that parses to the same tree. Comments and
// layout are not kept.
func Print(f *File) string {
	var p printer
	p.stmts(f.Body)
	return p.b.String()
}

type printer struct {
	b      strings.Builder
	indent int
}

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func (p *printer) line(parts ...string) {
	p.b.WriteString(strings.Repeat("    ", min(p.indent, 40)))
	p.text(parts...)
}

func (p *printer) stmts(list []Stmt) {
	for _, s := range list {
		p.line()
		if x, ok := s.(*ExprStmt); ok && startsWithBrace(x) {
			p.text(";") // or it would be the block of the line before
		}
		p.stmt(s)
		p.text("\n")
	}
}

// block writes { statements } and stays on the line of the brace.
func (p *printer) block(body []Stmt) {
	p.text("{\n")
	p.indent++
	p.stmts(body)
	p.indent--
	p.line("}")
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *ExprStmt:
		if s.Label != "" {
			p.text(s.Label, ": ")
		}
		p.expr(s.X)
	case *VarDecl:
		p.varDecl(s)
	case *If:
		p.ifStmt(s)
	case *ForIn:
		p.text("for (")
		p.param(s.Var)
		p.text(" in ")
		p.expr(s.In)
		p.text(") ")
		p.block(s.Body)
	case *For:
		p.forStmt(s)
	case *While:
		p.text("while (")
		p.expr(s.Cond)
		p.text(") ")
		p.block(s.Body)
	case *Try:
		p.tryStmt(s)
	case *Switch:
		p.switchStmt(s)
	case *Method:
		p.text(s.Type, " ", s.Name, "(")
		p.params(s.Params)
		p.text(") ")
		p.block(s.Body)
	default:
		p.shortStmt(s)
	}
}

func (p *printer) shortStmt(s Stmt) {
	switch s := s.(type) {
	case *Throw:
		p.text("throw ")
		p.expr(s.X)
	case *Return:
		p.text("return")
		if s.X != nil {
			p.text(" ")
			p.expr(s.X)
		}
	case *Jump:
		p.text(s.Word)
	case *Foreign:
		p.text(s.Text)
	}
}

func startsWithBrace(s *ExprStmt) bool {
	_, closure := s.X.(*Closure)
	return s.Label == "" && closure
}

func (p *printer) varDecl(s *VarDecl) {
	p.text(s.Type)
	if s.Tuple != nil {
		p.text(" (")
		p.params(s.Vars)
		p.text(") = ")
		p.expr(s.Tuple)
		return
	}
	for i, v := range s.Vars {
		if i > 0 {
			p.text(",")
		}
		p.text(" ", v.Name)
		if v.Default != nil {
			p.text(" = ")
			p.expr(v.Default)
		}
	}
}

func (p *printer) ifStmt(s *If) {
	p.text("if (")
	p.expr(s.Cond)
	p.text(") ")
	p.block(s.Then)
	if s.Else != nil {
		p.text(" else ")
		p.block(s.Else)
	}
}

func (p *printer) forStmt(s *For) {
	p.text("for (")
	for i, init := range s.Init {
		if i > 0 {
			p.text(", ")
		}
		p.stmt(init)
	}
	p.text("; ")
	if s.Cond != nil {
		p.expr(s.Cond)
	}
	p.text("; ")
	for i, step := range s.Step {
		if i > 0 {
			p.text(", ")
		}
		p.expr(step)
	}
	p.text(") ")
	p.block(s.Body)
}

func (p *printer) tryStmt(s *Try) {
	p.text("try ")
	p.block(s.Body)
	for _, c := range s.Catches {
		p.text(" catch (")
		if len(c.Types) > 0 {
			p.text(strings.Join(c.Types, " | "), " ")
		}
		p.text(c.Name, ") ")
		p.block(c.Body)
	}
	if s.Finally != nil {
		p.text(" finally ")
		p.block(s.Finally)
	}
}

func (p *printer) switchStmt(s *Switch) {
	p.text("switch (")
	p.expr(s.X)
	p.text(") {\n")
	p.indent++
	for _, c := range s.Cases {
		if c.Value == nil {
			p.line("default:\n")
		} else {
			p.line("case ")
			p.expr(c.Value)
			p.text(":\n")
		}
		p.indent++
		p.stmts(c.Body)
		p.indent--
	}
	p.indent--
	p.line("}")
}

func (p *printer) params(list []Param) {
	for i, v := range list {
		if i > 0 {
			p.text(", ")
		}
		p.param(v)
	}
}

func (p *printer) param(v Param) {
	if v.Type != "" {
		p.text(v.Type, " ")
	}
	p.text(v.Name)
	if v.Default != nil {
		p.text(" = ")
		p.expr(v.Default)
	}
}

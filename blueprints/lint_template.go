package blueprints

import (
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// templateUse walks one template: which parameters it uses, and which values it
// prints without the quoting that its kind of file needs.
type templateUse struct {
	file     string
	source   string
	quoting  string // "" = any value may be printed as it is
	params   []string
	used     map[string]bool
	findings []Finding
}

func (u *templateUse) walkAll(t *template.Template) {
	for _, each := range t.Templates() {
		if each.Tree != nil && each.Root != nil {
			// In a defined template the dot is what the caller passed.
			u.list(each.Root, each.Name() == t.Name())
		}
	}
}

// list walks nodes; root says that the dot is the set of all answers.
func (u *templateUse) list(l *parse.ListNode, root bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			u.pipe(n.Pipe, root)
			u.quoted(n)
		case *parse.IfNode:
			u.branch(&n.BranchNode, root, root)
		case *parse.WithNode:
			u.branch(&n.BranchNode, root, false)
		case *parse.RangeNode:
			u.branch(&n.BranchNode, root, false)
		case *parse.TemplateNode:
			u.pipe(n.Pipe, root)
		}
	}
}

func (u *templateUse) branch(n *parse.BranchNode, root, inside bool) {
	u.pipe(n.Pipe, root)
	u.list(n.List, inside)
	u.list(n.ElseList, root)
}

func (u *templateUse) pipe(p *parse.PipeNode, root bool) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			u.argument(arg, root)
		}
	}
}

func (u *templateUse) argument(n parse.Node, root bool) {
	switch n := n.(type) {
	case *parse.FieldNode:
		u.field(n, n.Ident[0], root)
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			u.field(n, n.Ident[1], root)
		}
	case *parse.ChainNode:
		u.argument(n.Node, root)
	case *parse.PipeNode:
		u.pipe(n, root)
	}
}

// field notes the use of a parameter. Where the dot isn't the answers, any
// field may be something else, so it counts as a use but is not held to be one.
func (u *templateUse) field(n parse.Node, name string, root bool) {
	u.used[name] = true
	if root && !slices.Contains(u.params, name) {
		u.addf(n, "parameter %q is not declared", name)
	}
}

func (u *templateUse) addf(n parse.Node, format string, args ...any) {
	u.findings = append(u.findings, *findingf(u.file, u.line(n), format, args...))
}

// line is the line of n in the source; 0 where the source is an expression of
// the manifest.
func (u *templateUse) line(n parse.Node) int {
	at := int(n.Position())
	if u.source == "" || at > len(u.source) {
		return 0
	}
	return 1 + strings.Count(u.source[:at], "\n")
}

// quoted checks an action that prints a value.
func (u *templateUse) quoted(n *parse.ActionNode) {
	if u.quoting == "" || len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) == 0 {
		return
	}
	last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1].Args[0]
	switch last := last.(type) {
	case *parse.IdentifierNode:
		if last.Ident == tickFunction {
			return
		}
		if last.Ident == u.quoting {
			if u.quoting != quoteHTML && u.insideQuotes(n) {
				u.addf(n, "%s inside quotes: it brings its own", u.quoting)
			}
			return
		}
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return // the author's own constant
	}
	u.addf(n, "the value of %s needs %s", n.Pipe, u.quoting)
}

// insideQuotes says whether a quote is open on the line before n.
func (u *templateUse) insideQuotes(n parse.Node) bool {
	at := min(int(n.Position()), len(u.source))
	line := u.source[strings.LastIndexByte(u.source[:at], '\n')+1 : at]
	var open byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		case c == open:
			open = 0
		}
	}
	return open != 0
}

package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// CheckInit finds init functions: what runs at start stands in cmd, in order.
func CheckInit(t *Tree) []string {
	var out []string
	for _, f := range t.written() {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, fmt.Sprintf("%s: init() in %s", t.at(fn), f.dir))
			}
		}
	}
	return out
}

// CheckGlobals finds package-level variables that can change: those assigned or
// whose address is taken, and those of a kind that is made to be changed.
// Allowed are errors, compiled expressions, embedded files, interface
// assertions and tables that nobody writes to.
func CheckGlobals(t *Tree, constructors []string) []string {
	var out []string
	written := t.writes()
	for _, f := range t.code() {
		for _, v := range packageVars(f) {
			if v.name.Name == "_" || v.embedded {
				continue
			}
			if where, ok := written[f.dir+"."+v.name.Name]; ok {
				out = append(out, fmt.Sprintf("%s: package variable %s is changed at %s", t.at(v.name), v.name.Name, where))
			} else if why := mutable(v, constructors); why != "" {
				out = append(out, fmt.Sprintf("%s: package variable %s %s", t.at(v.name), v.name.Name, why))
			}
		}
	}
	return out
}

// packageVar is one name of a package-level var declaration.
type packageVar struct {
	name     *ast.Ident
	kind     ast.Expr // nil: from the value
	value    ast.Expr // nil: the zero value
	embedded bool
}

func packageVars(f *file) []packageVar {
	var out []packageVar
	for _, d := range f.ast.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, s := range gen.Specs {
			spec, _ := s.(*ast.ValueSpec)
			for i, name := range spec.Names {
				v := packageVar{name: name, kind: spec.Type, embedded: embeds(gen.Doc) || embeds(spec.Doc)}
				if i < len(spec.Values) {
					v.value = spec.Values[i]
				}
				out = append(out, v)
			}
		}
	}
	return out
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// mutable says why a variable that nobody assigns can change all the same; "" if
// it cannot.
func mutable(v packageVar, constructors []string) string {
	switch value := v.value.(type) {
	case nil:
		return "has no value: it waits to be changed"
	case *ast.BasicLit, *ast.Ident, *ast.SelectorExpr, *ast.FuncLit, *ast.BinaryExpr:
		return ""
	case *ast.CompositeLit:
		if kind := typeName(value.Type); strings.HasPrefix(kind, "sync.") || strings.HasPrefix(kind, "atomic.") {
			return "is a " + kind
		}
		return ""
	case *ast.CallExpr:
		value = unchain(value)
		name := typeName(value.Fun)
		_, isConversion := value.Fun.(*ast.ArrayType)
		if isConversion || slices.Contains(constructors, name) {
			return ""
		}
		return "is made by " + name + ", which is not in the list of constructors of unchanging values"
	default:
		return "is a pointer or something else that can be changed"
	}
}

// unchain finds the first call in x.F(...).Copier(...).
func unchain(call *ast.CallExpr) *ast.CallExpr {
	for {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(copiers(), sel.Sel.Name) {
			return call
		}
		inner, ok := sel.X.(*ast.CallExpr)
		if !ok {
			return call
		}
		call = inner
	}
}

func typeName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return typeName(x.X) + "." + x.Sel.Name
	case *ast.IndexExpr:
		return typeName(x.X)
	default:
		return "?"
	}
}

// writes maps "dir.name" of package variables to where they are written. Tests
// count: a test that changes a global changes it under its neighbours.
func (t *Tree) writes() map[string]string {
	globals := map[string]bool{}
	for _, f := range t.files {
		for _, v := range packageVars(f) {
			globals[f.dir+"."+v.name.Name] = true
		}
	}
	out := map[string]string{}
	for _, f := range t.files {
		note := func(e ast.Expr) {
			id := root(e)
			if id == nil || !isGlobal(f, id) {
				return
			}
			if globals[f.dir+"."+id.Name] {
				out[f.dir+"."+id.Name] = t.at(id)
			} else if foreign := elsewhere(f, e, id); globals[foreign] {
				out[foreign] = t.at(id)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			visitWrite(n, note)
			return true
		})
	}
	return out
}

// visitWrite calls note with each expression that n writes to.
func visitWrite(n ast.Node, note func(ast.Expr)) {
	switch x := n.(type) {
	case *ast.AssignStmt:
		if x.Tok != token.DEFINE {
			for _, e := range x.Lhs {
				note(e)
			}
		}
	case *ast.IncDecStmt:
		note(x.X)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			note(x.X)
		}
	case *ast.RangeStmt:
		if x.Tok == token.ASSIGN {
			note(x.Key)
			note(x.Value)
		}
	case *ast.CallExpr:
		if name := typeName(x.Fun); (name == "delete" || name == "clear" || name == "copy") && len(x.Args) > 0 {
			note(x.Args[0])
		}
	}
}

// root finds the variable in x, x[i], x.f, *x and (x).
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// elsewhere names the variable "dir.name" when e writes to pkg.Name of another of
// our packages; "" otherwise.
func elsewhere(f *file, e ast.Expr, pkg *ast.Ident) string {
	name := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.X == ast.Expr(pkg) {
			name = sel.Sel.Name
		}
		return true
	})
	for _, spec := range f.ast.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		if dir, ok := strings.CutPrefix(imported, Module+"/"); ok && name != "" &&
			(path.Base(dir) == pkg.Name || spec.Name != nil && spec.Name.Name == pkg.Name) {
			return dir + "." + name
		}
	}
	return ""
}

// isGlobal: the parser resolves names within a file; a name that it bound to
// something inside a function is a local one that only looks the same.
func isGlobal(f *file, id *ast.Ident) bool {
	if id.Obj == nil {
		return true // declared in another file of the package
	}
	return f.ast.Scope.Lookup(id.Name) == id.Obj
}

package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// CheckFileSizes holds files to the budget; tests only to the upper bound.
func CheckFileSizes(t *Tree) []string {
	var out, long []string
	code := t.code()
	for _, f := range t.written() {
		if f.lines > mostFileLines {
			out = append(out, fmt.Sprintf("%s: %d lines, at most %d", f.path, f.lines, mostFileLines))
		}
	}
	for _, f := range code {
		if f.lines > usualFileLines {
			long = append(long, fmt.Sprintf("%s (%d)", f.path, f.lines))
		}
	}
	if 10*len(long) > len(code) {
		out = append(out, fmt.Sprintf("%d of %d files have more than %d lines, at most one in ten may: %s",
			len(long), len(code), usualFileLines, strings.Join(long, ", ")))
	}
	return out
}

// CheckFuncSizes holds functions to the budget; tests only to the upper bound.
func CheckFuncSizes(t *Tree) []string {
	var out []string
	var sizes []int
	for _, f := range t.written() {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
			if !f.test {
				sizes = append(sizes, n)
			}
			if n > mostFuncLines {
				out = append(out, fmt.Sprintf("%s: %s has %d lines, at most %d", t.at(fn), fn.Name.Name, n, mostFuncLines))
			}
		}
	}
	if len(sizes) == 0 {
		return out
	}
	slices.Sort(sizes)
	if m := sizes[len(sizes)/2]; m > medianFuncLines {
		out = append(out, fmt.Sprintf("the median function has %d lines, about 10 are wanted", m))
	}
	if p := sizes[len(sizes)*95/100]; p > usualFuncLines {
		out = append(out, fmt.Sprintf("the 95th percentile of functions has %d lines, at most %d", p, usualFuncLines))
	}
	return out
}

// CheckInterfaces finds interfaces with too many methods, embedded ones of the
// same package counted in. except maps "dir.Name" to its reason.
func CheckInterfaces(t *Tree, except map[string]string) []string {
	var out []string
	types := t.interfaces()
	for key, it := range types {
		if n := methods(types, it, nil); n > mostMethods && except[key] == "" {
			out = append(out, fmt.Sprintf("%s: interface %s has %d methods, at most %d", t.at(it.node), it.name, n, mostMethods))
		}
	}
	slices.Sort(out)
	return out
}

type namedInterface struct {
	dir, name string
	node      *ast.InterfaceType
}

func (t *Tree) interfaces() map[string]namedInterface {
	out := map[string]namedInterface{}
	for _, f := range t.code() {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if it, ok := spec.Type.(*ast.InterfaceType); ok {
				out[f.dir+"."+spec.Name.Name] = namedInterface{f.dir, spec.Name.Name, it}
			}
			return true
		})
	}
	return out
}

func methods(all map[string]namedInterface, it namedInterface, above []string) int {
	n := 0
	for _, m := range it.node.Methods.List {
		if len(m.Names) > 0 {
			n += len(m.Names)
			continue
		}
		key := it.dir + "." + typeName(m.Type)
		if embedded, ok := all[key]; ok && !slices.Contains(above, key) {
			n += methods(all, embedded, append(above, key))
		}
	}
	return n
}

// CheckPackageComments finds packages that do not say what they are for.
func CheckPackageComments(t *Tree) []string {
	said := map[string]bool{}
	var dirs []string
	for _, f := range t.code() {
		if _, ok := said[f.dir]; !ok {
			dirs = append(dirs, f.dir)
			said[f.dir] = false
		}
		if text := strings.TrimSpace(f.ast.Doc.Text()); strings.HasPrefix(text, "Package ") || strings.HasPrefix(text, "Command ") {
			said[f.dir] = true
		}
	}
	var out []string
	for _, dir := range dirs {
		if !said[dir] {
			out = append(out, fmt.Sprintf("%s: no package comment", dir))
		}
	}
	return out
}

// CheckExportedDocs finds exported names without a comment in root and below: on
// functions, methods of exported types, types, and constants or variables (one
// comment on a group is enough for its names).
func CheckExportedDocs(t *Tree, root string) []string {
	var out []string
	for _, f := range t.code() {
		if !within(f.dir, root) {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
					out = append(out, fmt.Sprintf("%s: %s has no comment", t.at(d), d.Name.Name))
				}
			case *ast.GenDecl:
				out = append(out, t.undocumented(d)...)
			}
		}
	}
	return out
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	id := root(d.Recv.List[0].Type)
	return id == nil || id.IsExported()
}

func (t *Tree) undocumented(d *ast.GenDecl) []string {
	var out []string
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				out = append(out, fmt.Sprintf("%s: %s has no comment", t.at(s), s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					out = append(out, fmt.Sprintf("%s: %s has no comment", t.at(name), name.Name))
				}
			}
		}
	}
	return out
}

// Package arch proves that the code keeps to the design: who may import whom,
// that every member folder is in its visible list, that nothing global changes
// behind anybody's back, and that files and functions stay small.
//
// Each rule is a function from a Tree to findings, so that its test can hand it a
// tree that breaks the rule: a check that cannot fail proves nothing.
package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the path of our own module.
const Module = "opsbot"

// Tree is the source of the module.
type Tree struct {
	fsys  fs.FS
	fset  *token.FileSet
	files []*file // in the order of their paths
}

// file is one parsed Go file.
type file struct {
	path      string // with slashes, from the module's root
	dir       string
	test      bool
	generated bool
	lines     int
	ast       *ast.File
}

// Load parses all Go files of a module; test data, hidden folders and nested
// modules are left out.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{fsys: fsys, fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipDir(fsys, p):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go"):
			return nil
		}
		return t.add(p)
	})
	return t, err
}

func skipDir(fsys fs.FS, p string) bool {
	if p == "." {
		return false
	}
	name := path.Base(p)
	if name == "testdata" || name == "vendor" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(p, "go.mod"))
	return err == nil
}

func (t *Tree) add(p string) error {
	src, err := fs.ReadFile(t.fsys, p)
	if err != nil {
		return fmt.Errorf("arch: read %s: %w", p, err)
	}
	parsed, err := parser.ParseFile(t.fset, p, src, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("arch: parse %s: %w", p, err)
	}
	t.files = append(t.files, &file{
		path: p, dir: path.Dir(p), ast: parsed,
		test:      strings.HasSuffix(p, "_test.go"),
		generated: ast.IsGenerated(parsed),
		lines:     bytes.Count(src, []byte("\n")),
	})
	return nil
}

// code returns what people wrote and ship: no tests, nothing generated.
func (t *Tree) code() []*file {
	return slices.DeleteFunc(slices.Clone(t.files), func(f *file) bool { return f.test || f.generated })
}

// written returns what people wrote, tests included.
func (t *Tree) written() []*file {
	return slices.DeleteFunc(slices.Clone(t.files), func(f *file) bool { return f.generated })
}

// at formats a position for a finding.
func (t *Tree) at(n ast.Node) string {
	p := t.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// within reports whether dir is root or below it.
func within(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

package arch

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// CheckImports finds imports that the rules do not allow.
func CheckImports(t *Tree, table []rule) []string {
	var out []string
	for _, f := range t.files {
		r, ok := ruleFor(table, f.dir)
		if !ok {
			out = append(out, fmt.Sprintf("%s: no rule says what %s may import; add it to the table", f.path, f.dir))
			continue
		}
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !allowed(r, f, imported) {
				out = append(out, fmt.Sprintf("%s: %s may not import %s", t.at(spec), f.dir, imported))
			}
		}
	}
	return out
}

// ruleFor picks the rule with the longest matching folder, a literal before "*".
func ruleFor(table []rule, dir string) (rule, bool) {
	var best rule
	found := false
	for _, r := range table {
		star, ok := matchDir(r.dir, dir)
		if !ok || found && depth(r.dir) <= depth(best.dir) {
			continue
		}
		own := make([]string, len(r.own))
		for i, o := range r.own {
			own[i] = strings.ReplaceAll(o, "*", star)
		}
		best, found = rule{dir: r.dir, own: own, modules: r.modules, alone: r.alone}, true
	}
	return best, found
}

func depth(pattern string) int {
	n := 10 * (strings.Count(pattern, "/") + 1)
	if strings.Contains(pattern, "*") {
		n--
	}
	return n
}

// matchDir matches dir or a folder above it; star is what "*" stood for.
func matchDir(pattern, dir string) (star string, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(dir, "/")
	if len(have) < len(want) {
		return "", false
	}
	for i, w := range want {
		switch {
		case w == "*":
			star = have[i]
		case w != have[i]:
			return "", false
		}
	}
	return star, true
}

func allowed(r rule, f *file, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if imported == Module || first == Module {
		own := r.own
		if f.test {
			own = append(slices.Clone(own), testOwn()...)
		}
		target := strings.TrimPrefix(strings.TrimPrefix(imported, Module), "/")
		return !r.alone && within(target, f.dir) || slices.ContainsFunc(own, func(p string) bool { return matchOwn(p, target) })
	}
	if !strings.Contains(first, ".") {
		return imported != "C" // the standard library; cgo would end the static binary
	}
	modules := r.modules
	if f.test {
		modules = append(slices.Clone(modules), testModules()...)
	}
	return slices.ContainsFunc(modules, func(m string) bool { return within(imported, m) })
}

func matchOwn(pattern, target string) bool {
	if pattern == "..." {
		return true
	}
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(target, root)
	}
	return pattern == target
}

// CheckListed finds member folders that their list forgets.
func CheckListed(t *Tree, all []list) []string {
	var out []string
	for _, l := range all {
		members := folders(t.fsys, l.dir)
		if len(members) == 0 {
			continue
		}
		text, err := fs.ReadFile(t.fsys, l.file)
		if err != nil {
			out = append(out, fmt.Sprintf("%s: the list of %s is missing", l.file, l.dir))
			continue
		}
		for _, m := range members {
			if !t.mentions(l, m, string(text)) {
				out = append(out, fmt.Sprintf("%s: %s is not listed", l.file, path.Join(l.dir, m)))
			}
		}
	}
	return out
}

func folders(fsys fs.FS, dir string) []string {
	entries, _ := fs.ReadDir(fsys, dir) // no such folder: no members
	var out []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}

func (t *Tree) mentions(l list, member, text string) bool {
	if !l.imported {
		// An embed pattern that takes the whole folder lists all of it.
		base := path.Base(l.dir)
		return strings.Contains(text, strconv.Quote(member)) || strings.Contains(text, base+"/"+member) ||
			strings.Contains(text, "go:embed all:"+base+"\n")
	}
	for _, f := range t.files {
		for _, spec := range f.ast.Imports {
			if f.path == l.file && spec.Path.Value == strconv.Quote(path.Join(Module, l.dir, member)) {
				return true
			}
		}
	}
	return false
}

// CheckNames finds folders at the root that the design does not know, and
// packages whose names say nothing.
func CheckNames(t *Tree, top, junk []string) []string {
	var out []string
	for _, name := range folders(t.fsys, ".") {
		if !slices.Contains(top, name) && !isOutput(name) {
			out = append(out, fmt.Sprintf("%s: not a folder of the design", name))
		}
	}
	seen := map[string]bool{}
	for _, f := range t.files {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		for _, n := range []string{name, path.Base(f.dir)} {
			if key := f.dir + " " + n; slices.Contains(junk, n) && !seen[key] {
				seen[key] = true
				out = append(out, fmt.Sprintf("%s: %q says nothing about what is inside", f.dir, n))
			}
		}
	}
	return out
}

// isOutput: what a build leaves behind and git ignores.
func isOutput(name string) bool { return name == "bin" }

package blueprints

import (
	"fmt"
	"path"
	"strings"
	"text/template"
	"text/template/parse"
)

// templateSuffix is dropped from the names of files: embedded trees need it,
// since go:embed leaves out a folder that holds a go.mod.
const templateSuffix = ".tmpl"

// matches says whether pattern selects p; "**" stands for any number of
// segments, also none. The pattern has been checked.
func matches(pattern, p string) bool {
	return matchSegments(strings.Split(pattern, "/"), strings.Split(p, "/"))
}

func matchSegments(pattern, segments []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(segments) + 1 {
				if matchSegments(pattern[1:], segments[i:]) {
					return true
				}
			}
			return false
		}
		if len(segments) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], segments[0]); err != nil || !ok {
			return false
		}
		pattern, segments = pattern[1:], segments[1:]
	}
	return len(segments) == 0
}

// checkPattern refuses what can never match a path. Two "**" are refused as
// well: each more would multiply the work.
func checkPattern(pattern string) error {
	if strings.HasPrefix(pattern, "/") || path.Clean(pattern) != pattern || len(pattern) > maxPath {
		return fmt.Errorf("match %q: must be a clean relative path", cut(pattern))
	}
	stars := 0
	for segment := range strings.SplitSeq(pattern, "/") {
		if segment == "**" {
			stars++
		} else if strings.Contains(segment, "**") {
			return fmt.Errorf("match %q: ** must stand alone between slashes", pattern)
		}
		if _, err := path.Match(segment, "x"); err != nil {
			return fmt.Errorf("match %q: %w", pattern, err)
		}
	}
	if stars > 1 {
		return fmt.Errorf("match %q: has more than one **", pattern)
	}
	return nil
}

func renamable(pattern string) bool {
	folder, _ := strings.CutSuffix(pattern, "/**")
	return !strings.ContainsAny(folder, `*?[\`)
}

// renamed is the new path of p under a rule whose rename template gave to.
func renamed(pattern, p, to string) string {
	folder, isFolder := strings.CutSuffix(pattern, "/**")
	if !isFolder {
		return to
	}
	return to + strings.TrimPrefix(p, folder)
}

// parseCondition makes a template of an expression as it stands after "if". It
// prints "true" if the expression holds. An expression that closes the action
// and opens another is refused.
func parseCondition(name, expr string, delims [2]string, funcs template.FuncMap) (*template.Template, error) {
	if expr == "" {
		expr = "true"
	}
	t, err := template.New(name).Option("missingkey=error").Delims(delims[0], delims[1]).Funcs(funcs).
		Parse(delims[0] + "if (" + expr + ")" + delims[1] + "true" + delims[0] + "end" + delims[1])
	if err != nil {
		f := templateFinding(name, err)
		return nil, fmt.Errorf("%q: %s", expr, f.Message)
	}
	nodes := t.Root.Nodes
	if len(nodes) == 1 && len(t.Templates()) == 1 {
		if n, ok := nodes[0].(*parse.IfNode); ok && n.ElseList == nil && len(n.List.Nodes) == 1 &&
			n.List.Nodes[0].Type() == parse.NodeText && n.List.Nodes[0].String() == "true" {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%q: must be one expression", expr)
}

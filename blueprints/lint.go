package blueprints

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Lint checks the blueprint in fsys, whose folder is called name, and gives all
// that is wrong with it, ordered by file, line and message; nil if nothing is. Beside
// what keeps it from loading these are: values that reach a Jenkinsfile, shell
// script, YAML or HTML file without the quoting function for it, or with quotes
// around that; parameters that no file uses or nobody declared; rules that
// match no file; and fixtures that are missing or cannot be rendered.
func Lint(ctx context.Context, fsys fs.FS, name string) []Finding {
	l := &linter{used: map[string]bool{}}
	b, err := Load(fsys, name, noRandom{}, DefaultLimits())
	if err != nil {
		l.addError(err)
		return l.sorted()
	}
	l.b = b
	for _, f := range b.files {
		l.file(f)
	}
	l.manifest()
	l.fixtures(ctx)
	return l.sorted()
}

// noRandom is the random source where nothing may be random.
type noRandom struct{}

// Read refuses.
func (noRandom) Read([]byte) (int, error) {
	return 0, errors.New("a generated parameter needs its value in the fixture")
}

type linter struct {
	b        *Blueprint
	used     map[string]bool // parameters
	findings []Finding
}

func (l *linter) addf(file string, line int, format string, args ...any) {
	l.findings = append(l.findings, *findingf(file, line, format, args...))
}

// addError adds each Finding that err holds; an error without any is about the
// blueprint as a whole.
func (l *linter) addError(err error) {
	found := findings(err)
	for _, f := range found {
		l.findings = append(l.findings, *f)
	}
	if len(found) == 0 {
		l.findings = append(l.findings, Finding{File: ManifestFile, Message: err.Error()})
	}
}

func (l *linter) sorted() []Finding {
	slices.SortFunc(l.findings, func(x, y Finding) int {
		return cmp.Or(strings.Compare(x.File, y.File), x.Line-y.Line, strings.Compare(x.Message, y.Message))
	})
	return slices.Compact(l.findings)
}

func (l *linter) file(f sourceFile) {
	if f.template == nil {
		return
	}
	if !utf8.Valid(f.data) {
		l.addf(f.source, 0, "is not text; mark it raw")
		return
	}
	use := templateUse{file: f.source, source: string(f.data), quoting: quotingFor(f), params: l.b.parameterNames(), used: l.used}
	use.walkAll(f.template)
	l.findings = append(l.findings, use.findings...)
}

// quotingFor is the function that values in the file must go through; "" if
// none must.
func quotingFor(f sourceFile) string {
	base := path.Base(f.path)
	firstLine, _, _ := strings.Cut(string(f.data), "\n")
	switch ext := path.Ext(base); {
	case strings.HasPrefix(base, "Jenkinsfile") || ext == ".groovy" || ext == ".jenkinsfile":
		return quoteGroovy
	case ext == ".yaml" || ext == ".yml":
		return quoteYAML
	case ext == ".html" || ext == ".htm" || ext == ".svg" || ext == ".xml":
		return quoteHTML
	case ext == ".sh" || ext == ".bash" || strings.HasPrefix(firstLine, "#!") && strings.HasSuffix(strings.TrimSpace(firstLine), "sh"):
		return quoteShell
	default:
		return ""
	}
}

// manifest checks rules and derivations, and that every parameter is used.
func (l *linter) manifest() {
	for i, rule := range l.b.rules {
		if !slices.ContainsFunc(l.b.files, func(f sourceFile) bool { return matches(rule.Match, f.path) }) {
			l.addf(ManifestFile, 0, "rule %d: %q matches no file", i+1, rule.Match)
		}
		use := templateUse{file: ManifestFile, params: l.b.parameterNames(), used: l.used}
		use.walkAll(rule.when)
		if rule.rename != nil {
			use.walkAll(rule.rename)
		}
		l.findings = append(l.findings, use.findings...)
	}
	for i, p := range l.b.params {
		if p.Derive == "" {
			continue
		}
		t, err := l.b.parse(ManifestFile, p.Derive)
		if err != nil {
			l.addError(templateFinding(ManifestFile, err))
			continue
		}
		// A derivation sees only what was asked before.
		use := templateUse{file: ManifestFile, params: l.b.parameterNames()[:i], used: l.used}
		use.walkAll(t)
		l.findings = append(l.findings, use.findings...)
	}
	for _, p := range l.b.manifest.Parameters {
		if !l.used[p.Name] {
			l.addf(ManifestFile, 0, "parameter %s is used by no file", p.Name)
		}
	}
}

func (l *linter) fixtures(ctx context.Context) {
	if len(l.b.fixtures) == 0 {
		l.addf(fixturesDir, 0, "there is no fixture: add %s/default.yaml with answers", fixturesDir)
	}
	for _, name := range l.b.Fixtures() {
		if _, err := l.b.RenderFixture(ctx, name); err != nil {
			var f *Finding
			if !errors.As(err, &f) {
				f = &Finding{File: fixtureFile(name), Message: err.Error()}
			}
			l.findings = append(l.findings, *f)
		}
	}
	for name := range l.b.golden {
		if _, ok := l.b.fixtures[name]; !ok {
			l.addf(goldenFile(name), 0, "there is no fixture %s", fixtureFile(name))
		}
	}
}

func fixtureFile(name string) string { return fmt.Sprintf("%s/%s.yaml", fixturesDir, name) }

func goldenFile(name string) string { return fmt.Sprintf("%s/%s.txtar", goldenDir, name) }

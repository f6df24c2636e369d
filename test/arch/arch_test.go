package arch

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The module itself must pass every rule.
func TestModule(t *testing.T) {
	t.Parallel()
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.code()) < 50 {
		t.Fatalf("only %d files of code found: is this the module's root?", len(tree.code()))
	}
	for name, findings := range map[string][]string{
		"imports":          CheckImports(tree, rules()),
		"listed":           CheckListed(tree, lists()),
		"names":            CheckNames(tree, topLevel(), junkNames()),
		"init":             CheckInit(tree),
		"globals":          CheckGlobals(tree, constructors()),
		"file sizes":       CheckFileSizes(tree),
		"function sizes":   CheckFuncSizes(tree),
		"interfaces":       CheckInterfaces(tree, wideInterfaces()),
		"package comments": CheckPackageComments(tree),
		"exported names":   CheckExportedDocs(tree, "bot"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range findings {
				t.Error(f)
			}
		})
	}
}

// tree builds a module in memory from path -> source; a source without a package
// clause gets one.
func tree(t *testing.T, sources map[string]string) *Tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for p, src := range sources {
		if strings.HasSuffix(p, ".go") && !strings.Contains(src, "package ") {
			src = "package x\n" + src
		}
		fsys[p] = &fstest.MapFile{Data: []byte(src)}
	}
	loaded, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// expect wants one finding per part, in any order, each containing its part.
func expect(t *testing.T, findings []string, parts ...string) {
	t.Helper()
	if len(findings) != len(parts) {
		t.Errorf("%d findings, want %d: %q", len(findings), len(parts), findings)
	}
	for _, part := range parts {
		if !slices.ContainsFunc(findings, func(f string) bool { return strings.Contains(f, part) }) {
			t.Errorf("no finding says %q: %q", part, findings)
		}
	}
}

func TestImportRulesReject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, imported, verdict string }{
		{"bot/a.go", "net/http", ""},
		{"bot/a.go", "github.com/google/uuid", "bot may not import github.com/google/uuid"},
		{"bot/a.go", "opsbot/bot/rest", "bot may not import opsbot/bot/rest"},
		{"bot/a.go", "C", "may not import C"},
		{"bot/rest/a.go", "opsbot/bot", ""},
		{"bot/rest/a.go", "opsbot/bot/sign", "may not import opsbot/bot/sign"},
		{"bot/sign/a.go", "golang.org/x/crypto/ssh", "may not import golang.org/x/crypto/ssh"},
		{"bot/store/a.go", "github.com/uptrace/bun/dialect/pgdialect", ""},
		{"bot/store/a.go", "github.com/uptrace/bunny", "may not import github.com/uptrace/bunny"},
		{"bot/store/sqlite/a.go", "modernc.org/sqlite", ""},
		{"bot/router/a.go", "opsbot/bot/store", "may not import opsbot/bot/store"},
		{"bot/router/a_test.go", "opsbot/bot/store", ""},
		{"bot/router/a.go", "opsbot/bot/router/grammar", ""},
		{"bot/router/a.go", "opsbot/commands/deploy", "may not import opsbot/commands/deploy"},
		{"bot/router/a_test.go", "opsbot/commands/deploy", "may not import opsbot/commands/deploy"},
		{"bot/a_test.go", "opsbot/bot", ""},
		{"bot/brandnew/a.go", "opsbot/bot", "bot/brandnew may not import opsbot/bot"},
		{"bot/brandnew/a.go", "opsbot/bot/brandnew/child", "may not import opsbot/bot/brandnew/child"},
		{"commands/deploy/a.go", "opsbot/bot", ""},
		{"commands/deploy/a.go", "opsbot/bot/rest", "may not import opsbot/bot/rest"},
		{"commands/deploy/a.go", "opsbot/commands/build", "may not import opsbot/commands/build"},
		{"commands/commands.go", "opsbot/commands/build", ""},
		{"integrations/gitea/a.go", "opsbot/bot/rest", ""},
		{"integrations/gitea/a.go", "opsbot/bot/store", "may not import opsbot/bot/store"},
		{"integrations/gitea/a.go", "opsbot/integrations/github", "may not import opsbot/integrations/github"},
		{"integrations/gitea/a_test.go", "opsbot/integrations/github", "may not import opsbot/integrations/github"},
		{"integrations/gitea/api/a.go", "opsbot/integrations/gitea/model", ""},
		{"integrations/localci/a.go", "opsbot/integrations/localci/engine", ""},
		{"integrations/localci/a.go", "opsbot/integrations/localcity", "may not import opsbot/integrations/localcity"},
		{"integrations/integrations.go", "opsbot/integrations/gitea", ""},
		{"integrations/gitea/a.go", "github.com/rogpeppe/go-internal/testscript", "may not import github.com/rogpeppe"},
		{"integrations/gitea/a_test.go", "github.com/rogpeppe/go-internal/testscript", ""},
		{"cmd/opsbot/a.go", "opsbot/integrations", ""},
		{"cmd/opsbot/a.go", "github.com/gin-gonic/gin", "may not import github.com/gin-gonic/gin"},
		{"tools/a.go", "fmt", "no rule says what tools may import"},
	} {
		t.Run(c.path+" "+c.imported, func(t *testing.T) {
			t.Parallel()
			var parts []string
			if c.verdict != "" {
				parts = []string{c.verdict}
			}
			expect(t, CheckImports(tree(t, map[string]string{c.path: `import _ "` + c.imported + `"`}), rules()), parts...)
		})
	}
}

func TestListRuleRejects(t *testing.T) {
	t.Parallel()
	sources := map[string]string{
		"commands/commands.go":                   `import _ "opsbot/commands/deploy"`,
		"commands/deploy/a.go":                   "",
		"commands/forgotten/a.go":                "",
		"commands/testdata/golden/a.txt":         "",
		"integrations/gitea/a.go":                "",
		"templates/templates.go":                 "package templates\n//go:embed all:blueprints/one\nvar FS embed.FS",
		"templates/blueprints/one/x.yaml":        "",
		"templates/blueprints/two/x.yaml":        "",
		"templates/messages/greeting.tmpl":       "",
		"integrations/gitea/testdata/hook.json":  "",
		"integrations/gitea/internal/api/api.go": "",
	}
	expect(t, CheckListed(tree(t, sources), lists()),
		"commands/forgotten is not listed", "integrations/integrations.go: the list of integrations is missing", "templates/blueprints/two is not listed")

	// A comment is no import; an embed of the whole folder lists all of it.
	sources["commands/commands.go"] = "package commands\n// opsbot/commands/forgotten\n" + `import _ "opsbot/commands/deploy"`
	sources["integrations/integrations.go"] = `import _ "opsbot/integrations/gitea"`
	sources["templates/templates.go"] = "package templates\n//go:embed all:blueprints\nvar FS embed.FS"
	expect(t, CheckListed(tree(t, sources), lists()), "commands/forgotten is not listed")
}

func TestNameRuleRejects(t *testing.T) {
	t.Parallel()
	got := CheckNames(tree(t, map[string]string{
		"bot/a.go": "", "bot/util/a.go": "package util", "bot/x/a.go": "package helpers", "bot/x/b.go": "package helpers",
		"pkg/a.go": "", ".ci/run": "", "deploy/Dockerfile": "", "bot/commonplace/a.go": "package commonplace",
	}), topLevel(), junkNames())
	expect(t, got, "pkg: not a folder", `bot/util: "util"`, `bot/x: "helpers"`)
}

func TestInitRuleRejects(t *testing.T) {
	t.Parallel()
	got := CheckInit(tree(t, map[string]string{
		"bot/a.go": "func init() {}", "bot/a_test.go": "func init() {}",
		"bot/b.go": "type t struct{}\nfunc (t) init() {}\nfunc other() { init := 1; _ = init }",
		"bot/c.go": "// Code generated by hand. DO NOT EDIT.\n\npackage x\nfunc init() {}",
	}))
	expect(t, got, "bot/a.go:2", "bot/a_test.go:2")
}

func TestGlobalRuleRejects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source  string
		verdict string
	}{
		"assertion":           {"var _ I = (*T)(nil)", ""},
		"error":               {`var ErrGone = errors.New("gone")`, ""},
		"regexp":              {`var re = regexp.MustCompile("x")`, ""},
		"chain on an error":   {`var errBusy = bot.Errorf(bot.CodeInternal, "x").Backoff()`, ""},
		"chain on another":    {`var c = metrics.New().Wait(1)`, "made by metrics.New"},
		"embed":               {"//go:embed x\nvar files embed.FS", ""},
		"embed in a group":    {"var (\n//go:embed x\nfiles embed.FS\n)", ""},
		"table":               {`var table = map[string]int{"a": 1}` + "\nfunc f() int { return table[`a`] }", ""},
		"shadowed":            {"var a = 1\nfunc f() { a := 2; a = 3; a++; _ = &a }", ""},
		"shadowed parameter":  {"var a = 1\nfunc f(a int) { a = 3 }", ""},
		"field of that name":  {"var a = 1\ntype t struct{ a int }\nfunc f(x t) { x.a = 2 }", ""},
		"assigned":            {"var a = 1\nfunc f() { a = 2 }", "a is changed at"},
		"counted":             {"var a = 1\nfunc f() { a++ }", "a is changed at"},
		"table written":       {"var a = map[string]int{}\nfunc f() { a[`x`] = 2 }", "a is changed at"},
		"table deleted from":  {"var a = map[string]int{}\nfunc f() { delete(a, `x`) }", "a is changed at"},
		"field written":       {"var a = T{}\nfunc f() { a.b.c = 2 }", "a is changed at"},
		"address taken":       {"var a = T{}\nfunc f() { g(&a) }", "a is changed at"},
		"range target":        {"var a = 1\nfunc f() { for a = range 3 {} }", "a is changed at"},
		"no value":            {"var a int", "waits to be changed"},
		"mutex":               {"var mu sync.Mutex", "waits to be changed"},
		"mutex with a value":  {"var mu = sync.Mutex{}", "is a sync.Mutex"},
		"atomic":              {"var p = atomic.Pointer[int]{}", "is a atomic.Pointer"},
		"pointer":             {"var c = &Client{}", "pointer"},
		"made by a call":      {"var m = make(map[string]int)", "made by make"},
		"unknown constructor": {"var c = metrics.NewCounter()", "made by metrics.NewCounter"},
		"second of two":       {`var ErrA, b = errors.New("x"), make(chan int)`, "variable b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var parts []string
			if c.verdict != "" {
				parts = []string{c.verdict}
			}
			expect(t, CheckGlobals(tree(t, map[string]string{"bot/a.go": c.source}), constructors()), parts...)
		})
	}
}

func TestGlobalRuleLooksAcrossFiles(t *testing.T) {
	t.Parallel()
	got := CheckGlobals(tree(t, map[string]string{
		"bot/a.go":          "var limit = 1\nvar Table = map[int]int{}\nvar quiet = 1",
		"bot/a_test.go":     "func f() { limit = 2 }",
		"bot/relay/a.go":    "package relay\nimport \"opsbot/bot\"\nfunc f() { bot.Table[1] = 2 }",
		"bot/relay/b.go":    "package relay\nfunc f() { quiet = 2 }",
		"bot/other_test.go": "var update = flag.Bool(`update`, false, ``)",
	}), constructors())
	expect(t, got, "limit is changed at bot/a_test.go:2", "Table is changed at bot/relay/a.go:3")
}

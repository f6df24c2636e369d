package jenkinsfile

import (
	"strings"
	"testing"
)

// TestStrings: every form of string and escape has Groovy's value.
func TestStrings(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`'a'`:                    "a",
		`'it\'s'`:                "it's",
		`'a"b'`:                  `a"b`,
		`'$x ${y}'`:              "$x ${y}",
		`'\b\t\n\f\r\\\$'`:       "\b\t\n\f\r\\$",
		`'\101\60\0'`:            "A0\x00",
		`'\400'`:                 " 0",
		`'\u00e9\uu0041'`:        "éA",
		`'\ud834\udd1e'`:         "𝄞",
		"'a\\\nb'":               "ab",
		"'''a\n  b'''":           "a\n  b",
		"'''a\r\nb\rc'''":        "a\nb\nc",
		"'''a\\\nb'''":           "ab",
		`'''it's ''quoted'' '''`: "it's ''quoted'' ",
		`"plain"`:                "plain",
		`"a\$b"`:                 "a$b",
		`"""a "quoted" b"""`:     `a "quoted" b`,
		"/a\\d\\/b/":             `a\d/b`,
		"$/a/b\\c/$":             `a/b\c`,
		`''`:                     "",
		`""`:                     "",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			body, err := parseSource("x = " + src)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := body[0].(*ExprStmt).X.(*Binary).Y.(*Const)
			if !ok || got.Value != want {
				t.Errorf("got %#v, want %q", got, want)
			}
		})
	}
}

// TestPrint: what is written comes back in one form.
func TestPrint(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"echo 'a'":                        "echo('a')",
		"echo message: \"a${b}c$d.e\"":    "echo(message: \"a${b}c${d.e}\")",
		"a.b c: 1, d":                     "a.b(c: 1, d)",
		"a b c d e":                       "a(b).c(d).e",
		"when { x } steps { y }":          "when {\n    x\n}.steps {\n    y\n}",
		"stage('a') { b }":                "stage('a') {\n    b\n}",
		"stage 'a' { b }":                 "stage(a {\n    b\n})",
		"f\n{ a }":                        "f {\n    a\n}",
		"f;{ a }":                         "f\n;{\n    a\n}",
		"x = y = 1 + 2 * 3":               "x = y = 1 + (2 * 3)",
		"a ?: b":                          "a ?: b",
		"a ? b : c ? d : e":               "a ? b : (c ? d : e)",
		"!a && -b > -1":                   "(!(a)) && ((-(b)) > -1)",
		"a?.b*.c.'d e'.\"${f}\"":          "a?.b*.c.'d e'.\"${f}\"",
		"a[1].b[c, d]":                    "a[1].b[c, d]",
		"[:] + [a: 1, 'b c': 2, (d): 3]":  "[:] + [a: 1, 'b c': 2, (d): 3]",
		"[*a, 1.50, 0x10, null, true]":    "[*a, 1.5, 16, null, true]",
		"{ -> a }()":                      "({  ->\n    a\n}).call()",
		"def f = { a, b = 2 -> a }":       "def f = { a, b = 2 ->\n    a\n}",
		"String s = 'x', t":               "String s = 'x', t",
		"def (a, b) = c":                  "def (a, b) = c",
		"if (a) b else c":                 "if (a) {\n    b\n} else {\n    c\n}",
		"for (def x in y) z":              "for (def x in y) {\n    z\n}",
		"for (int i = 0; i < 3; i++) { }": "for (int i = 0; i < 3; i++) {\n}",
		"while (a) { break }":             "while (a) {\n    break\n}",
		"try { a } catch (B | C e) { d } finally { f }": "try {\n    a\n} catch (B | C e) {\n    d\n} finally {\n    f\n}",
		"switch (a) { case 1: b; break; default: c }":   "switch (a) {\n    case 1:\n        b\n        break\n    default:\n        c\n}",
		"throw new A.B('c')":                            "throw new A.B('c')",
		"return":                                        "return",
		"def f(int a, b = 1) { a }":                     "def f(int a, b = 1) {\n    a\n}",
		"(int) a as String":                             "((int) a) as String",
		"a instanceof List<String>":                     "a instanceof List<String>",
		"def x = sh returnStdout: true, script: 'a'":    "def x = sh(returnStdout: true, script: 'a')",
		"import a.b.*":                                  "import a . b . *",
		"lbl: f()":                                      "lbl: f()",
		"a\n.b()\n?.c":                                  "a.b()?.c",
		"foo() { a } { b }":                             "foo {\n    a\n} {\n    b\n}",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			body, err := parseSource(src)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSuffix(Print(&File{Body: body}), "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			roundTrip(t, src)
		})
	}
}

// TestPlaces: nodes stand where Groovy says.
func TestPlaces(t *testing.T) {
	t.Parallel()
	body, err := parseSource("a.b(\n  c: 'x',\n  d) {\n\te + f\n}")
	if err != nil {
		t.Fatal(err)
	}
	call := body[0].(*ExprStmt).X.(*Call)
	inner := call.Block().Body[0].(*ExprStmt)
	for name, c := range map[string]struct{ got, want Pos }{
		"call":     {call.Pos, Pos{1, 1}},
		"method":   {call.Name.At(), Pos{1, 3}},
		"label":    {call.Args[0].Key.At(), Pos{2, 3}},
		"value":    {call.Args[0].Value.At(), Pos{2, 6}},
		"argument": {call.Args[1].Pos, Pos{3, 3}},
		"block":    {call.Block().Pos, Pos{3, 6}},
		"stmt":     {inner.Pos, Pos{4, 2}},
		"operator": {inner.X.At(), Pos{4, 4}},
	} {
		if c.got != c.want {
			t.Errorf("%s at %v, want %v", name, c.got, c.want)
		}
	}
}

// TestModel: the sections of a pipeline arrive in the model.
func TestModel(t *testing.T) {
	t.Parallel()
	f, errs := Parse([]byte(`def before = 1
pipeline {
    agent { node { label 'a'; customWorkspace 'b' } }
    environment { A = 'x' }
    options { timeout(time: 5, unit: 'MINUTES'); timestamps() }
    parameters { string(name: 'P', defaultValue: 'd') }
    stages {
        stage('One') {
            when { beforeAgent true; not { branch 'x' }; expression { true } }
            steps { echo 'a'; sh 'b' }
            post { always { echo 'c' } }
        }
        stage('Two') { failFast true; parallel { stage('L') { steps { echo 'l' } }; stage('R') { steps { echo 'r' } } } }
        stage('Three') { matrix { axes { axis { name 'OS'; values 'a', 'b' } }
            excludes { exclude { axis { name 'OS'; notValues 'a' } } }
            stages { stage('Cell') { steps { echo 'm' } } } } }
    }
}
`))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	p := f.Pipeline
	if f.At != 1 || len(f.Body) != 2 || p.Pos != (Pos{2, 1}) {
		t.Errorf("pipeline is statement %d of %d at %v", f.At, len(f.Body), p.Pos)
	}
	if p.Agent.Type != "node" || printExpr(p.Agent.Field("label")) != "'a'" || printExpr(p.Agent.Field("customWorkspace")) != "'b'" {
		t.Errorf("agent %+v", p.Agent)
	}
	if p.Options.Find("timestamps") == nil || printExpr(p.Options.Find("timeout").Argument("time", true)) != "5" || p.Options.Find("x") != nil {
		t.Errorf("options %+v", p.Options)
	}
	one, two, three := p.Stages.Stages[0], p.Stages.Stages[1], p.Stages.Stages[2]
	if w := one.When; !w.BeforeAgent || len(w.Conditions) != 2 || w.Conditions[0].Children[0].Name != "branch" || len(w.Conditions[1].Body) != 1 {
		t.Errorf("when %+v", one.When)
	}
	if len(one.Steps.Body) != 2 || one.Post.Blocks[0].Condition != "always" {
		t.Errorf("stage %+v", one)
	}
	if !two.FailFast || len(two.Parallel.Stages) != 2 {
		t.Errorf("stage %+v", two)
	}
	if m := three.Matrix; m.Axes[0].Name != "OS" || len(m.Axes[0].Values) != 2 || !m.Excludes[0][0].Not || m.Cell.Stages.Stages[0].Name != "Cell" {
		t.Errorf("matrix %+v", three.Matrix)
	}
}

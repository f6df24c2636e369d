package jenkinsfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// FuzzParse: whatever comes in, every error stands inside the input, and what
// parses is printed as Groovy that parses to the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../integrations/localci/engine/testdata/corpus/*/Jenkinsfile")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	for _, src := range oddSources() {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		_, errs := Parse([]byte(src))
		for _, e := range errs {
			if !inside(e.Pos, src) {
				t.Errorf("%v is outside of the input", e)
			}
		}
		roundTrip(t, src)
	})
}

func oddSources() []string {
	return []string{
		"", "\n", "#!", "pipeline {", "pipeline { }", "pipeline {\n}", "a b c d", "x = { it -> it }", "f { a, b = 1 -> a }",
		"echo \"${a ? \"b${c}\" : 'd'} $e.f.g$h\"", "def (a, b) = [1, 2]", "if (a) b else c", "for (;;) { break }",
		"try { a } catch (A | B e) { } finally { }", "switch (x) { case 1: a; break\ndefault: b }", "def x = sh returnStdout: true, script: 'a'",
		"a?.b*.c.&d", "x = (int) 5 as String", "@Library('x@1') _", "class A { def b() { 'c' } }", "import a.b.C", "/a\\/b/ =~ $/c/$",
		"[:]", "[a: 1, (b): 2, \"c$d\": 3]", "-5 - -a", "a << b >> c", "\"\\u00e9\\101\\\n\"", "f(*a, b: c)", "new A<B>(c) { d }",
		"label: foo()", "a\n  .b()\n  .c()", "stage('x')\n{ a }", "foo;{ b }", "int i = 0; i++", "\ufeffpipeline", "a\rb\r\nc", "\"𝄞\" 'x",
		strings.Repeat("(", 500), strings.Repeat("f { ", 500), strings.Repeat("a.", 3000) + "b", "\"" + strings.Repeat("${\"", 300),
		strings.Repeat("!", 1000) + "a", strings.Repeat("a ? ", 400), strings.Repeat("a = ", 400) + "b", "def f(String a, b = 2) { a + b }",
	}
}

func roundTrip(t *testing.T, src string) {
	t.Helper()
	body, err := parseSource(src)
	if err != nil {
		return
	}
	once := Print(&File{Body: body})
	again, err := parseSource(once)
	if err != nil {
		if strings.Contains(err.Message, "deeply") || strings.Contains(err.Message, "too large") {
			return // printing adds parentheses
		}
		t.Fatalf("the printed file doesn't parse: %v\n%s", err, once)
	}
	if twice := Print(&File{Body: again}); twice != once {
		t.Errorf("printed again it differs:\n%s\n---\n%s", once, twice)
	}
}

// inside: on a line of the input, at most one behind its end.
func inside(p Pos, src string) bool {
	lines := splitLines(src)
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 {
		return false
	}
	return p.Column <= len(utf16.Encode([]rune(lines[p.Line-1])))+1
}

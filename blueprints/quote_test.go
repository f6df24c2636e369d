package blueprints

import (
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"opsbot/bot/jenkinsfile"
)

// awkward texts have broken somebody's quoting before.
func awkward() []string {
	return []string{
		"", "plain", "two words", " leading", "trailing ", "it's", `say "hi"`, `back\slash`, `\u0027`, "$HOME", "${x}",
		"`id`", "a;b", "-n", "--", "~", "null", "NO", "yes", "1.0", "0x1f", "1e3", "2026-01-02", "12:30:45", ".5", "+1",
		"a: b", "a #b", "# a", "- a", "[a]", "{a}", "*a", "&a", "!a", "|", ">", "%a", "@a", "a,b", "ünï", "🦊", "'''", `"""`,
		"\u0085", "\u2028", "\x7f", "tab\tin", "<b>&amp;", "[[ x ]]", "{{ x }}", "a\nb", "\r", "=", "<<", "?", ":",
	}
}

func TestToYAMLIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range awkward() {
		quoted, err := toYAML(s)
		if err != nil || strings.ContainsAny(quoted, "\n\r") {
			t.Fatalf("%q: %q, %v", s, quoted, err)
		}
		want := strings.NewReplacer("\u0085", "\uFFFD", "\x7f", "\uFFFD").Replace(s)
		var block, flow map[string]any
		if err := yaml.Unmarshal([]byte("k: "+quoted+"\n"), &block); err != nil || block["k"] != want {
			t.Errorf("%q: block %q gives %#v, %v", s, quoted, block, err)
		}
		if err := yaml.Unmarshal([]byte("{k: "+quoted+", l: 1}\n"), &flow); err != nil || flow["k"] != want {
			t.Errorf("%q: flow %q gives %#v, %v", s, quoted, flow, err)
		}
	}
	for v, want := range map[any]string{int64(5): "5", true: "true", 0.5: "0.5"} {
		if got, err := toYAML(v); got != want || err != nil {
			t.Errorf("%v: %s, %v", v, got, err)
		}
	}
	if got, err := toYAML([]string{"a", "no"}); got != `["a","no"]` || err != nil {
		t.Errorf("list: %s, %v", got, err)
	}
	if _, err := toYAML(math.NaN()); err == nil {
		t.Error("NaN was written")
	}
}

func TestShellQuoteIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range awkward() {
		quoted, err := shellQuote(s)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "printf '%s|' "+quoted+" x").Output()
		if err != nil || string(out) != s+"|x|" {
			t.Errorf("%q: %s gives %q, %v", s, quoted, out, err)
		}
	}
	if got, err := shellQuote(int64(8080)); got != "8080" || err != nil {
		t.Errorf("number: %s, %v", got, err)
	}
	if _, err := shellQuote("a\x00b"); err == nil {
		t.Error("NUL was quoted")
	}
}

func TestGroovyQuoteIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range awkward() {
		quoted := groovyQuote(s)
		source := "pipeline {\n agent any\n stages { stage('x') { steps { echo " + quoted + " } } }\n}\n"
		if _, errs := jenkinsfile.Parse([]byte(source)); len(errs) > 0 {
			t.Errorf("%q: %s is refused: %v", s, quoted, errs[0])
		}
		if got := readGroovy(t, quoted); got != s {
			t.Errorf("%q: %s reads %q", s, quoted, got)
		}
	}
}

// readGroovy reads a literal in single quotes by Groovy's rules.
func readGroovy(t *testing.T, literal string) string {
	t.Helper()
	inner, ok := strings.CutPrefix(literal, "'")
	inner, ok2 := strings.CutSuffix(inner, "'")
	if !ok || !ok2 || strings.ContainsAny(inner, "\n\r") {
		t.Fatalf("%s is no literal", literal)
	}
	var out strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\'' {
			t.Fatalf("%s ends early", literal)
		}
		if inner[i] != '\\' {
			out.WriteByte(inner[i])
			continue
		}
		i++
		switch c := inner[i]; c {
		case 'n', 'r', 't':
			out.WriteByte(map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[c])
		case 'u':
			var r rune
			for _, digit := range inner[i+1 : i+5] {
				r = r*16 + rune(strings.IndexRune("0123456789abcdef", digit))
			}
			out.WriteRune(r)
			i += 4
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

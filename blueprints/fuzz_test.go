package blueprints

import (
	"errors"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// FuzzManifest asserts that a manifest that is accepted can be printed and read
// back as the same, and that a fault lies inside the input.
func FuzzManifest(f *testing.F) {
	f.Add(everything)
	f.Add(minimal)
	f.Add(minimal + "parameters:\n  p:\n    type: string\n    tittle: x\n")
	f.Add(minimal + "delimiters: [\"[[\", \"]]\"]\nfiles: [{match: a/**, rename: b, when: .name}]\n")
	f.Fuzz(func(t *testing.T, source string) {
		m, err := ParseManifest("blueprint.yaml", []byte(source))
		if err != nil {
			checkPositions(t, err, source)
			return
		}
		printed := m.String()
		again, err := ParseManifest("blueprint.yaml", []byte(printed))
		if err != nil {
			t.Fatalf("%v in what was printed:\n%s", err, printed)
		}
		if !reflect.DeepEqual(m, again) {
			t.Fatalf("first:\n%#v\nagain:\n%#v\nprinted:\n%s", m, again, printed)
		}
		if printed != again.String() {
			t.Fatalf("printed differently the second time:\n%s\n%s", printed, again)
		}
	})
}

func checkPositions(t *testing.T, err error, source string) {
	t.Helper()
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			checkPositions(t, e, source)
		}
		return
	}
	var f *Finding
	if !errors.As(err, &f) {
		t.Fatalf("%T is no Finding: %v", err, err)
	}
	if f.Message == "" || f.File != "blueprint.yaml" {
		t.Errorf("incomplete: %+v", f)
	}
	// YAML's line breaks are \n, \r and \r\n.
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source), "\n")
	if f.Line < 0 || f.Line > len(lines) {
		t.Fatalf("line %d of %d: %v", f.Line, len(lines), f)
	}
	// One past the end is where something is missing.
	if f.Line > 0 && (f.Column < 0 || f.Column > len(lines[f.Line-1])+1) {
		t.Fatalf("column %d of a line of %d: %v", f.Column, len(lines[f.Line-1]), f)
	}
}

// FuzzPath asserts that a path that is allowed stays below any folder, and that
// two allowed side by side stay two where case makes no difference.
func FuzzPath(f *testing.F) {
	f.Add("a/b.txt", "A/b.txt")
	f.Add("../x", "x/..")
	f.Add(".git/config", ".Git")
	f.Add(`a\b`, "C:/x")
	f.Add("straße", "STRASSE")
	f.Fuzz(func(t *testing.T, p, q string) {
		if checkPath(p) != nil {
			return
		}
		if !filepath.IsLocal(filepath.FromSlash(p)) || path.Join("/root", p) != "/root/"+p {
			t.Fatalf("%q leaves its folder", p)
		}
		for segment := range strings.SplitSeq(p, "/") {
			if strings.EqualFold(segment, ".git") {
				t.Fatalf("%q is git's", p)
			}
		}
		s := newPathSet()
		if s.add(p) != nil || s.add(q) != nil {
			return
		}
		if strings.EqualFold(p, q) || strings.HasPrefix(p, q+"/") || strings.HasPrefix(q, p+"/") {
			t.Fatalf("%q and %q live side by side", p, q)
		}
	})
}

// FuzzQuote asserts that each kind of quoting is read back as the text, on one
// line, whatever the text.
func FuzzQuote(f *testing.F) {
	for _, s := range awkward() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if plainText(s) != "" {
			return // no answer is like that
		}
		quoted, err := toYAML(s)
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		if err := yaml.Unmarshal([]byte("- "+quoted+"\n- ["+quoted+"]\n"), &got); err != nil || len(got) != 2 {
			t.Fatalf("%q: %s: %v", s, quoted, err)
		}
		if inner, ok := got[1].([]any); got[0] != s || !ok || len(inner) != 1 || inner[0] != s {
			t.Fatalf("%q: %s gives %#v", s, quoted, got)
		}
		if got := readGroovy(t, groovyQuote(s)); got != s {
			t.Fatalf("%q: %s gives %q", s, groovyQuote(s), got)
		}
		word, err := shellQuote(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := readShell(t, word); got != s {
			t.Fatalf("%q: %s gives %q", s, word, got)
		}
	})
}

// readShell reads one word by the shell's rules.
func readShell(t *testing.T, word string) string {
	t.Helper()
	var out strings.Builder
	quoted := false
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '\'':
			quoted = !quoted
		case !quoted && c == '\\':
			i++
			out.WriteByte(word[i])
		case !quoted && strings.IndexByte(" \t\n;&|<>()$`\"*?[]#~={}!", c) >= 0:
			t.Fatalf("%s: %q is bare", word, c)
		default:
			out.WriteByte(c)
		}
	}
	if quoted {
		t.Fatalf("%s has no end", word)
	}
	return out.String()
}

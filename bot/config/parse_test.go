package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestYAMLThatIsRefused(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
	for name, c := range map[string]struct{ text, want string }{
		"repeated key":       {"listen: 127.0.0.1:1\nlog: {}\nlisten: 127.0.0.1:2\n", `:3: the key "listen" is there twice, first on line 1`},
		"repeated in flow":   {"log: { level: info, level: warn }\n", `:1: the key "level" is there twice, first on line 1`},
		"tab":                {"log:\n\tlevel: info\n", ":2: a tab at the beginning of the line: YAML wants spaces"},
		"anchors":            {bomb, ":1: anchors and aliases (& and *) are not supported"},
		"merge key":          {"log:\n  <<: { level: info }\n", ":2: "},
		"tag":                {"listen: !!str 127.0.0.1:1\n", ":1: tags (!) are not supported"},
		"second document":    {"listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n", ":3: a second document"},
		"a list":             {"- listen\n", ":1: the file must be a mapping of keys to values, it is a list"},
		"a text":             {"listen\n", ":1: the file must be a mapping of keys to values, it is a text"},
		"unclosed":           {"log: { level: info\n", "not valid YAML"},
		"not UTF-8":          {"listen: x\nlog: \xff\n", ":2: not valid UTF-8"},
		"too large":          {strings.Repeat("# x\n", 300_000), "larger than 1 MiB"},
		"deep flow":          {"a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), ":1: nested deeper than 32 levels"},
		"deep flow on lines": {"a:\n" + strings.Repeat(" {\n", 40), ": nested deeper than 32 levels"},
		"deep list":          {strings.Repeat("- ", 100_000) + "x", ":1: nested deeper than 32 levels"},
		"deep blocks":        {deepBlocks(40), ": nested deeper than 32 levels"},
		"too many keys":      {strings.Repeat("k: x\n", 11_000), "too many keys and values"},
		"complex key":        {"? [a, b]\n: c\n", "not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problemsOf(t, c.text)
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func deepBlocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestYAMLThatIsFine(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"byte order mark":    "\ufefflisten: 127.0.0.1:9\n",
		"carriage returns":   "listen: 127.0.0.1:9\r\nlog: { level: info }\r\n",
		"quoted brackets":    "prefix: \"" + strings.Repeat("[", 40) + "\"\nlisten: 127.0.0.1:9\n",
		"commented brackets": "listen: 127.0.0.1:9 # " + strings.Repeat("[", 40) + "\n",
		"tab in a comment":   "\t# indented\nlisten: 127.0.0.1:9\n",
		"document marker":    "---\nlisten: 127.0.0.1:9\n...\n",
	} {
		c, err := Load(write(t, text), noEnv)
		if err != nil || c.Listen != "127.0.0.1:9" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"url", "user", "token", "public_url", "environments"}
	for name, want := range map[string]string{
		"ulr": "url", "URL": "url", "tokn": "token", "toekn": "token", "public-url": "public_url", "enviroments": "environments",
		"x": "", "completely": "", "": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzParse: whatever the file holds, the answer comes soon, is a tree or Problems
// with lines that the file has, and is the same with comments and blank lines put
// before it, those lines further down.
func FuzzParse(f *testing.F) {
	f.Add([]byte(defaultYAML))
	f.Add([]byte("a: [1, {b: c}]\nd: |\n  text\n"))
	f.Add([]byte("a: &x *x\n? b\n: <<\n"))
	f.Add([]byte("\"\\u0000\": 'it''s'\n- -\t- 1e9\n"))
	f.Add([]byte("{[(]}\n%YAML 1.2\n---\n...\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		begin := time.Now()
		root, err := parse("f", data)
		if took := time.Since(begin); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
		lines := 1 + strings.Count(string(data), "\n")
		if err != nil {
			var all Problems
			if !errors.As(err, &all) || len(all) != 1 || all[0].Line < 0 || all[0].Line > lines+1 || all[0].Text == "" {
				t.Fatalf("not a problem of this file: %v", err)
			}
			return
		}
		checkTree(t, root, lines, 0)
		if strings.HasPrefix(string(data), "%") || strings.HasPrefix(string(data), "\ufeff") || len(data) > maxBytes-20 {
			return
		}
		again, err := parse("f", append([]byte("# comment\n\n"), data...))
		if err != nil || len(again.entries) != len(root.entries) {
			t.Fatalf("a comment before it changes it: %v", err)
		}
	})
}

func checkTree(t *testing.T, n *node, lines, depth int) {
	t.Helper()
	if n == nil || depth > maxDepth || n.line < 0 || n.line > lines+1 {
		t.Fatalf("node out of bounds: %+v at depth %d of %d lines", n, depth, lines)
	}
	seen := map[string]bool{}
	for _, e := range n.entries {
		if seen[e.key] {
			t.Fatalf("the key %q is there twice", e.key)
		}
		seen[e.key] = true
		checkTree(t, e.value, lines, depth+1)
	}
	for _, item := range n.items {
		checkTree(t, item, lines, depth+1)
	}
}

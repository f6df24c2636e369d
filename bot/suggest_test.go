package bot

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	verbs := []string{"deploy", "promote", "rollback", "status", "help", "undo"}
	for word, want := range map[string]string{
		"deplyo": "deploy", "DEPLOI": "deploy", "rolback": "rollback", "statsu": "status", "hlep": "help", "und": "undo",
		"xyzzy": "", "": "", "d": "", "st": "", "stat": "status", "prom": "promote", "PRO": "promote", strings.Repeat("deploy", 40): "", "dépløy": "deploy",
	} {
		if got := Nearest(word, verbs); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestInstead(t *testing.T) {
	t.Parallel()
	many := strings.Split("a1 b2 c3 d4 e5 f6 g7 h8 i9 production", " ")
	for _, c := range []struct {
		name string
		have []string
		want string
	}{
		{"x", nil, "."},
		{"mian", []string{"main"}, "; there is: main."},
		{"mian", []string{"topic", "main"}, "; there are: topic, main. Did you mean main?"},
		{"zzz", []string{"topic", "main"}, "; there are: topic, main."},
		{"prodution", many, "; there are: a1, b2, c3, d4, e5, f6, g7, h8 and 2 more. Did you mean production?"},
	} {
		if got := Instead(c.name, c.have); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

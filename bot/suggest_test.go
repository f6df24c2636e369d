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
		"xyzzy": "", "": "", "d": "", strings.Repeat("deploy", 40): "", "dépløy": "deploy",
	} {
		if got := Nearest(word, verbs); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

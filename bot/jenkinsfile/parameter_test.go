package jenkinsfile_test

import (
	"fmt"
	"testing"

	"opsbot/bot/jenkinsfile"
)

// TestDeclared: what parameters a file has is known without running it.
func TestDeclared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"none":        {with(), "[] true"},
		"no pipeline": {"echo 'a'", "[] true"},
		"all kinds": {
			with("parameters { string(name: 'A'); text(name: 'B'); booleanParam(name: 'C'); password(name: 'D'); choice(name: 'E', choices: ['x', 'y']); choice(name: 'F', choices: 'p\\nq') }"),
			"[{A string []} {B text []} {C booleanParam []} {D password []} {E choice [x y]} {F choice [p q]}] true",
		},
		"computed": {
			"def n = 'A'\n" + with("parameters { string(name: n); choice(name: 'B', choices: [n, 'y']) }"),
			"[{B choice []}] false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, errs := jenkinsfile.Parse([]byte(c.src))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			list, complete := file.Pipeline.Declared()
			if got := fmt.Sprint(list, complete); got != c.want {
				t.Errorf("declared %s, want %s", got, c.want)
			}
		})
	}
}

package arch

import (
	"slices"
	"strings"
)

// Right is one line of the table of imports, for documents.
type Right struct {
	Folder  string   // "integrations/*": any folder there
	Own     []string // folders of this module; "..." is all of it
	Modules []string // third-party modules
}

// Rights gives the table that CheckImports goes by, without the folders of tests,
// in its order.
func Rights() []Right {
	var out []Right
	for _, r := range rules() {
		if r.dir == "test" || strings.HasPrefix(r.dir, "test/") || strings.HasSuffix(r.dir, "test") {
			continue
		}
		out = append(out, Right{Folder: r.dir, Own: slices.Clone(r.own), Modules: slices.Clone(r.modules)})
	}
	return out
}

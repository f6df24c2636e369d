// Package fileset finds files in a build's workspace by the patterns that Ant
// and Jenkins use, and archives them into a content-addressed store.
//
// Everything goes through an *os.Root: a symbolic link that leads out of the
// workspace is treated as if it weren't there. Jenkins would follow it, but its
// agents don't hold other projects' files.
package fileset

import (
	"slices"
	"strings"
)

// Set is one selection of files: what the patterns include less what they
// exclude. The zero Set holds no pattern, which, as for Ant, means every file
// that the default excludes don't drop.
type Set struct {
	// Includes are the patterns of which a file must match one.
	Includes []Pattern
	// Excludes are the patterns of which a file must match none.
	Excludes []Pattern
	// NoDefaultExcludes keeps what DefaultExcludes would drop, as Jenkins does
	// for defaultExcludes: false.
	NoDefaultExcludes bool
	// FoldCase compares without regard to case, as caseSensitive: false.
	FoldCase bool
}

// Parse builds a Set from two lists as they stand in a Jenkinsfile. Patterns
// are separated by commas alone: Jenkins gave up blanks as separators long ago,
// so `my dir/*.txt` is one pattern. Hint tells whoever still uses them.
func Parse(includes, excludes string) Set {
	return Set{Includes: parseList(includes), Excludes: parseList(excludes)}
}

// Matches reports whether the set selects the slash-separated relative path of
// a file. It looks at names only.
func (s Set) Matches(path string) bool {
	return s.matchPath(splitPath(path))
}

func (s Set) matchPath(path []string) bool {
	return s.included(path) && !s.excluded(path)
}

func (s Set) included(path []string) bool {
	if len(s.Includes) == 0 {
		return true
	}
	return s.anyOf(s.Includes, path)
}

func (s Set) excluded(path []string) bool {
	if s.anyOf(s.Excludes, path) {
		return true
	}
	return !s.NoDefaultExcludes && s.anyOf(defaultExcludes(), path)
}

func (s Set) anyOf(patterns []Pattern, path []string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.match(path, s.FoldCase) })
}

// worthEntering reports whether a folder may hold a selected file.
func (s Set) worthEntering(dir []string) bool {
	if s.prunes(s.Excludes, dir) || !s.NoDefaultExcludes && s.prunes(defaultExcludes(), dir) {
		return false
	}
	if len(s.Includes) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Includes, func(p Pattern) bool { return p.mayMatchBelow(dir, s.FoldCase) })
}

// prunes reports whether an exclude takes away everything below dir: .git may
// hold more files than the rest of the workspace.
func (s Set) prunes(excludes []Pattern, dir []string) bool {
	return slices.ContainsFunc(excludes, func(p Pattern) bool { return p.coversBelow(dir, s.FoldCase) })
}

// DefaultExcludes lists what Ant 1.10 leaves out unless told otherwise: the
// leavings of editors and version control. Other dot files stay in.
func DefaultExcludes() []string {
	return []string{
		"**/*~", "**/#*#", "**/.#*", "**/%*%", "**/._*",
		"**/CVS", "**/CVS/**", "**/.cvsignore",
		"**/SCCS", "**/SCCS/**", "**/vssver.scc",
		"**/.svn", "**/.svn/**",
		"**/.git", "**/.git/**", "**/.gitattributes", "**/.gitignore", "**/.gitmodules",
		"**/.hg", "**/.hg/**", "**/.hgignore", "**/.hgsub", "**/.hgsubstate", "**/.hgtags",
		"**/.bzr", "**/.bzr/**", "**/.bzrignore",
		"**/.DS_Store",
	}
}

func parseList(list string) []Pattern {
	var patterns []Pattern
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		patterns = append(patterns, ParsePattern(strings.TrimSpace(item)))
	}
	return patterns
}

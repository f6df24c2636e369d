package fileset

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const anyDepth = "**"

// Pattern is one Ant pattern: `*` is any run of characters within a name, `?`
// one character, and a name of `**` any number of folders.
type Pattern struct {
	text     string
	parts    []string
	absolute bool
}

// ParsePattern reads one pattern. A backslash separates names as a slash does;
// a separator at the end stands for everything below. A pattern that begins
// with a separator matches nothing, because found paths are relative.
func ParsePattern(text string) Pattern {
	slashed := strings.ReplaceAll(text, `\`, "/")
	if strings.HasSuffix(slashed, "/") {
		slashed += anyDepth
	}
	return Pattern{text: text, parts: splitPath(slashed), absolute: strings.HasPrefix(slashed, "/")}
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Match reports whether the slash-separated relative path fits the pattern.
func (p Pattern) Match(path string) bool {
	return p.match(splitPath(path), false)
}

// match walks both lists with one point to fall back to, the last `**`: as the
// earliest fit of what stands between two `**` leaves most to the rest, no
// other point needs to be remembered, and the work stays below the product of
// the two lengths.
func (p Pattern) match(path []string, fold bool) bool {
	if p.absolute {
		return false
	}
	i, j := 0, 0
	star, mark := -1, 0
	for j < len(path) {
		switch {
		case i < len(p.parts) && p.parts[i] == anyDepth:
			star, mark = i, j
			i++
		case i < len(p.parts) && matchName(p.parts[i], path[j], fold):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return onlyAnyDepth(p.parts[i:])
}

// mayMatchBelow reports whether a path that starts with dir could still match.
func (p Pattern) mayMatchBelow(dir []string, fold bool) bool {
	if p.absolute {
		return false
	}
	for i, name := range dir {
		if i >= len(p.parts) {
			return false
		}
		if p.parts[i] == anyDepth {
			return true
		}
		if !matchName(p.parts[i], name, fold) {
			return false
		}
	}
	return len(p.parts) > len(dir)
}

// coversBelow reports whether every path below dir matches.
func (p Pattern) coversBelow(dir []string, fold bool) bool {
	last := len(p.parts) - 1
	return last >= 0 && p.parts[last] == anyDepth && p.match(dir, fold)
}

func onlyAnyDepth(parts []string) bool {
	for _, part := range parts {
		if part != anyDepth {
			return false
		}
	}
	return true
}

// matchName fits one name against one part, with the same single fallback as
// match. Names need not be UTF-8; a stray byte counts as a character.
func matchName(pattern, name string, fold bool) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for j < len(name) {
		n, size := utf8.DecodeRuneInString(name[j:])
		if i < len(pattern) && pattern[i] == '*' {
			star, mark = i, j
			i++
			continue
		}
		if i < len(pattern) {
			c, width := utf8.DecodeRuneInString(pattern[i:])
			if c == '?' || sameRune(c, n, width == 1 && size == 1, pattern[i], name[j], fold) {
				i += width
				j += size
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, skip := utf8.DecodeRuneInString(name[mark:])
		mark += skip
		i, j = star+1, mark
	}
	return strings.Trim(pattern[i:], "*") == ""
}

// sameRune compares two characters. Two stray bytes decode to the same
// replacement rune, so single bytes are compared as bytes.
func sameRune(a, b rune, single bool, x, y byte, fold bool) bool {
	if a == utf8.RuneError && b == utf8.RuneError && single {
		return x == y
	}
	if a == b {
		return true
	}
	return fold && unicode.ToLower(a) == unicode.ToLower(b)
}

// splitPath cuts a path into its names; empty names don't count.
func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// defaultExcludes parses DefaultExcludes once, on first use.
//
//nolint:gochecknoglobals // a constant that Go cannot spell as one
var defaultExcludes = sync.OnceValue(func() []Pattern {
	var patterns []Pattern
	for _, text := range DefaultExcludes() {
		patterns = append(patterns, ParsePattern(text))
	}
	return patterns
})

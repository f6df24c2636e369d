package gitpush

import (
	"path"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
)

// CheckBranch tells whether git accepts name as a branch (git-check-ref-format)
// and whether it is at most 200 bytes of UTF-8. CodeInvalid otherwise.
func CheckBranch(name string) error {
	bad := name == "" || len(name) > 200 || !utf8.ValidString(name) || name == "@" || name == "HEAD" ||
		strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") ||
		strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f")
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	for _, r := range name {
		bad = bad || r < 0x20
	}
	if bad {
		return bot.Errorf(bot.CodeInvalid, "%q is not a name that git accepts for a branch.", bot.Escape(bot.Shorten(name, 60)))
	}
	return nil
}

// checkPath refuses what git itself refuses in a tree, and what could leave the
// working copy or reach its .git folder on any system.
func checkPath(p string) error {
	bad := p == "" || p == "." || len(p) > 4096 || !utf8.ValidString(p) || path.IsAbs(p) ||
		path.Clean(p) != p || strings.ContainsAny(p, "\\\x00")
	for part := range strings.SplitSeq(p, "/") {
		low := strings.ToLower(strings.TrimRight(part, ". "))
		bad = bad || part == ".." || low == ".git" || low == "git~1" || strings.HasPrefix(low, ".git:") || len(part) > 255
	}
	for _, r := range p {
		bad = bad || r < 0x20 || r == 0x7f || (r >= 0x200b && r <= 0x200f) // HFS+ ignores these inside ".git"
	}
	if bad {
		return bot.Errorf(bot.CodeInvalid, "The path %q cannot be committed.", bot.Escape(bot.Shorten(p, 100)))
	}
	return nil
}

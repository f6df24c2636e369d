package fileset

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// hintEntries is how many files Jenkins looks at for a hint before it gives up.
const hintEntries = 10_000

// Hint says why a list of patterns finds nothing below dir, in Jenkins' words:
// for the first pattern without a match it proposes the nearest one that has
// one, or names the part that doesn't exist. It is "" when every pattern
// matches something, and when the workspace is too large to be sure.
func Hint(ctx context.Context, root *os.Root, dir, patterns string, foldCase bool) string {
	if strings.HasPrefix(patterns, "~") {
		return "‘~’ is only supported in a Unix shell and nowhere else."
	}
	a := adviser{ctx: ctx, root: root, dir: dir, fold: foldCase}
	for item := range strings.SplitSeq(patterns, ",") {
		mask := strings.TrimSpace(item)
		if item == "" || a.matches(mask, foldCase) {
			continue
		}
		text := a.advise(mask)
		if a.lost {
			return ""
		}
		return text
	}
	return ""
}

type adviser struct {
	ctx  context.Context //nolint:containedctx // lives for one hint
	root *os.Root
	dir  string
	fold bool
	lost bool
}

// advise tries the usual mistakes in Jenkins' order: case, blanks as
// separators, too deep a base folder, too high a base folder.
func (a *adviser) advise(mask string) string {
	if !a.fold && a.matches(mask, true) {
		return fmt.Sprintf("‘%s’ doesn’t match anything because it is treated case sensitively. "+
			"You can deactivate case sensitivity to get matches", mask)
	}
	if a.blanksSeparate(mask) {
		return "Whitespace can no longer be used as the separator. Please Use ‘,’ as the separator instead."
	}
	better := a.shorter(mask)
	if better == "" {
		better = a.longer(mask)
	}
	if better != "" {
		return fmt.Sprintf("‘%s’ doesn’t match anything, but ‘%s’ does. Perhaps that’s what you mean?", mask, better)
	}
	return a.existingPart(mask)
}

func (a *adviser) blanksSeparate(mask string) bool {
	if !strings.Contains(mask, " ") {
		return false
	}
	for _, word := range strings.Fields(mask) {
		if !a.matches(word, a.fold) {
			return false
		}
	}
	return true
}

// shorter drops folders at the front until the rest matches.
func (a *adviser) shorter(mask string) string {
	for rest := mask; ; {
		i := strings.IndexAny(rest, `/\`)
		if i < 0 {
			return ""
		}
		if rest = rest[i+1:]; a.matches(rest, a.fold) {
			return rest
		}
	}
}

// longer looks for the mask anywhere below and names the folder to begin at.
func (a *adviser) longer(mask string) string {
	set := Parse("**/"+mask, "")
	set.FoldCase = a.fold
	found, err := Find(a.ctx, a.root, a.dir, set, Limits{Entries: hintEntries, Files: hintEntries})
	if err != nil {
		a.lost = true
		return ""
	}
	slices.SortFunc(found, func(x, y string) int { return cmp.Compare(len(x), len(y)) })
	if len(found) > 1 {
		found = found[:1] // the shortest is the one to propose; the rest only cost
	}
	for _, name := range found {
		for i, c := range name {
			if c == '/' && a.matches(name[:i+1]+mask, a.fold) {
				return name[:i+1] + mask
			}
		}
	}
	return ""
}

// existingPart compares the whole with its first folder. Jenkins cuts at the
// first separator, not at the last, and so do we.
func (a *adviser) existingPart(mask string) string {
	i := strings.IndexAny(mask, `/\`)
	if i < 0 {
		return fmt.Sprintf("‘%s’ doesn’t match anything", mask)
	}
	if first := mask[:i]; a.matches(first, a.fold) {
		return fmt.Sprintf("‘%s’ doesn’t match anything: ‘%s’ exists but not ‘%s’", mask, first, mask)
	}
	return fmt.Sprintf("‘%s’ doesn’t match anything: even ‘%s’ doesn’t exist", mask, mask[:i])
}

// matches reports whether any file or folder fits; here, other than in Find,
// the base folder itself counts and nothing is excluded by default.
func (a *adviser) matches(mask string, fold bool) bool {
	pattern := ParsePattern(mask)
	if pattern.match(nil, fold) {
		return true
	}
	hit := false
	set := Set{Includes: []Pattern{pattern}, NoDefaultExcludes: true, FoldCase: fold}
	err := walk(a.ctx, a.root, a.dir, Limits{Entries: hintEntries}.withDefaults(), set.worthEntering,
		func(names []string, _ bool) error {
			if pattern.match(names, fold) {
				hit = true
				return errStop
			}
			return nil
		})
	a.lost = a.lost || err != nil
	return hit
}

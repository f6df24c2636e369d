package blueprints

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a path in a tree.
const (
	maxPath    = 1000 // bytes
	maxSegment = 200  // bytes
)

// checkPath refuses a path that would leave the tree, mean something else on
// another system, or touch git's own files.
func checkPath(p string) error {
	switch {
	case p == "" || len(p) > maxPath:
		return fmt.Errorf("path %q: must have 1 to %d bytes", cut(p), maxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("path %q: is not valid UTF-8", cut(p))
	}
	for _, r := range p {
		// Format characters are ignored by some file systems: ".g<ZWNJ>it".
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`\:*?"<>|`, r) {
			return fmt.Errorf("path %q: the character %q is not allowed", p, r)
		}
	}
	if strings.HasPrefix(p, "/") || path.Clean(p) != p {
		return fmt.Errorf("path %q: must be relative and clean", p)
	}
	for segment := range strings.SplitSeq(p, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("path %q: %w", p, err)
		}
	}
	return nil
}

func checkSegment(s string) error {
	lower := strings.ToLower(s)
	switch {
	case s == "." || s == "..":
		return errors.New("leaves the tree")
	case lower == ".git" || strings.HasPrefix(lower, "git~"):
		return errors.New("git's own folder is not part of a tree")
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " ") || strings.HasPrefix(s, " "):
		return errors.New("a name must not start or end with a space, nor end with a dot")
	case len(s) > maxSegment:
		return fmt.Errorf("a name must not have more than %d bytes", maxSegment)
	}
	return nil
}

func cut(s string) string { return s[:min(len(s), 80)] }

// pathSet collects the paths of a tree and refuses those that are one and the
// same where case makes no difference, or that are both a file and a folder.
type pathSet struct {
	spelling map[string]string // folded path -> path, files and folders
	files    map[string]bool   // folded
}

func newPathSet() *pathSet {
	return &pathSet{spelling: map[string]string{}, files: map[string]bool{}}
}

func (s *pathSet) add(p string) error {
	if err := checkPath(p); err != nil {
		return err
	}
	folded := fold(p)
	if other, ok := s.spelling[folded]; ok {
		return fmt.Errorf("path %q: there is %q already", p, other)
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		f := fold(dir)
		if s.files[f] {
			return fmt.Errorf("path %q: %q is a file", p, s.spelling[f])
		}
		if other, ok := s.spelling[f]; ok && other != dir {
			return fmt.Errorf("path %q: there is a folder %q already", p, other)
		}
		s.spelling[f] = dir
	}
	s.spelling[folded] = p
	s.files[folded] = true
	return nil
}

// fold maps texts that differ only in case to the same text. ToLower alone
// would keep the Kelvin sign and k apart.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

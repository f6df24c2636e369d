package localci

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"opsbot/integrations/localci/engine"
)

const (
	// maxChanges is how many commits between two builds are looked at.
	maxChanges = 100
	// maxPaths is how many paths of one commit are.
	maxPaths = 10_000
)

// changes lists the commits between two, the newest first. Merges are left out, as in
// Jenkins' change log: what they bring is listed itself. What can't be read is no
// change; the build does not depend on it.
func (s *source) changes(from, to string) []engine.Change {
	newer, err := s.commit(to)
	if err != nil || from == to {
		return nil
	}
	older, err := s.commit(from)
	if err != nil {
		return nil
	}
	var all []engine.Change
	seen := map[plumbing.Hash]bool{older.Hash: true} // and by that, on a straight history, all before it
	looked := 0
	_ = object.NewCommitPreorderIter(newer, seen, nil).ForEach(func(c *object.Commit) error {
		if c.NumParents() <= 1 {
			all = append(all, engine.Change{Message: c.Message, Paths: pathsOf(c)})
		}
		if looked++; looked == maxChanges {
			return storer.ErrStop
		}
		return nil
	})
	return all
}

// pathsOf lists what a commit added, changed or removed; a file that was renamed by
// both names.
func pathsOf(c *object.Commit) []string {
	tree, err := c.Tree()
	if err != nil {
		return nil
	}
	var before *object.Tree // nil for none
	if parent, err := c.Parent(0); err == nil {
		if before, err = parent.Tree(); err != nil {
			return nil
		}
	}
	diff, err := object.DiffTree(before, tree)
	if err != nil {
		return nil
	}
	var paths []string
	for _, d := range diff[:min(len(diff), maxPaths)] {
		for _, name := range []string{d.From.Name, d.To.Name} {
			if name != "" {
				paths = append(paths, name)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

package fileset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Limits bound one search or one archiving. A zero field means its default.
type Limits struct {
	// Entries is how many files and folders a search looks at; default 1,000,000.
	Entries int
	// Files is how many files may be selected; default 20,000.
	Files int
	// Bytes is how large all selected files may be together; default 2 GiB.
	Bytes int64
	// Depth is how many folders may lie inside each other; default 200.
	Depth int
}

// Errors of a search or an archiving that went beyond its Limits.
var (
	ErrTooManyEntries = errors.New("too many files in the workspace")
	ErrTooManyFiles   = errors.New("too many files match")
	ErrTooLarge       = errors.New("the matching files are too large")
)

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	if l.Files == 0 {
		l.Files = 20_000
	}
	if l.Bytes == 0 {
		l.Bytes = 2 << 30
	}
	if l.Depth == 0 {
		l.Depth = 200
	}
	return l
}

// Find lists the regular files below dir that the set selects, as sorted
// slash-separated paths relative to dir. dir is relative to root; "" is root
// itself. A dir that doesn't exist holds no files and is no error. Links within
// root are followed, links out of it are passed over.
func Find(ctx context.Context, root *os.Root, dir string, set Set, limits Limits) ([]string, error) {
	var found []string
	limits = limits.withDefaults()
	err := walk(ctx, root, dir, limits, set.worthEntering, func(names []string, isDir bool) error {
		if isDir || !set.matchPath(names) {
			return nil
		}
		if len(found) == limits.Files {
			return fmt.Errorf("find files: %w (limit %d)", ErrTooManyFiles, limits.Files)
		}
		found = append(found, path.Join(names...))
		return nil
	})
	slices.Sort(found)
	return found, err
}

// errStop ends a walk early without being a failure.
var errStop = errors.New("stop")

// walk visits what lies below dir, folders before their contents. enter says
// which folders are worth opening.
func walk(ctx context.Context, root *os.Root, dir string, limits Limits,
	enter func([]string) bool, visit func(names []string, isDir bool) error,
) error {
	w := walker{ctx: ctx, root: root, base: path.Join(".", dir), limits: limits, enter: enter, visit: visit}
	info, err := root.Stat(w.base)
	if err != nil || !info.IsDir() {
		return nil //nolint:nilerr // what isn't there holds no files
	}
	if err := w.folder(nil, []fs.FileInfo{info}); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

type walker struct {
	ctx    context.Context //nolint:containedctx // lives for one walk
	root   *os.Root
	base   string
	limits Limits
	seen   int
	enter  func([]string) bool
	visit  func([]string, bool) error
}

// folder lists one folder. above holds the folders on the way down, so that a
// link to one of them doesn't lead round in circles.
func (w *walker) folder(names []string, above []fs.FileInfo) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := w.list(path.Join(w.base, path.Join(names...)))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.entry(append(slices.Clip(names), entry.Name()), entry, above); err != nil {
			return err
		}
	}
	return nil
}

// list reads one folder piece by piece, so that a folder made to be too large
// is given up before it fills the memory. It closes the folder before anybody
// goes further down: open files are scarce.
func (w *walker) list(dir string) ([]fs.DirEntry, error) {
	const piece = 4096
	f, err := w.root.Open(dir)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	var all []fs.DirEntry
	for {
		some, err := f.ReadDir(piece)
		all = append(all, some...)
		if w.seen += len(some); w.seen > w.limits.Entries {
			return nil, fmt.Errorf("find files: %w (limit %d)", ErrTooManyEntries, w.limits.Entries)
		}
		if errors.Is(err, io.EOF) {
			slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			return all, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
	}
}

func (w *walker) entry(names []string, entry fs.DirEntry, above []fs.FileInfo) error {
	if entry.Type().IsRegular() {
		return w.visit(names, false)
	}
	if !entry.IsDir() && entry.Type()&fs.ModeSymlink == 0 {
		return nil
	}
	info, err := w.root.Stat(path.Join(w.base, path.Join(names...)))
	if err != nil {
		return nil //nolint:nilerr // a link to nowhere or out of the workspace
	}
	if info.Mode().IsRegular() {
		return w.visit(names, false)
	}
	if !info.IsDir() || slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return nil
	}
	if err := w.visit(names, true); err != nil {
		return err
	}
	if len(names) > w.limits.Depth || !w.enter(names) {
		return nil
	}
	return w.folder(names, append(slices.Clip(above), info))
}

// unreadable passes over folders that vanished or that the build closed to us;
// they hold nothing that could be taken.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return fmt.Errorf("find files: %w", err)
}

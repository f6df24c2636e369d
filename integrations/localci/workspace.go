package localci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// workspaces hands out the folders that builds work in. A branch keeps its folder
// from build to build; whoever comes while it is in use gets a second one, as on
// Jenkins. It is safe for concurrent use.
type workspaces struct {
	dir  string
	mu   sync.Mutex
	used map[string]bool
}

func newWorkspaces(dir string) *workspaces {
	return &workspaces{dir: dir, used: map[string]bool{}}
}

// workspace is one folder in use. Index is 1 for the branch's own and counts up
// for those that Jenkins calls name@2 and so on.
type workspace struct {
	Index int
	path  string
	owner *workspaces
	// root is files(), tempRoot temp(), opened before anything of a build runs.
	root, tempRoot *os.Root
}

// files is what the build sees as its workspace, temp its companion, whose name
// is the workspace's with "@tmp" behind it, with a sandbox or without.
func (w *workspace) files() string { return filepath.Join(w.path, "files") }

func (w *workspace) temp() string { return w.files() + "@tmp" }

// take gives the first free folder of the branch, emptied if fresh says so of its
// path.
func (w *workspaces) take(job, branch string, fresh func(path string) bool) (*workspace, error) {
	base := filepath.Join(w.dir, folderName(job), folderName(branch))
	space := &workspace{owner: w}
	w.mu.Lock()
	for index := 1; ; index++ {
		space.Index, space.path = index, filepath.Join(base, strconv.Itoa(index))
		if !w.used[space.path] {
			break
		}
	}
	w.used[space.path] = true
	w.mu.Unlock()
	if err := space.open(fresh(space.path)); err != nil {
		space.release()
		return nil, fmt.Errorf("localci: prepare workspace: %w", err)
	}
	return space, nil
}

func (w *workspace) open(fresh bool) error {
	if fresh {
		if err := removeTree(w.path); err != nil {
			return err
		}
	}
	if err := removeTree(w.temp()); err != nil {
		return err
	}
	for _, dir := range []string{w.files(), w.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var err error
	if w.root, err = os.OpenRoot(w.files()); err != nil {
		return err
	}
	w.tempRoot, err = os.OpenRoot(w.temp())
	return err
}

func (w *workspace) release() {
	for _, root := range []*os.Root{w.root, w.tempRoot} {
		if root != nil {
			_ = root.Close()
		}
	}
	w.owner.mu.Lock()
	defer w.owner.mu.Unlock()
	delete(w.owner.used, w.path)
}

// remove deletes the workspaces of a branch unless one is in use.
func (w *workspaces) remove(job, branch string) error {
	base := filepath.Join(w.dir, folderName(job), folderName(branch))
	w.mu.Lock()
	defer w.mu.Unlock()
	for path := range w.used {
		if filepath.Dir(path) == base {
			return nil
		}
	}
	return removeTree(base)
}

// discard deletes the workspace at path unless it is in use.
func (w *workspaces) discard(path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.used[path] {
		return nil
	}
	return removeTree(path)
}

// removeTree removes what a build left, folders without permissions included
// (Go's module cache is read-only). Links are never followed.
func removeTree(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	if err := openUp(root, filepath.Base(path)); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// openUp gives us permission to all folders below name.
func openUp(root *os.Root, name string) error {
	return fs.WalkDir(root.FS(), name, func(name string, e fs.DirEntry, _ error) error {
		if e == nil || !e.IsDir() {
			return nil
		}
		return root.Chmod(name, 0o700)
	})
}

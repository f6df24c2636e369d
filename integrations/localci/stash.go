package localci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
)

// maxStashes bounds what one build keeps in stashes, in bytes.
const maxStashes = 2 << 30

// stashes are the files that one attempt keeps between its stages, each stash an
// archive in a folder that no build sees. The zero value is empty. It is safe for
// concurrent use; stash steps of parallel stages take turns.
type stashes struct {
	mu     sync.Mutex
	folder string // "" before the first
	byName map[string]stashed
}

type stashed struct {
	path string
	size int64
}

// Stash keeps files of the workspace until the build's end.
func (n *node) Stash(ctx context.Context, step engine.StashStep) (files int, replaced bool, err error) {
	dir, err := n.relative(step.Dir)
	if err != nil {
		return 0, false, err
	}
	set := fileset.Parse(step.Includes, step.Excludes)
	set.NoDefaultExcludes = step.NoDefaultExcludes
	files, replaced, err = n.host.stash(step.Name, step.AllowEmpty, func(f *os.File, room int64) (int, error) {
		return fileset.Pack(ctx, n.m.space.root, dir, set, f, fileset.Limits{Bytes: room})
	})
	return files, replaced, n.host.own(failure(err))
}

// Unstash lays the files of a stash into the workspace.
func (n *node) Unstash(ctx context.Context, name, dir string) (found bool, err error) {
	below, err := n.relative(dir)
	if err != nil {
		return false, err
	}
	st := &n.host.stashes
	st.mu.Lock()
	defer st.mu.Unlock()
	kept, found := st.byName[name]
	if !found {
		return false, nil
	}
	f, err := os.Open(kept.path)
	if err != nil {
		return true, fmt.Errorf("localci: open stash: %w", err)
	}
	defer f.Close()
	return true, n.host.own(fileset.Unpack(ctx, n.m.space.root, below, f))
}

// stash lets pack write a stash, with room for so many bytes, and puts it in the
// place of one of that name. What has no files is kept only if it may be empty.
func (r *run) stash(name string, empty bool, pack func(f *os.File, room int64) (int, error)) (files int, replaced bool, err error) {
	st := &r.stashes
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.folder == "" {
		if st.folder, err = os.MkdirTemp(filepath.Join(r.s.env.Dir, "stashes"), "build-"); err != nil {
			return 0, false, fmt.Errorf("localci: make folder for stashes: %w", err)
		}
		st.byName = map[string]stashed{}
	}
	room := int64(maxStashes)
	for other, kept := range st.byName {
		if other != name {
			room -= kept.size
		}
	}
	f, err := os.CreateTemp(st.folder, "stash-")
	if err != nil {
		return 0, false, fmt.Errorf("localci: make stash: %w", err)
	}
	files, err = pack(f, max(room, 1))
	info, problem := f.Stat()
	err = errors.Join(err, problem, f.Close())
	old, replaced := st.byName[name]
	if err != nil {
		return 0, replaced, errors.Join(err, os.Remove(f.Name()))
	}
	if replaced {
		delete(st.byName, name)
		err = os.Remove(old.path)
	}
	if files == 0 && !empty {
		return 0, replaced, errors.Join(err, os.Remove(f.Name()))
	}
	st.byName[name] = stashed{path: f.Name(), size: info.Size()}
	return files, replaced, err
}

// dropStashes removes what the attempt has stashed.
func (r *run) dropStashes() {
	r.stashes.mu.Lock()
	defer r.stashes.mu.Unlock()
	if r.stashes.folder == "" {
		return
	}
	if err := os.RemoveAll(r.stashes.folder); err != nil {
		r.s.env.Log.Warn("remove stashes", "build", buildKey(r.build.Ref), "error", err)
	}
}

// dropStashes removes what attempts have stashed that an earlier process began.
func (s *Service) dropStashes() {
	left, err := filepath.Glob(filepath.Join(s.env.Dir, "stashes", "build-*"))
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		s.env.Log.Warn("remove stashes of earlier builds", "error", err)
	}
}

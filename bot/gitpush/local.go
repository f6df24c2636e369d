package gitpush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"opsbot/bot"
)

const (
	errNoSpace = syscall.ENOSPC
	errQuota   = syscall.EDQUOT
)

// pushLocal writes pack, index and branch in the order in which git does, each
// synced before the next: killed in between, the repository is whole and a repeat
// completes it.
func pushLocal(ctx context.Context, dir string, c *commit) error {
	if _, err := os.Stat(filepath.Join(dir, "objects")); err != nil {
		return unlessFull(err, c)
	}
	if done, err := lookLocal(dir, c); done || err != nil {
		return err
	}
	pack, sum, err := c.pack()
	if err != nil {
		return err
	}
	index, err := indexOf(pack)
	if err != nil {
		return fmt.Errorf("gitpush: index pack of %s: %w", c.name, err)
	}
	if ctx.Err() != nil {
		return bot.Errorf(bot.CodeUnavailable, "The push to %s took too long.", c.name).Because(ctx.Err()).Backoff()
	}
	packs := filepath.Join(dir, "objects", "pack")
	if err := os.MkdirAll(packs, 0o755); err != nil {
		return unlessFull(err, c)
	}
	base := filepath.Join(packs, "pack-"+sum.String())
	if err := writeSynced(base+".pack", pack, 0o444); err != nil {
		return unlessFull(err, c)
	}
	if err := writeSynced(base+".idx", index, 0o444); err != nil {
		return unlessFull(err, c)
	}
	return setBranch(dir, c)
}

// lookLocal reports whether the branch has the commit already; CodeConflict when
// it has another, or when a branch's name stands in the way. It reads the files
// itself: go-git takes the lock of a git that runs beside us for a branch.
func lookLocal(dir string, c *commit) (done bool, err error) {
	want := c.ref().String()
	path := filepath.Join(dir, filepath.FromSlash(want))
	loose, err := os.ReadFile(path)
	switch {
	case err == nil && strings.TrimSpace(string(loose)) == c.hash.String():
		return true, nil
	case err == nil, errors.Is(err, syscall.ENOTDIR):
		return false, occupied(c)
	case errors.Is(err, syscall.EISDIR) && holdsRefs(path):
		return false, occupied(c)
	}
	packed, err := os.ReadFile(filepath.Join(dir, "packed-refs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, unlessFull(err, c)
	}
	for line := range strings.Lines(string(packed)) {
		hash, have, _ := strings.Cut(strings.TrimSpace(line), " ")
		if have == want && hash == c.hash.String() {
			return true, nil
		}
		if have == want || strings.HasPrefix(have, want+"/") || have != "" && strings.HasPrefix(want, have+"/") {
			return false, occupied(c)
		}
	}
	return false, nil
}

// holdsRefs reports whether any branch is below the folder; git leaves empty ones.
func holdsRefs(dir string) bool {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return fs.ErrExist
	})
	return err != nil
}

// setBranch creates the branch under the lock file that the git program honours too.
func setBranch(dir string, c *commit) error {
	ref := filepath.Join(dir, filepath.FromSlash(c.ref().String()))
	if err := os.MkdirAll(filepath.Dir(ref), 0o755); err != nil {
		return unlessFull(err, c)
	}
	lock, err := os.OpenFile(ref+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // the mode that git gives its refs
	if errors.Is(err, os.ErrExist) {
		return bot.Errorf(bot.CodeUnavailable, "The branch %s of %s is being changed by somebody else just now.",
			bot.Escape(c.branch), c.name).Because(err).Backoff()
	}
	if err != nil {
		return unlessFull(err, c)
	}
	done, err := lookLocal(dir, c)
	if done || err != nil {
		_ = lock.Close()
		_ = os.Remove(lock.Name())
		return err
	}
	removeEmpty(ref)
	if err := finish(lock, []byte(c.hash.String()+"\n"), ref); err != nil {
		return unlessFull(err, c)
	}
	return nil
}

// removeEmpty removes the folders that git leaves where branches below a name were;
// anything else stays, and the rename fails.
func removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		removeEmpty(filepath.Join(dir, e.Name()))
	}
	_ = os.Remove(dir) // fails unless empty, as it should
}

// writeSynced replaces path by content in one step.
func writeSynced(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "tmp_opsbot_")
	if err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return finish(f, content, path)
}

// finish writes f, syncs it, gives it its name and syncs the folder.
func finish(f *os.File, content []byte, path string) error {
	_, err := f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// indexOf gives the pack's index. It also reads the pack back, so that what is
// written is known to be readable.
func indexOf(pack []byte) ([]byte, error) {
	var writer idxfile.Writer
	parser, err := packfile.NewParser(packfile.NewScanner(bytes.NewReader(pack)), &writer)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(); err != nil {
		return nil, err
	}
	index, err := writer.Index()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := idxfile.NewEncoder(&out).Encode(index); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

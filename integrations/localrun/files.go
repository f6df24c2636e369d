package localrun

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"opsbot/bot"
	"opsbot/integrations/localrun/unpack"
)

// unpackLimits bound what one release may become on disk.
func unpackLimits() unpack.Limits { return unpack.Limits{Bytes: 4 << 30, Entries: 200_000} }

// versionDir is where a release's files are. They are as good as the disk's cache:
// after a power cut a folder may be there with empty files in it. So a folder counts
// only for this run of the machine; later it is laid out anew from the blobs, which
// are safe on disk.
func (s *Service) versionDir(r release) string {
	return filepath.Join(s.env.Dir, "versions", s.folder(r))
}

func (s *Service) folder(r release) string { return r.folder() + "-" + s.boot }

// bootID names this run of the machine; without /proc, this process.
func bootID(owner string) string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		b = []byte(owner)
	}
	sum := sha256.Sum256(bytes.TrimSpace(b))
	return hex.EncodeToString(sum[:4])
}

// unpack lays out a release's files, unless they are there from an earlier time.
func (s *Service) unpack(ctx context.Context, r release) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	dir := s.versionDir(r)
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, a := range r.Artifacts {
		if err := s.unpackOne(ctx, tmp, r, a); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // below a 0700 folder; the sandbox's user must enter
		return err
	}
	return os.Rename(tmp, dir)
}

// unpackOne lays out one artifact: the archive that was asked for, or a file of a
// folder, which keeps its place below it.
func (s *Service) unpackOne(ctx context.Context, dir string, r release, a bot.Artifact) error {
	content, err := s.env.Blobs.Open(ctx, a.Digest)
	if err != nil {
		return fmt.Errorf("open artifact %s: %w", a.Name, err)
	}
	defer content.Close()
	// Reading to the end first is what checks the content against its digest.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return fmt.Errorf("read artifact %s: %w", a.Name, err)
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read artifact %s: %w", a.Name, err)
	}
	below, ok := strings.CutPrefix(a.Name, strings.TrimSuffix(r.Spec.Artifact, "/")+"/")
	if !ok {
		return unpack.Into(dir, a.Name, content, unpackLimits())
	}
	return unpack.File(dir, below, content, unpackLimits())
}

// collect removes the files of releases that no app needs any more and what an
// interrupted unpacking left.
func (s *Service) collect(ctx context.Context) {
	s.disk.Lock()
	defer s.disk.Unlock()
	needed, err := s.needed(ctx)
	if err != nil {
		return // the next deployment tries again
	}
	entries, err := os.ReadDir(filepath.Join(s.env.Dir, "versions"))
	if err != nil {
		return
	}
	for _, e := range entries {
		if !needed[e.Name()] {
			if err := os.RemoveAll(filepath.Join(s.env.Dir, "versions", e.Name())); err != nil {
				s.env.Log.Warn("an old version stays on disk", "error", err)
			}
		}
	}
}

// needed lists the folders of all releases that are wanted, kept or on their way.
func (s *Service) needed(ctx context.Context) (map[string]bool, error) {
	all, err := s.apps(ctx)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, a := range all {
		if a.Desired != nil {
			needed[s.folder(*a.Desired)] = true
		}
		for _, r := range a.History {
			needed[s.folder(r)] = true
		}
		if a.Pending == "" {
			continue
		}
		d, err := s.loadDeployment(ctx, a.Pending)
		if err != nil {
			return nil, err
		}
		if d != nil {
			needed[s.folder(d.Release)] = true
		}
	}
	return needed, nil
}

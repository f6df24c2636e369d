package localgit

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLeftoversOfKilledGits are removed where nobody is at work, so that the next
// push goes through.
func TestLeftoversOfKilledGits(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	dir := w.copyOf(r)
	w.git(dir, "push", "-q", "origin", "main")
	repo := w.forge.repoPath(r.ExternalID)
	litter := []string{"refs/heads/main.lock", "refs/heads/feature/x.lock", "packed-refs.lock", "objects/tmp_objdir-incoming-abc/pack/x", "objects/pack/tmp_pack_1"}
	for _, name := range litter {
		path := filepath.Join(repo, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	w.commit(dir, "b", "B")
	if out, err := w.tryGit(dir, "push", "origin", "main"); err == nil {
		t.Fatalf("the lock does not matter: %s", out)
	}
	busy, err := w.forge.lockShared(r.ExternalID) // as a git does that outlived OpsBot
	if err != nil {
		t.Fatal(err)
	}
	if err := w.forge.lookAtAll(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(repo, litter[0])); err != nil {
		t.Error("a lock was taken from a git at work")
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.forge.lookAtAll(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, name := range litter {
		if _, err := os.Stat(filepath.Join(repo, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	w.git(dir, "push", "-q", "origin", "main")
	w.forge.tidy(t.Context())
	w.git(repo, "fsck", "--strict")
}

// TestGitHoldsTheLock: what a git inherits stays locked when we are gone.
func TestGitHoldsTheLock(t *testing.T) {
	t.Parallel()
	w := setup(t)
	lock, err := w.forge.lockShared("x")
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.forge.git.command(t.Context(), t.TempDir(), "cat-file", "--batch") // waits for input
	cmd.Dir = w.forge.repoPath(w.repo("hello").ExternalID)
	cmd.ExtraFiles = []*os.File{lock}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = lock.Close()
	if _, err := w.forge.lockAlone("x"); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a running git holds nothing: %v", err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	alone, err := w.forge.lockAlone("x")
	if err != nil {
		t.Fatal(err)
	}
	_ = alone.Close()
}

package localgit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLargePushes: a chunked push passes where there is room; over the bound it is
// refused with words, however the client sends it.
func TestLargePushes(t *testing.T) {
	t.Parallel()
	w := setup(t, withMaxPush(25<<20))
	r := w.repo("big")
	dir := w.copyOf(r)
	random(t, filepath.Join(dir, "blob1"), 5<<20)
	w.git(dir, "add", "-A")
	w.git(dir, "commit", "-q", "-m", "Five")
	w.git(dir, "push", "-q", "origin", "main")
	five := w.git(dir, "rev-parse", "HEAD")

	random(t, filepath.Join(dir, "blob2"), 26<<20)
	w.git(dir, "add", "-A")
	w.git(dir, "commit", "-q", "-m", "Twenty-six")
	for name, buffer := range map[string]string{"chunked": "1000000", "in one piece": "100000000"} {
		out, err := w.tryGit(dir, "-c", "http.postBuffer="+buffer, "push", "origin", "main")
		if err == nil || !strings.Contains(out, "remote: fatal: pack exceeds maximum allowed size") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/git/foo-org/big.git/git-receive-pack", unread{t})
	req.ContentLength = 200 << 20
	req.SetBasicAuth("alice", w.token)
	rec := httptest.NewRecorder()
	w.forge.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusRequestEntityTooLarge || !strings.Contains(rec.Body.String(), "25 MiB") {
		t.Errorf("hopelessly large: %d %q", rec.Code, rec.Body)
	}
	if got := w.git(t.TempDir(), "ls-remote", r.CloneURL, "main"); !strings.HasPrefix(got, five) {
		t.Errorf("main is %s, want %s", got, five)
	}
	left, err := filepath.Glob(filepath.Join(w.forge.repoPath(r.ExternalID), "objects", "*", "tmp_*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

func random(t *testing.T, path string, size int) {
	t.Helper()
	data := make([]byte, size)
	src := rand.NewChaCha8([32]byte{byte(size >> 20)})
	_, _ = src.Read(data)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGzippedRequest is what git sends when it has much to tell.
func TestGzippedRequest(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	dir := w.copyOf(r)
	w.git(dir, "push", "-q", "origin", "main")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write([]byte("0014command=ls-refs\n0000"))
	if err = errors.Join(err, zip.Close()); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/git/foo-org/hello.git/git-upload-pack", &packed)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Git-Protocol", "version=2")
	rec := httptest.NewRecorder()
	w.forge.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), w.git(dir, "rev-parse", "HEAD")+" refs/heads/main") {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
	if kind := rec.Header().Get("Content-Type"); kind != "application/x-git-upload-pack-result" {
		t.Errorf("Content-Type %q", kind)
	}
}

// TestClientGoesAway in the middle of a push: git ends by itself, nothing changed,
// and the next push goes through.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	line := none + " " + hashA + " refs/heads/main\x00 report-status"
	body := io.MultiReader(strings.NewReader(fmt.Sprintf("%04x%s0000PACK", len(line)+4, line)), broken{})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/git/foo-org/hello.git/git-receive-pack", body)
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	req.ContentLength = -1
	req.SetBasicAuth("alice", w.token)
	w.forge.Handler().ServeHTTP(httptest.NewRecorder(), req) // returns when git has ended
	if len(w.forge.running) != 0 || len(w.forge.slots) != 0 {
		t.Errorf("still running: %v, %d slots", w.forge.running, len(w.forge.slots))
	}
	alone, err := w.forge.lockAlone(r.ExternalID)
	if err != nil {
		t.Fatalf("a git is still at work: %v", err)
	}
	_ = alone.Close()
	w.git(w.copyOf(r), "push", "-q", "origin", "main")
}

// broken is a connection that is cut.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestIdleIsNotSlow: a client that waits for git is not an idle one, one that sends
// nothing is.
func TestIdleIsNotSlow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	dir := w.copyOf(r)
	w.git(dir, "push", "-q", "origin", "main")
	w.forge.idle = 150 * time.Millisecond
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nsleep 0.5\nexec \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := gitConfig(w.env.Dir, 1<<20) + "[uploadpack]\n\tpackObjectsHook = " + slow + "\n"
	if err := os.WriteFile(w.forge.path("gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.git(t.TempDir(), "clone", "-q", r.CloneURL, "copy")

	from, to := io.Pipe() // never written to: a client that sends nothing
	defer func() { _ = to.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.CloneURL+"/git-receive-pack", from)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("alice", w.token)
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an idle client is waited for: %v", err)
	}
}

package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"opsbot/bot"
	"opsbot/bot/store"
)

func blobs(t *testing.T) (*store.FileBlobs, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	b, err := store.OpenBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b, dir
}

func put(t *testing.T, b *store.FileBlobs, content string) string {
	t.Helper()
	digest, size, err := b.Put(t.Context(), strings.NewReader(content))
	if err != nil || size != int64(len(content)) {
		t.Fatalf("put: %d bytes, %v", size, err)
	}
	return digest
}

// path is where the content of digest must be.
func path(dir, digest string) string {
	sum := strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(dir, sum[:2], sum[2:])
}

// files lists everything below dir.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBlobComesBack(t *testing.T) {
	t.Parallel()
	b, dir := blobs(t)
	digest := put(t, b, "hello")
	if digest != "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("digest %s", digest)
	}
	if put(t, b, "") == digest || put(t, b, "hello") != digest {
		t.Error("digests mixed up")
	}
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("files: %v", got)
	}
	r, err := b.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, []byte("hello")); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestBlobThatIsNone(t *testing.T) {
	t.Parallel()
	b, _ := blobs(t)
	for digest, want := range map[string]bot.Code{
		"sha256:" + strings.Repeat("0", 64):                         bot.CodeNotFound,
		"sha256:" + strings.Repeat("A", 64):                         bot.CodeInvalid,
		"sha256:../../../../etc/passwd":                             bot.CodeInvalid,
		"sha256:" + strings.Repeat("0", 62):                         bot.CodeInvalid,
		"md5:d41d8cd98f00b204e9800998ecf8427e":                      bot.CodeInvalid,
		"":                                                          bot.CodeInvalid,
		"sha256:" + strings.Repeat("../", 21) + "x":                 bot.CodeInvalid,
		"sha256:incoming" + strings.Repeat("0", 64-len("incoming")): bot.CodeInvalid,
	} {
		if _, err := b.Open(t.Context(), digest); bot.CodeOf(err) != want {
			t.Errorf("%q: %v", digest, err)
		}
	}
}

func TestBlobDamaged(t *testing.T) {
	t.Parallel()
	b, dir := blobs(t)
	content := strings.Repeat("0123456789", 10_000)
	digest := put(t, b, content)
	damaged := []byte(content)
	damaged[50_000] ^= 1
	for name, bad := range map[string][]byte{"changed": damaged, "cut": []byte(content[:9]), "empty": nil, "longer": []byte(content + "x")} {
		if err := os.WriteFile(path(dir, digest), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := b.Open(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), digest) {
			t.Errorf("%s: read to the end without an error (%v)", name, err)
		}
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Errorf("%s: read again without an error", name)
		}
		_ = r.Close()
	}
	put(t, b, content) // putting it again mends it
	r, err := b.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := r.Seek(90_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != content[90_000:] {
		t.Errorf("a part: %d bytes, %v", len(got), err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != content {
		t.Errorf("the whole: %d bytes, %v", len(got), err)
	}
}

func TestBlobsOfManyAtOnce(t *testing.T) {
	t.Parallel()
	b, dir := blobs(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			content := bytes.Repeat([]byte{byte(i % 2)}, 100_000)
			digest, _, err := b.Put(t.Context(), bytes.NewReader(content))
			if err != nil {
				t.Error(err)
				return
			}
			r, err := b.Open(t.Context(), digest)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = r.Close() }()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d bytes: %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("files: %v", got)
	}
}

func TestBlobInterrupted(t *testing.T) {
	t.Parallel()
	b, dir := blobs(t)
	broken := errors.New("broken")
	_, _, err := b.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Put(ctx, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	kept := put(t, b, "kept")
	litter := filepath.Join(dir, "incoming", "put-123") // of a process that was killed
	if err := os.WriteFile(litter, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenBlobs(dir); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 1 || got[0] != path(dir, kept) {
		t.Errorf("after opening again: %v", got)
	}
}

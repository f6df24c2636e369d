package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"opsbot/bot"
)

// FileBlobs keeps content in files named by their SHA-256. Safe for concurrent
// use.
type FileBlobs struct{ dir string }

var _ bot.Blobs = (*FileBlobs)(nil)

// OpenBlobs opens the folder, making it when missing, and removes what
// interrupted puts left behind. One process at a time may have it open.
func OpenBlobs(dir string) (*FileBlobs, error) {
	b := &FileBlobs{dir}
	if err := os.RemoveAll(b.temp()); err != nil {
		return nil, fileProblem("clean", b.temp(), err)
	}
	if err := os.MkdirAll(b.temp(), 0o700); err != nil {
		return nil, fileProblem("make", b.temp(), err)
	}
	return b, nil
}

func (b *FileBlobs) temp() string { return filepath.Join(b.dir, "incoming") }

// path gives the folder and file of a digest, CodeInvalid for what is none.
func (b *FileBlobs) path(digest string) (dir, file string, err error) {
	sum, ok := strings.CutPrefix(digest, "sha256:")
	if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) {
		return "", "", bot.Errorf(bot.CodeInvalid, "%q is not the digest of stored content.", bot.Shorten(digest, 80))
	}
	dir = filepath.Join(b.dir, sum[:2])
	return dir, filepath.Join(dir, sum[2:]), nil
}

// Put implements bot.Blobs. The content is on disk, under its name, when it
// returns; the same content put twice, even at once, is one file.
func (b *FileBlobs) Put(ctx context.Context, r io.Reader) (digest string, size int64, err error) {
	temp, err := os.CreateTemp(b.temp(), "put-*")
	if err != nil {
		return "", 0, fileProblem("write below", b.dir, err)
	}
	defer func() {
		// After the rename there is nothing of that name; before it, it is litter.
		_ = os.Remove(temp.Name())
	}()
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(temp, sum), reader{ctx, r})
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return "", 0, fileProblem("write below", b.dir, err)
	}
	digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	dir, file, err := b.path(digest)
	if err != nil {
		return "", 0, err
	}
	if err := b.place(temp.Name(), dir, file); err != nil {
		return "", 0, fileProblem("write", file, err)
	}
	return digest, size, nil
}

// place moves the finished file to its name and makes the name durable.
func (b *FileBlobs) place(temp, dir, file string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err == nil {
		if err := syncDir(b.dir); err != nil {
			return err
		}
	}
	// A file that is there already is replaced: it may be the damaged one that
	// somebody is about to mend by putting the content again.
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	return syncDir(dir)
}

// Open implements bot.Blobs. Whoever reads from the start to the end gets an error
// instead of io.EOF when the content is not what its digest says.
func (b *FileBlobs) Open(_ context.Context, digest string) (io.ReadSeekCloser, error) {
	_, file, err := b.path(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no stored content %s.", digest)
	}
	if err != nil {
		return nil, fileProblem("read", file, err)
	}
	return &blob{file: f, digest: digest, sum: sha256.New()}, nil
}

// reader stops at the end of ctx: a body that never ends must not hold a put.
type reader struct {
	ctx context.Context //nolint:containedctx // lives for one Copy
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// blob checks the digest of what is read in order.
type blob struct {
	file   *os.File
	digest string
	sum    hash.Hash // of the first summed bytes
	summed int64
	at     int64
}

// Read reads on; at the end it checks the digest if everything was read.
func (b *blob) Read(p []byte) (int, error) {
	n, err := b.file.Read(p)
	// A part that was skipped can't be checked; one that is read again is known.
	if b.at <= b.summed && b.at+int64(n) > b.summed {
		b.sum.Write(p[b.summed-b.at : n])
		b.summed = b.at + int64(n)
	}
	b.at += int64(n)
	if errors.Is(err, io.EOF) && b.summed == b.at && "sha256:"+hex.EncodeToString(b.sum.Sum(nil)) != b.digest {
		return n, fmt.Errorf("store: read blob %s: the content on disk does not match its digest", b.digest)
	}
	return n, err
}

// Seek implements io.Seeker.
func (b *blob) Seek(offset int64, whence int) (int64, error) {
	at, err := b.file.Seek(offset, whence)
	if err == nil {
		b.at = at
	}
	return at, err
}

// Close closes the file.
func (b *blob) Close() error { return b.file.Close() }

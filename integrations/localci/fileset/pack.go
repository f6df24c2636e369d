package fileset

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Pack writes the files below dir that the set selects to w, with their modes and
// times, for Unpack to lay out. It returns how many they are: as in Archive, what
// can't be read is passed over. A broken limit is a Failure.
func Pack(ctx context.Context, root *os.Root, dir string, set Set, w io.Writer, limits Limits) (int, error) {
	paths, err := Find(ctx, root, dir, set, limits)
	if err != nil {
		return 0, asFailure(err)
	}
	left := limits.withDefaults().Bytes
	out := tar.NewWriter(w)
	packed := 0
	for _, name := range paths {
		size, err := packFile(ctx, root, dir, name, out, left)
		if errors.Is(err, errUnreadable) {
			continue
		}
		if err != nil {
			return packed, asFailure(fmt.Errorf("pack %q: %w", name, err))
		}
		left -= size
		packed++
	}
	if err := out.Close(); err != nil {
		return packed, fmt.Errorf("pack: %w", err)
	}
	return packed, nil
}

func packFile(ctx context.Context, root *os.Root, dir, name string, out *tar.Writer, left int64) (int64, error) {
	f, info, err := openRegular(ctx, root, path.Join(".", dir, name))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info.Size() > left {
		return 0, ErrTooLarge
	}
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Format: tar.FormatPAX,
	}
	if err := out.WriteHeader(h); err != nil {
		return 0, err
	}
	// A file that shrinks meanwhile leaves the header wrong: CopyN says so.
	return io.CopyN(out, f, info.Size())
}

// openRegular opens a file for reading; errUnreadable if it is none any more.
func openRegular(ctx context.Context, root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	// Without O_NONBLOCK a pipe that took the file's place would hold us for ever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil, errUnreadable
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errUnreadable
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Unpack lays out below dir what Pack wrote, over what is there. Whatever links the
// build has laid, nothing is written outside of root.
func Unpack(ctx context.Context, root *os.Root, dir string, r io.Reader) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = unpackFile(root, path.Join(".", dir, h.Name), h, in) //nolint:gosec // through root, which nothing leaves
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
}

func unpackFile(root *os.Root, name string, h *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	// What is there may be a link, or not writable.
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Chmod(fs.FileMode(h.Mode).Perm()), f.Close()); err != nil {
		return err
	}
	return root.Chtimes(name, h.ModTime, h.ModTime)
}

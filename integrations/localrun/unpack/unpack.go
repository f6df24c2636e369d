// Package unpack lays out archived artifacts as a folder: tar.gz, tar and zip
// archives are unpacked, any other file is put there as it is. Nothing is written
// outside the folder, whatever the archive says.
package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Limits bound what one artifact may become on disk.
type Limits struct {
	Bytes   int64
	Entries int
}

// ErrTooLarge is returned when an artifact goes over its limits.
var ErrTooLarge = errors.New("larger than allowed when unpacked")

// ErrBad is returned for an archive that is damaged or holds what it must not.
var ErrBad = errors.New("not a usable archive")

// Source is an artifact's content, from its beginning.
type Source interface {
	io.Reader
	io.Seeker
}

// Into unpacks the artifact called name into dir, which exists. The kind is told by
// the content, not by the name. A plain file keeps the name's last part and becomes
// executable.
func Into(dir, name string, src Source, limits Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack %s: open folder: %w", name, err)
	}
	defer root.Close()
	w := &writer{root: root, left: limits.Bytes, entries: limits.Entries}
	if err := w.artifact(name, src); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

// File puts one file below dir, whatever its content; it becomes executable.
func File(dir, name string, src io.Reader, limits Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack %s: open folder: %w", name, err)
	}
	defer root.Close()
	w := &writer{root: root, left: limits.Bytes, entries: limits.Entries}
	if err := w.file(name, 0o755, src); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

type writer struct {
	root    *os.Root
	left    int64
	entries int
}

func (w *writer) artifact(name string, src Source) error {
	head := make([]byte, 512)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}) && !strings.HasSuffix(name, ".gz") || isTarGz(name):
		return w.gzip(src)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return w.tar(src)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && strings.HasSuffix(name, ".zip"):
		return w.zip(src)
	}
	return w.file(path.Base(name), 0o755, src)
}

func isTarGz(name string) bool {
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

func (w *writer) gzip(src io.Reader) error {
	z, err := gzip.NewReader(src)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	defer z.Close()
	return w.tar(z)
}

func (w *writer) tar(src io.Reader) error {
	r := tar.NewReader(src)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBad, err)
		}
		if err := w.tarEntry(h, r); err != nil {
			return err
		}
	}
}

func (w *writer) tarEntry(h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return w.folder(h.Name)
	case tar.TypeReg:
		return w.file(h.Name, h.FileInfo().Mode(), r)
	case tar.TypeSymlink:
		return w.link(h.Name, h.Linkname)
	case tar.TypeLink:
		return w.hardLink(h.Name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil // git archive writes the commit into one
	}
	return fmt.Errorf("%w: %s is neither file, folder nor link", ErrBad, h.Name)
}

func (w *writer) zip(src Source) error {
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	r, err := zip.NewReader(&readerAt{src}, size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	for _, f := range r.File {
		if err := w.zipEntry(f); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) zipEntry(f *zip.File) error {
	mode := f.Mode()
	if mode.IsDir() {
		return w.folder(f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	defer r.Close()
	switch {
	case mode.IsRegular():
		return w.file(f.Name, mode, r)
	case mode&fs.ModeSymlink != 0:
		to, err := io.ReadAll(io.LimitReader(r, 4096))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBad, err)
		}
		return w.link(f.Name, string(to))
	}
	return fmt.Errorf("%w: %s is neither file, folder nor link", ErrBad, f.Name)
}

// place checks an entry's name and makes the folders above it.
func (w *writer) place(name string) (string, error) {
	if w.entries--; w.entries < 0 {
		return "", fmt.Errorf("%w: too many files", ErrTooLarge)
	}
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	if strings.ContainsRune(name, 0) || !fs.ValidPath(clean) {
		return "", fmt.Errorf("%w: %q leaves the folder", ErrBad, name)
	}
	if err := w.root.MkdirAll(path.Dir(clean), 0o755); err != nil {
		return "", err
	}
	return clean, nil
}

func (w *writer) folder(name string) error {
	clean, err := w.place(name)
	if err != nil {
		return err
	}
	return w.root.MkdirAll(clean, 0o755)
}

func (w *writer) file(name string, mode fs.FileMode, r io.Reader) error {
	clean, err := w.place(name)
	if err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	_ = w.root.Remove(clean) // a later entry of the same name wins, and is no way through a link
	f, err := w.root.OpenFile(clean, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, w.left+1))
	if w.left -= n; w.left < 0 {
		err = fmt.Errorf("%w: %s", ErrTooLarge, name)
	}
	return errors.Join(err, f.Close())
}

// link makes a symbolic link. It may point anywhere: what follows it is confined,
// here by os.Root and later by the app's sandbox.
func (w *writer) link(name, to string) error {
	clean, err := w.place(name)
	if err != nil {
		return err
	}
	_ = w.root.Remove(clean)
	return w.root.Symlink(to, clean)
}

func (w *writer) hardLink(name, to string) error {
	clean, err := w.place(name)
	if err != nil {
		return err
	}
	from := path.Clean(strings.TrimPrefix(to, "./"))
	if !fs.ValidPath(from) {
		return fmt.Errorf("%w: %q leaves the folder", ErrBad, to)
	}
	_ = w.root.Remove(clean)
	return w.root.Link(from, clean)
}

// readerAt reads at offsets of a Source that nobody else uses.
type readerAt struct{ src Source }

func (r *readerAt) ReadAt(b []byte, off int64) (int, error) {
	if _, err := r.src.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.src, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

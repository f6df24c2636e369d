package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	name, text string
	mode       fs.FileMode
	kind       byte
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: int64(e.mode), Typeflag: e.kind}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.text))
		} else {
			h.Linkname = e.text
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write([]byte(e.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func roomy() Limits { return Limits{Bytes: 1 << 20, Entries: 100} }

func TestIntoLaysOutEveryKind(t *testing.T) {
	t.Parallel()
	files := []entry{
		{"./", "", 0o755 | fs.ModeDir, tar.TypeDir},
		{"./bin/app", "#!app", 0o700, tar.TypeReg},
		{"docs/a.txt", "text", 0o600, tar.TypeReg},
	}
	zipped := []entry{{"bin/app", "#!app", 0o755, 0}, {"docs/", "", fs.ModeDir | 0o755, 0}, {"docs/a.txt", "text", 0o644, 0}}
	for _, c := range []struct {
		name string
		data []byte
		want map[string]string
	}{
		{"dist/app.tar.gz", gzipOf(t, tarOf(t, files...)), map[string]string{"bin/app": "755 #!app", "docs/a.txt": "644 text"}},
		{"app.tar", tarOf(t, files...), map[string]string{"bin/app": "755 #!app", "docs/a.txt": "644 text"}},
		{"app.zip", zipOf(t, zipped...), map[string]string{"bin/app": "755 #!app", "docs/a.txt": "644 text"}},
		{"dist/app", []byte("\x7fELF"), map[string]string{"app": "755 \x7fELF"}},
		{"dist/app.jar", zipOf(t, entry{"a", "b", 0o644, 0}), map[string]string{"app.jar": "755 " + string(zipOf(t, entry{"a", "b", 0o644, 0}))}},
		{"empty", nil, map[string]string{"empty": "755 "}},
	} {
		dir := t.TempDir()
		if err := Into(dir, c.name, bytes.NewReader(c.data), roomy()); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for file, want := range c.want {
			info, err := os.Stat(filepath.Join(dir, file))
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			b, _ := os.ReadFile(filepath.Join(dir, file))
			if got := octal(info) + " " + string(b); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, file, got, want)
			}
		}
	}
}

func octal(info fs.FileInfo) string {
	if info.Mode()&0o111 != 0 {
		return "755"
	}
	return "644"
}

func TestIntoNeverLeavesTheFolder(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]entry{
		"parent":       {{"../evil", "x", 0o644, tar.TypeReg}},
		"deep parent":  {{"a/../../evil", "x", 0o644, tar.TypeReg}},
		"absolute":     {{"/evil", "x", 0o644, tar.TypeReg}},
		"through link": {{"link", "..", 0o777, tar.TypeSymlink}, {"link/evil", "x", 0o644, tar.TypeReg}},
		"over link":    {{"evil", "../evil", 0o777, tar.TypeSymlink}, {"evil", "x", 0o644, tar.TypeReg}},
		"hard link":    {{"stolen", "../secret", 0o644, tar.TypeLink}},
		"device":       {{"null", "", 0o666, tar.TypeChar}},
		"fifo":         {{"fifo", "", 0o666, tar.TypeFifo}},
	} {
		outer := t.TempDir()
		dir := filepath.Join(outer, "dir")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outer, "secret"), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Into(dir, "app.tar", bytes.NewReader(tarOf(t, entries...)), roomy())
		if err == nil && name != "over link" { // there the link is replaced by the file
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Lstat(filepath.Join(outer, "evil")); err == nil {
			t.Errorf("%s: a file was written outside", name)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "stolen")); err == nil {
			t.Errorf("%s: a file was taken from outside: %q", name, b)
		}
	}
}

func TestIntoKeepsItsLimits(t *testing.T) {
	t.Parallel()
	bomb := gzipOf(t, tarOf(t, entry{"zeros", strings.Repeat("\x00", 2<<20), 0o644, tar.TypeReg}))
	if err := Into(t.TempDir(), "b.tgz", bytes.NewReader(bomb), roomy()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a bomb: %v", err)
	}
	var many []entry
	for i := range 101 {
		many = append(many, entry{strings.Repeat("x", i+1), "", 0o644, tar.TypeReg})
	}
	if err := Into(t.TempDir(), "many.tar", bytes.NewReader(tarOf(t, many...)), roomy()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many files: %v", err)
	}
}

func TestIntoSaysWhenItIsDamaged(t *testing.T) {
	t.Parallel()
	good := gzipOf(t, tarOf(t, entry{"a", strings.Repeat("text", 1000), 0o644, tar.TypeReg}))
	for name, data := range map[string][]byte{"cut.tar.gz": good[:len(good)/2], "none.tar.gz": []byte("no archive"), "cut.zip": []byte("PK\x03\x04 and nothing")} {
		if err := Into(t.TempDir(), name, bytes.NewReader(data), roomy()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

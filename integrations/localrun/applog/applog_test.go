package applog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, dir string, limit int64) *Log {
	t.Helper()
	l, err := Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func read(t *testing.T, dir string, offset int64) string {
	t.Helper()
	r, err := Read(dir, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLinesOfTwoInstancesDoNotMix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, 1<<20)
	a, b := l.Writer(nil), l.Writer(nil)
	for _, w := range []struct {
		w    *Writer
		text string
	}{{a, "one "}, {b, "two\nthree"}, {a, "half\n"}, {b, " more\n"}, {a, "unfinished"}} {
		if _, err := io.WriteString(w.w, w.text); err != nil {
			t.Fatal(err)
		}
	}
	a.End()
	l.Printf("stopped %s", "a")
	want := "two\none half\nthree more\nunfinished\n--- stopped a\n"
	if got := read(t, dir, 0); got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
	if got := read(t, dir, 4); got != want[4:] {
		t.Errorf("from 4: %q", got)
	}
	if got := read(t, dir, 1000); got != "" {
		t.Errorf("from beyond the end: %q", got)
	}
	if a.Last() != "unfinished" || b.Last() != "three more" {
		t.Errorf("last lines are %q and %q", a.Last(), b.Last())
	}
}

func TestRotationKeepsOffsetsAndTheBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const limit = 10_000
	var all strings.Builder
	for round := range 3 { // the log is opened again, as after a restart
		l := open(t, dir, limit)
		w := l.Writer(nil)
		for i := range 500 {
			line := fmt.Sprintf("round %d line %d\n", round, i)
			all.WriteString(line)
			_, _ = io.WriteString(w, line)
		}
	}
	var size int64
	files, _ := filepath.Glob(dir + "/*.log")
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > limit || size < limit/2 || len(files) != 2 {
		t.Errorf("%d bytes are kept in %d files", size, len(files))
	}
	got := read(t, dir, 0)
	if got == "" || !strings.HasSuffix(all.String(), got) {
		t.Errorf("the log is no end of what was written: %q", got)
	}
	offset := int64(all.Len() - 100)
	if got := read(t, dir, offset); got != all.String()[offset:] {
		t.Errorf("from %d: %q", offset, got)
	}
}

func TestLongLineIsWrittenInPieces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, 1<<20)
	w := l.Writer(nil)
	for range 300 {
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	}
	if got := len(read(t, dir, 0)); got < 300_000-maxLine {
		t.Errorf("only %d bytes of an endless line were written", got)
	}
}

func TestFullDiskLosesTheLogButNotTheApp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, 1<<20)
	w := l.Writer(nil)
	good := l.file
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	l.file = full
	if n, err := io.WriteString(w, "12345678\n"); n != 9 || err != nil {
		t.Errorf("write to a full disk: %d, %v", n, err)
	}
	l.file = good
	_, _ = io.WriteString(w, "again\n")
	if got := read(t, dir, 0); got != "--- 9 bytes of the log were lost\nagain\n" {
		t.Errorf("log is %q", got)
	}
}

func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := Read(filepath.Join(t.TempDir(), "none"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if _, err := Read(t.TempDir(), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

// TestWriterCleans: what is cleaned away reaches neither the file nor the last line.
func TestWriterCleans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, 1<<20).Writer(func(s string) string { return strings.ReplaceAll(s, "secret", "[masked]") })
	for _, piece := range []string{"a sec", "ret\nanother se", "cret"} {
		_, _ = io.WriteString(w, piece)
	}
	w.End()
	if got := read(t, dir, 0); got != "a [masked]\nanother [masked]\n" || w.Last() != "another [masked]" {
		t.Errorf("log is %q, the last line %q", got, w.Last())
	}
}

package fileset_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"opsbot/integrations/localci/fileset"
)

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What was packed comes out with content, mode and time, over what was there.
func TestPackAndUnpack(t *testing.T) {
	t.Parallel()
	source, from := workspace(t, map[string]string{
		"out/bin/tool": "#!/bin/sh", "out/doc.txt": "doc", "out/skip.tmp": "s", "out/.git/config": "g", "other": "o",
	})
	born := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	tool := filepath.Join(from, "out/bin/tool")
	if err := errors.Join(os.Chmod(tool, 0o555), os.Chtimes(tool, born, born)); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	n, err := fileset.Pack(t.Context(), source, "out", fileset.Parse("", "*.tmp"), &packed, fileset.Limits{})
	if err != nil || n != 2 {
		t.Fatalf("packed %d, %v", n, err)
	}
	target, to := workspace(t, map[string]string{"a/doc.txt": "old and longer", "a/stays": "s"})
	for range 2 { // the second time over a file that can't be written
		if err := fileset.Unpack(t.Context(), target, "a", bytes.NewReader(packed.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, filepath.Join(to, "a/doc.txt")) + text(t, filepath.Join(to, "a/stays")); got != "docs" {
		t.Errorf("files hold %q", got)
	}
	info, err := os.Stat(filepath.Join(to, "a/bin/tool"))
	if err != nil || info.Mode().Perm() != 0o555 || !info.ModTime().Equal(born) {
		t.Errorf("the tool is %v, %v", info, err)
	}
}

// A link that a build has laid leads nothing out of the workspace.
func TestUnpackStaysInside(t *testing.T) {
	t.Parallel()
	source, _ := workspace(t, map[string]string{"d/f": "new"})
	var packed bytes.Buffer
	if _, err := fileset.Pack(t.Context(), source, "", fileset.Set{}, &packed, fileset.Limits{}); err != nil {
		t.Fatal(err)
	}
	_, outside := workspace(t, map[string]string{"f": "precious"})
	target, to := workspace(t, nil)
	if err := os.Symlink(outside, filepath.Join(to, "d")); err != nil {
		t.Fatal(err)
	}
	if err := fileset.Unpack(t.Context(), target, "", bytes.NewReader(packed.Bytes())); err == nil {
		t.Error("a folder that is a link out was unpacked into")
	}
	if err := errors.Join(os.Remove(filepath.Join(to, "d")), os.Mkdir(filepath.Join(to, "d"), 0o755),
		os.Symlink(filepath.Join(outside, "f"), filepath.Join(to, "d/f"))); err != nil {
		t.Fatal(err)
	}
	if err := fileset.Unpack(t.Context(), target, "", bytes.NewReader(packed.Bytes())); err != nil {
		t.Error(err)
	}
	if got := text(t, filepath.Join(outside, "f")); got != "precious" {
		t.Errorf("the file outside holds %q", got)
	}
}

func TestPackLimits(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": strings.Repeat("a", 100), "b": strings.Repeat("b", 100)})
	for name, c := range map[string]struct {
		limits fileset.Limits
		want   error
	}{
		"bytes": {fileset.Limits{Bytes: 199}, fileset.ErrTooLarge},
		"files": {fileset.Limits{Files: 1}, fileset.ErrTooManyFiles},
	} {
		_, err := fileset.Pack(t.Context(), root, "", fileset.Set{}, &bytes.Buffer{}, c.limits)
		var failure fileset.Failure
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), c.want.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := fileset.Pack(t.Context(), root, "", fileset.Set{}, &bytes.Buffer{}, fileset.Limits{Bytes: 200}); n != 2 || err != nil {
		t.Errorf("just enough room: %d, %v", n, err)
	}
	if _, err := fileset.Pack(t.Context(), root, "", fileset.Set{}, full{}, fileset.Limits{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if err := fileset.Unpack(t.Context(), root, "", strings.NewReader(strings.Repeat("no archive ", 100))); err == nil {
		t.Error("unpacked what is no archive")
	}
}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

package localci

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogCompletesLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x", "1.log")
	l, err := openLog(path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(l, "no end")
	l.Line("next")
	_, _ = io.WriteString(l, "whole\n")
	_, _ = io.WriteString(l, "again open")
	if err := l.Ending("Finished: SUCCESS"); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, path), "no end\nnext\nwhole\nagain open\nFinished: SUCCESS\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestLogIsCut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "1.log")
	for attempt := range 2 { // each attempt has room of its own
		l, err := openLog(path, 100)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			l.Line("0123456789")
		}
		if err := l.Ending(fmt.Sprintf("end %d", attempt)); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text := readFile(t, path)
	if len(text) > 500 || strings.Count(text, "the log is cut here") != 2 || !strings.HasSuffix(text, "end 1\n") || !strings.Contains(text, "end 0\n") {
		t.Errorf("log of %d bytes %q", len(text), text)
	}
}

func TestReadLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := b.logOf(t, "main", 1); got != "" {
		t.Errorf("log of a queued build %q", got)
	}
	b.execute = func(_ context.Context, r *run) outcome {
		r.log.Line("hello")
		return success
	}
	serve(t, b.Service)
	b.finished(t, "main", 1)
	read := func(offset int64) string {
		r, err := b.ReadLog(t.Context(), bot.LogRef{Build: b.ref("main", 1)}, offset)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		text, _ := io.ReadAll(r)
		return string(text)
	}
	whole := read(0)
	if whole != "Branch indexing\nhello\nFinished: SUCCESS\n" {
		t.Errorf("log %q", whole)
	}
	if got := read(16); got != "hello\nFinished: SUCCESS\n" {
		t.Errorf("from 16 on %q", got)
	}
	if got := read(10_000); got != "" {
		t.Errorf("behind the end %q", got)
	}
	for _, ref := range []bot.LogRef{{Environment: "staging"}, {}} {
		if _, err := b.ReadLog(t.Context(), ref, 0); bot.CodeOf(err) != bot.CodeUnsupported {
			t.Errorf("%+v: %v", ref, err)
		}
	}
	if _, err := b.ReadLog(t.Context(), bot.LogRef{Build: b.ref("main", 5)}, 0); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("no such build: %v", err)
	}
}

func TestFolderNames(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"a", "A", "..", ".", "a/b", "a_b", "größe", strings.Repeat("x", 200), strings.Repeat("x", 199), "a b"} {
		folder := folderName(name)
		if folder != filepath.Base(folder) || strings.HasPrefix(folder, ".") || len(folder) > 60 || strings.ToLower(folder) != folder {
			t.Errorf("folder of %q is %q", name, folder)
		}
		if other, taken := seen[folder]; taken {
			t.Errorf("%q and %q share %q", name, other, folder)
		}
		seen[folder] = name
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c := Config{}
	if err := c.complete(); err != nil || c.Executors != 2 || c.KeepBuilds != 100 || c.LogLimit != 16<<20 {
		t.Errorf("defaults %+v, %v", c, err)
	}
	for _, bad := range []Config{{Executors: -1}, {Executors: 65}, {KeepBuilds: -1}, {LogLimit: 10}} {
		if err := bad.complete(); err == nil {
			t.Errorf("%+v passed", bad)
		}
	}
	if kind := Kind(); kind.Type != "localci" || kind.Config == nil || kind.New == nil {
		t.Errorf("kind %+v", kind)
	}
}

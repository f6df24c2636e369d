package fileset_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"opsbot/integrations/localci/fileset"
)

// workspace lays out files (path to content) in a fresh folder and opens it.
func workspace(t *testing.T, files map[string]string) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root, dir
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, root *os.Root, dir, includes string) []string {
	t.Helper()
	found, err := fileset.Find(t.Context(), root, dir, fileset.Parse(includes, ""), fileset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFindIsRelativeToDir(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"sub/deep/a.txt": "a", "deep/b.txt": "b"})
	if got, want := find(t, root, "sub", "deep/*.txt"), []string{"deep/a.txt"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for _, dir := range []string{"nowhere", "..", "sub/../..", "deep/b.txt"} {
		if got := find(t, root, dir, "**"); len(got) != 0 {
			t.Errorf("below %q found %q", dir, got)
		}
	}
}

func TestFindDoesNotLeaveTheWorkspace(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, dir := workspace(t, map[string]string{"real/in.txt": "1"})
	link(t, filepath.Join(outside, "secret"), filepath.Join(dir, "file-link"))
	link(t, outside, filepath.Join(dir, "dir-link"))
	link(t, "../"+filepath.Base(outside)+"/secret", filepath.Join(dir, "relative-link"))
	link(t, "real/in.txt", filepath.Join(dir, "good-link"))
	link(t, "nowhere", filepath.Join(dir, "dead-link"))
	want := []string{"good-link", "real/in.txt"}
	if got := find(t, root, "", "**"); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for _, name := range []string{"file-link", "dir-link/secret", "relative-link", "../*/secret"} {
		if got := find(t, root, "", name); len(got) != 0 {
			t.Errorf("%q found %q", name, got)
		}
	}
}

func TestFindEndsInLinkedCircles(t *testing.T) {
	t.Parallel()
	root, dir := workspace(t, map[string]string{"a/b/x.txt": "1"})
	link(t, "..", filepath.Join(dir, "a/up"))
	link(t, ".", filepath.Join(dir, "a/b/self"))
	if got, want := find(t, root, "", "**/x.txt"), []string{"a/b/x.txt"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFindOddNames(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"bad\xffdir/a.txt": "1", "new\nline.txt": "2", " blank .txt": "3"})
	want := []string{" blank .txt", "bad\xffdir/a.txt", "new\nline.txt"}
	if got := find(t, root, "", "**/*.txt"); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFindLimits(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": "1", "b": "2", "c/d/e": "3"})
	everything := fileset.Parse("**", "")
	tests := []struct {
		name   string
		limits fileset.Limits
		want   error
		found  int
	}{
		{"entries", fileset.Limits{Entries: 2}, fileset.ErrTooManyEntries, 0},
		{"files", fileset.Limits{Files: 2}, fileset.ErrTooManyFiles, 2},
		{"depth", fileset.Limits{Depth: 1}, nil, 2},
		{"enough", fileset.Limits{Entries: 5, Files: 3, Depth: 2}, nil, 3},
	}
	for _, tt := range tests {
		found, err := fileset.Find(t.Context(), root, "", everything, tt.limits)
		if !errors.Is(err, tt.want) || len(found) != tt.found {
			t.Errorf("%s: found %q, %v; want %d, %v", tt.name, found, err, tt.found, tt.want)
		}
	}
}

func TestFindStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fileset.Find(ctx, root, "", fileset.Set{}, fileset.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
}

// A folder that no pattern can reach into must not even be read: it may hold a
// million files.
func TestFindPrunes(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"out/a": "1", ".git/1": "", ".git/2": "", "other/1": "", "other/2": ""})
	found, err := fileset.Find(t.Context(), root, "", fileset.Parse("out/*", ""), fileset.Limits{Entries: 4})
	if err != nil || !slices.Equal(found, []string{"out/a"}) {
		t.Errorf("found %q, %v", found, err)
	}
	found, err = fileset.Find(t.Context(), root, "", fileset.Parse("**", "other/"), fileset.Limits{Entries: 4})
	if err != nil || !slices.Equal(found, []string{"out/a"}) {
		t.Errorf("found %q, %v", found, err)
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{
		"target/app.txt": "1", "target/libs/a.jar": "2", "readme.txt": "3",
	})
	tests := []struct{ patterns, want string }{
		{"readme.txt", ""},
		{"readme.txt,target", ""},
		{"nothing/*.jar", "‘nothing/*.jar’ doesn’t match anything: even ‘nothing’ doesn’t exist"},
		{"x/*.jar", "‘x/*.jar’ doesn’t match anything: even ‘x’ doesn’t exist"},
		{"target/*.zip", "‘target/*.zip’ doesn’t match anything: ‘target’ exists but not ‘target/*.zip’"},
		{"target/libs/*.zip", "‘target/libs/*.zip’ doesn’t match anything: ‘target’ exists but not ‘target/libs/*.zip’"},
		{"**/*.js", "‘**/*.js’ doesn’t match anything: ‘**’ exists but not ‘**/*.js’"},
		{"nothing", "‘nothing’ doesn’t match anything"},
		{"a/b/readme.txt", "‘a/b/readme.txt’ doesn’t match anything, but ‘readme.txt’ does. Perhaps that’s what you mean?"},
		{"libs/*.jar", "‘libs/*.jar’ doesn’t match anything, but ‘target/libs/*.jar’ does. Perhaps that’s what you mean?"},
		{"README.TXT", "‘README.TXT’ doesn’t match anything because it is treated case sensitively. You can deactivate case sensitivity to get matches"},
		{"readme.txt target/*", "Whitespace can no longer be used as the separator. Please Use ‘,’ as the separator instead."},
		{"~/x", "‘~’ is only supported in a Unix shell and nowhere else."},
		{"readme.txt, none.txt", "‘none.txt’ doesn’t match anything"},
		{"/etc/passwd", "‘/etc/passwd’ doesn’t match anything: ‘’ exists but not ‘/etc/passwd’"},
	}
	for _, tt := range tests {
		if got := fileset.Hint(t.Context(), root, "", tt.patterns, false); got != tt.want {
			t.Errorf("Hint(%q) = %q, want %q", tt.patterns, got, tt.want)
		}
	}
}

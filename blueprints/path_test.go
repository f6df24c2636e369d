package blueprints

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

func TestCheckPath(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"a", ".gitignore", "a/b/c.d", ".github/x", "größe.txt", "a b", ".gitx", "..a", "a..b", "-x"} {
		if err := checkPath(p); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []string{
		"", ".", "..", "../a", "a/../b", "a/..", "/a", "//a", "a//b", "a/", "./a", `a\b`, `..\a`, "a\x00b", "a\nb", "C:/a", "a:b",
		".git", ".git/config", "a/.GIT/x", ".Git", "GIT~1/x", ".g\u200cit/config", ".git./x", ".git /x", "a./b", "a ", " a",
		"a\xff", "a\u202eb", "a|b", "a?", "a*", strings.Repeat("a", 201), strings.Repeat("a/", 501) + "a",
	} {
		if checkPath(p) == nil {
			t.Errorf("%q is allowed", p)
		}
	}
}

func TestPathSet(t *testing.T) {
	t.Parallel()
	for _, paths := range [][]string{
		{"a", "a"},
		{"README", "readme"},
		{"Cmd/x", "cmd/y"},
		{"a", "a/b"},
		{"a/b", "a"},
		{"A", "a/b"},
		{"ſ", "s"},
		{"\u212a", "k"},
		{"straße/x", "STRAßE/y"},
	} {
		s := newPathSet()
		if err := s.add(paths[0]); err != nil {
			t.Fatal(err)
		}
		if s.add(paths[1]) == nil {
			t.Errorf("%q live side by side", paths)
		}
	}
	s := newPathSet()
	for _, p := range []string{"a/b", "a/c", "ab", "b"} {
		if err := s.add(p); err != nil {
			t.Error(err)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"a", "a", true},
		{"a", "a/b", false},
		{"*", "a", true},
		{"*", "a/b", false},
		{"*.go", "x.go", true},
		{"**", "a/b/c", true},
		{"**/x", "x", true},
		{"**/x", "a/b/x", true},
		{"a/**", "a", true},
		{"a/**", "a/b/c", true},
		{"a/**/c", "a/c", true},
		{"a/**/c", "a/b/b/c", true},
		{"a/**/c", "a/b", false},
		{"a/**", "ab/c", false},
		{"[ab]?", "ax", true},
	} {
		if got := matches(tc.pattern, tc.path); got != tc.want {
			t.Errorf("%s matches %s: %v", tc.pattern, tc.path, got)
		}
	}
}

func TestWriteTree(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "project")
	tree := bot.Tree{Files: []bot.TreeFile{{Path: "a/b", Data: []byte("x")}, {Path: "run", Executable: true}}}
	if err := WriteTree(dir, tree); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a", "b"))
	if err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "run")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("not executable: %v", err)
	}
	wantError(t, WriteTree(dir, tree), "create a/b")

	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"link/x", "../x", "/tmp/x", ".git/config"} {
		if WriteTree(dir, bot.Tree{Files: []bot.TreeFile{{Path: p}}}) == nil {
			t.Errorf("%s was written", p)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}

package gitpush_test

import (
	"os"
	"path/filepath"
	"testing"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

// TestPushWhereGitLeftFolders: git removes a/b and leaves the folder a behind.
func TestPushWhereGitLeftFolders(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	if err := os.MkdirAll(filepath.Join(repo, "refs", "heads", "main", "old", "er"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := gitpush.New(gitpush.Options{})
	want, err := p.Push(t.Context(), repo, request(bot.TreeFile{Path: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, repo, "rev-parse", "refs/heads/main"); got != want {
		t.Errorf("main is %s, want %s", got, want)
	}
	other := bare(t)
	below := request(bot.TreeFile{Path: "a"})
	below.Branch = "main/sub"
	if _, err := p.Push(t.Context(), other, below); err != nil {
		t.Fatal(err)
	}
	_, err = p.Push(t.Context(), other, request(bot.TreeFile{Path: "a"}))
	wantCode(t, err, bot.CodeConflict)
	git(t, other, "rev-parse", "refs/heads/main/sub")
}

// TestPushLeavesNoLitter: a refused or repeated push leaves no lock and no
// temporary file behind.
func TestPushLeavesNoLitter(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	p := gitpush.New(gitpush.Options{})
	for _, data := range []string{"1", "1", "2"} {
		_, _ = p.Push(t.Context(), repo, request(bot.TreeFile{Path: "a", Data: []byte(data)}))
	}
	for _, pattern := range []string{"objects/pack/tmp*", "refs/heads/*.lock", "refs/heads/tmp*"} {
		if left, err := filepath.Glob(filepath.Join(repo, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
	if packs, _ := filepath.Glob(filepath.Join(repo, "objects/pack/*.pack")); len(packs) != 1 {
		t.Errorf("%d packs, want 1", len(packs))
	}
}

func BenchmarkPushSixtyFilesToAPath(b *testing.B) {
	p := gitpush.New(gitpush.Options{})
	req := request(sixty()...)
	root := b.TempDir()
	for i := 0; b.Loop(); i++ {
		dir := filepath.Join(root, bot.NewToken())
		if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o755); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Push(b.Context(), dir, req); err != nil {
			b.Fatal(err)
		}
	}
}

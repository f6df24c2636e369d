package githttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/githttp"
)

func command(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := command(t.Context(), dir, args...); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// serve serves one repository; a rule that is not "" declines pushes.
func serve(t *testing.T, repo githttp.Repository, rule *string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, below, _ := strings.Cut(r.URL.Path, ".git/")
		if r.Method == http.MethodPost && githttp.Pushing(r, below) && *rule != "" {
			githttp.Decline(w, r, "hook declined", *rule)
			return
		}
		githttp.Serve(w, r, repo, below)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/shop.git"
}

func TestGitClonesAndPushes(t *testing.T) {
	t.Parallel()
	repo, err := githttp.Init(filepath.Join(t.TempDir(), "1.git"), "main")
	if err != nil {
		t.Fatal(err)
	}
	who := githttp.Person{Name: "Dev", Mail: "dev@example.com", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	first, err := repo.Commit("main", "First", who)
	if err != nil {
		t.Fatal(err)
	}
	rule := ""
	dir := filepath.Join(t.TempDir(), "copy")
	run(t, ".", "clone", "-q", serve(t, repo, &rule), dir)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "add", "a")
	run(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Second\n\nBody")
	run(t, dir, "push", "-q", "origin", "main")
	log := repo.Log("main")
	if len(log) != 2 || log[0].Message != "Second\n\nBody" || log[1].ID != first || log[1].Author != who || log[0].Parents[0] != first {
		t.Errorf("the log is %+v", log)
	}
	if repo.Resolve("main") != log[0].ID || repo.Resolve("--all") != "" || !repo.Exists(first) || repo.Exists(githttp.Zeros) {
		t.Error("what is there is not found, or the other way round")
	}
	if err := repo.Tag("v1", first); err != nil {
		t.Fatal(err)
	}
	if names, commits := repo.Refs("refs/tags/"); len(names) != 1 || commits["v1"] != first {
		t.Errorf("tags: %v, %v", names, commits)
	}
	rule = "branches are frozen"
	if out, err := command(t.Context(), dir, "push", "origin", "main:other"); err == nil || !strings.Contains(out, rule) || !strings.Contains(out, "hook declined") {
		t.Errorf("a declined push: %s, %v", out, err)
	}
	if len(repo.Heads()) != 1 {
		t.Error("a declined push has its effect")
	}
}

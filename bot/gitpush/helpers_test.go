package gitpush_test

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func request(files ...bot.TreeFile) bot.PushRequest {
	return bot.PushRequest{
		Repository: bot.Repository{Owner: "foo-org", Name: "hello-world"},
		Branch:     "main", Tree: bot.Tree{Files: files},
		Author:  bot.Signature{Name: "Alice Ä", Email: "alice@example.com"},
		Message: "Initial commit\n\nFrom go-service 1.2.0.", At: at, Operation: "0190-op",
	}
}

// sixty is a tree of 60 files in several folders, every seventh executable, whose
// names sort differently for git (folders as "name/") than for strings.
func sixty() []bot.TreeFile {
	var files []bot.TreeFile
	for i := range 60 {
		folder := []string{"", "a/", "a.b/", "a-c/deep/er/", "zä/"}[i%5]
		files = append(files, bot.TreeFile{
			Path:       fmt.Sprintf("%sfile%02d.txt", folder, i),
			Executable: i%7 == 0, Data: []byte(strings.Repeat(fmt.Sprintf("line %d\n", i%40), i)),
		})
	}
	return append(files, bot.TreeFile{Path: "a0", Data: nil})
}

// git runs the program with nothing of the machine's configuration.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(t, dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	date := fmt.Sprintf("%d +0000", at.Unix())
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Alice Ä", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=Alice Ä", "GIT_COMMITTER_EMAIL=alice@example.com", "GIT_COMMITTER_DATE=" + date,
	}
	return cmd
}

func bare(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo.git")
	git(t, t.TempDir(), "init", "-q", "--bare", "-b", "main", dir)
	return dir
}

// byGit makes the same commit with the git program in a working copy.
func byGit(t *testing.T, req bot.PushRequest, message string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for _, f := range req.Tree.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		mode := os.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", message)
	return git(t, dir, "rev-parse", "HEAD")
}

// server serves one bare repository by git http-backend and counts the pushes.
type server struct {
	url    string
	pushes atomic.Int32
	secret string // "" = anonymous pushes are welcome
}

func serve(t *testing.T, repo, secret string) *server {
	t.Helper()
	git(t, repo, "config", "http.receivepack", "true")
	s := &server{secret: secret}
	backend := &cgi.Handler{
		Path: "/usr/bin/git", Args: []string{"http-backend"},
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(repo), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_NOSYSTEM=1", "HOME=" + t.TempDir(), "REMOTE_USER=bot",
		},
	}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, got, _ := r.BasicAuth(); s.secret != "" && got != s.secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you, "+got, http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			s.pushes.Add(1)
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(ts.Close)
	s.url = ts.URL + "/repo.git"
	return s
}

func wantCode(t *testing.T, err error, code bot.Code) {
	t.Helper()
	if got := bot.CodeOf(err); got != code {
		t.Fatalf("error %v has code %q, want %q", err, got, code)
	}
}

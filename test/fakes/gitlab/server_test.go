package gitlab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	fake "opsbot/test/fakes/gitlab"
)

// start starts a server whose complaints are collected.
func start(t *testing.T, opts ...fake.Option) *fake.Server {
	t.Helper()
	s, err := fake.Start(append([]fake.Option{fake.WithDir(t.TempDir())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddGroup("foo", fake.GroupRules{}, map[string]int{s.Login: fake.Owner})
	return s
}

// ask sends a request of the API.
func ask(t *testing.T, s *fake.Server, token, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v4"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Private-Token", token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

const shop = `{"name": "shop", "path": "shop", "visibility": "private"}`

// TestStrict: what no client should send is told, and refused.
func TestStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ method, path, body, told string }{
		"unknown address":    {"GET", "/nothing", "", "no such operation"},
		"unknown method":     {"PATCH", "/projects/1", "{}", "no such operation"},
		"path not escaped":   {"GET", "/projects/foo/shop", "", "no such operation"},
		"unknown parameter":  {"GET", "/version?x=1", "", "x is not known"},
		"unknown field":      {"POST", "/projects", `{"path": "a", "nmae": "a"}`, "nmae is not known"},
		"null":               {"POST", "/projects", `{"path": "a", "topics": null}`, "topics is null"},
		"missing":            {"POST", "/projects/1/hooks", `{"token": "x"}`, "url is missing"},
		"no JSON":            {"POST", "/projects", "path=a", "no JSON object"},
		"file without a ref": {"GET", "/projects/1/repository/files/a%2Fb", "", "ref is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			status, _ := ask(t, s, s.Token, c.method, c.path, c.body)
			if got := s.Unexpected(); status < 400 || len(got) != 1 || !strings.Contains(got[0], c.told) {
				t.Errorf("%d, %q", status, got)
			}
		})
	}
}

// recorder is a test that only notes.
type recorder struct {
	fake.TB
	mu    sync.Mutex
	errs  []string
	after []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.after = append(r.after, f) }

// TestFailsTheTest: the unexpected, and an expectation that is not met.
func TestFailsTheTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	s := fake.New(r)
	s.Expect("GET /version", 2)
	ask(t, s, s.Token, "GET", "/version", "")
	ask(t, s, s.Token, "GET", "/nothing", "")
	for _, f := range r.after {
		f()
	}
	if len(r.errs) != 2 || !strings.Contains(r.errs[0], "GET /api/v4/nothing") || !strings.Contains(r.errs[1], "GET /version was called 1 times, expected 2") {
		t.Errorf("%q", r.errs)
	}
}

// TestWords: what GitLab refuses is refused in its words and shapes.
func TestWords(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddUser("alice")
	s.AddToken("of-alice", "alice", "api")
	s.AddToken("narrow", s.Login, "read_api")
	s.AddToken("old", s.Login, "api")
	s.AddToken("gone", s.Login, "api")
	s.Revoke("gone")
	s.Expire("old", time.Now().Add(-time.Hour))
	if err := s.AddProject("foo/taken", ""); err != nil {
		t.Fatal(err)
	}
	namespace := namespaceID(t, s, "foo")
	for name, c := range map[string]struct {
		token, method, path, body string
		status                    int
		want                      string
	}{
		"nobody":     {"", "GET", "/user", "", 401, `{"message":"401 Unauthorized"}`},
		"expired":    {"old", "GET", "/user", "", 401, `{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}`},
		"revoked":    {"gone", "GET", "/user", "", 401, `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`},
		"scope":      {"narrow", "POST", "/projects", shop, 403, `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}`},
		"hidden":     {"of-alice", "GET", "/projects/foo%2Ftaken", "", 404, `{"message":"404 Project Not Found"}`},
		"not there":  {s.Token, "GET", "/projects/foo%2Fnone", "", 404, `{"message":"404 Project Not Found"}`},
		"namespace":  {"of-alice", "GET", "/namespaces/foo", "", 404, `{"message":"404 Namespace Not Found"}`},
		"not a role": {"of-alice", "POST", "/projects", `{"path": "x", "namespace_id": ` + namespace + `}`, 400, `{"message":{"namespace":["is not valid"]}}`},
		"taken": {
			s.Token, "POST", "/projects", `{"path": "TAKEN", "namespace_id": ` + namespace + `}`, 400,
			`{"message":{"limit_reached":[],"name":["has already been taken"],"path":["has already been taken"],"project_namespace.name":["has already been taken"]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, got := ask(t, s, c.token, c.method, c.path, c.body); status != c.status || got != c.want {
				t.Errorf("%d %s", status, got)
			}
		})
	}
}

func namespaceID(t *testing.T, s *fake.Server, path string) string {
	t.Helper()
	_, text := ask(t, s, s.Token, "GET", "/namespaces/"+path, "")
	var n struct{ ID int64 }
	if err := json.Unmarshal([]byte(text), &n); err != nil || n.ID == 0 {
		t.Fatal(text, err)
	}
	return fmt.Sprint(n.ID)
}

func TestRenameRedirects(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.AddProject("foo/shop", ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename("foo/shop", "store"); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(t, s, s.Token, "GET", "/projects/foo%2Fshop", ""); status != 301 || !strings.Contains(text, "moved") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := ask(t, s, s.Token, "DELETE", "/projects/foo%2Fshop", ""); status != 405 {
		t.Errorf("%d %s", status, text)
	}
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGit: git itself clones and pushes, as whom the token is.
func TestGit(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddUser("alice")
	s.AddToken("of-alice", "alice", "api")
	s.AddToken("reader", s.Login, "read_repository")
	if err := s.AddProject("foo/shop", "main"); err != nil {
		t.Fatal(err)
	}
	address := func(token string) string {
		return strings.Replace(s.URL, "http://", "http://oauth2:"+token+"@", 1) + "/foo/shop.git"
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if out, err := git(t.Context(), ".", "clone", "-q", address(s.Token), dir); err != nil {
		t.Fatal(out)
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"add", "a"}, {"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Second"}} {
		if out, err := git(t.Context(), dir, args...); err != nil {
			t.Fatal(out)
		}
	}
	for token, words := range map[string]string{"of-alice": "not found", "reader": "Authentication failed", "wrong": "Authentication failed"} {
		if out, err := git(t.Context(), dir, "push", address(token), "main"); err == nil || !strings.Contains(out, words) {
			t.Errorf("%s: %s", token, out)
		}
	}
	if err := s.Rule("foo/shop", "Branches are frozen."); err != nil {
		t.Fatal(err)
	}
	if out, err := git(t.Context(), dir, "push", address(s.Token), "main"); err == nil || !strings.Contains(out, "GitLab: Branches are frozen.") || !strings.Contains(out, "pre-receive hook declined") {
		t.Error(out)
	}
	if err := s.Rule("foo/shop", ""); err != nil {
		t.Fatal(err)
	}
	if out, err := git(t.Context(), dir, "push", address(s.Token), "main"); err != nil {
		t.Error(out)
	}
}

// TestHooksOfAPush: one delivery for each branch, and none for more than three.
func TestHooksOfAPush(t *testing.T) {
	t.Parallel()
	for branches, want := range map[int]int{1: 1, 3: 3, 4: 0} {
		t.Run(fmt.Sprint(branches), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if err := s.AddProject("foo/shop", "main"); err != nil {
				t.Fatal(err)
			}
			if status, text := ask(t, s, s.Token, "POST", "/projects/foo%2Fshop/hooks", `{"url": "https://example.com/x", "token": "t"}`); status != 201 || strings.Contains(text, `"token"`) {
				t.Fatal(status, text)
			}
			dir := filepath.Join(t.TempDir(), "copy")
			address := strings.Replace(s.URL, "http://", "http://oauth2:"+s.Token+"@", 1) + "/foo/shop.git"
			if out, err := git(t.Context(), ".", "clone", "-q", address, dir); err != nil {
				t.Fatal(out)
			}
			args := []string{"push", "-q", "origin"}
			for i := range branches {
				args = append(args, fmt.Sprintf("main:refs/heads/b%d", i))
			}
			if out, err := git(t.Context(), dir, args...); err != nil {
				t.Fatal(out)
			}
			p, _ := s.Project("foo/shop")
			if got := p.Hooks[0].Deliveries; len(got) != want || want > 0 && got[0].Header.Get("X-Gitlab-Token") != "t" {
				t.Errorf("%d deliveries, want %d", len(got), want)
			}
		})
	}
}

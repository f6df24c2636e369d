package gitea_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/test/fakes/gitea"
)

// start makes a server whose surprises the test itself looks at.
func start(t *testing.T, opts ...gitea.Option) *gitea.Server {
	t.Helper()
	s, err := gitea.Start(append([]gitea.Option{gitea.WithDir(t.TempDir())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddOrg("foo-org", gitea.OrgRules{MembersCreate: true, MembersOwn: true, Teams: []string{"developers"}}, s.Login)
	return s
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func ask(t *testing.T, s *gitea.Server, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+s.Token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(data)}
	_ = json.Unmarshal(data, &a.body) // a list is looked at as text
	return a
}

// want asks and looks at the status and the message.
func want(t *testing.T, s *gitea.Server, method, path, body string, status int, says string) answer {
	t.Helper()
	a := ask(t, s, method, path, body)
	if a.status != status || !strings.Contains(a.text, says) {
		t.Errorf("%s %s: %d %s, want %d %q", method, path, a.status, a.text, status, says)
	}
	return a
}

func TestStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ method, path, body, says string }{
		"unknown path":      {"GET", "repos/foo-org/shop/stargazers", "", "no such operation"},
		"unknown method":    {"PATCH", "user/repos", "{}", "no such operation"},
		"unknown parameter": {"GET", "repos/foo-org/shop?pretty=1", "", `no parameter "pretty"`},
		"no pages":          {"GET", "repos/foo-org/shop?page=1", "", `no parameter "page"`},
		"unknown field":     {"POST", "orgs/foo-org/repos", `{"name":"x","colour":"red"}`, `no field "colour"`},
		"wrong kind":        {"POST", "orgs/foo-org/repos", `{"name":7}`, `"name" is no text`},
		"missing body":      {"POST", "orgs/foo-org/repos", "", "the body is missing"},
		"superfluous body":  {"GET", "user", "{}", "there is no body"},
		"no JSON":           {"POST", "orgs/foo-org/repos", `name=x`, "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if a := ask(t, s, c.method, c.path, c.body); a.status < 400 {
				t.Errorf("answered with %d", a.status)
			}
			if got := s.Unexpected(); len(got) != 1 || !strings.Contains(got[0], c.says) {
				t.Errorf("told: %q, want %q", got, c.says)
			}
		})
	}
	s := start(t)
	s.Expect("POST /orgs/{org}/repos", 1)
	s.Expect("GET /user", 1)
	ask(t, s, "GET", "user", "")
	s.Close()
	if got := s.Unexpected(); len(got) != 1 || !strings.Contains(got[0], "POST /orgs/{org}/repos was called 0 times, expected 1") {
		t.Errorf("%q", got)
	}
}

// recorder is a test that remembers how it failed.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, format)
	_ = args
}

func TestNewFailsItsTest(t *testing.T) {
	t.Parallel()
	tb := &recorder{TB: t}
	s := gitea.New(tb)
	ask(t, s, "GET", "nonsense", "")
	if len(tb.failed) != 1 {
		t.Errorf("%q", tb.failed)
	}
}

func TestRefusalsInGiteasWords(t *testing.T) {
	t.Parallel()
	s := start(t)
	want(t, s, "POST", "orgs/foo-org/repos", `{"name":"shop","private":true}`, 201, `"full_name":"foo-org/shop"`)
	want(t, s, "POST", "orgs/foo-org/repos", `{"name":"SHOP"}`, 409, "The repository with the same name already exists.")
	want(t, s, "POST", "orgs/foo-org/repos", `{"name":"my shop"}`, 422, "AlphaDashDot")
	want(t, s, "POST", "orgs/foo-org/repos", `{}`, 422, "[Name]: Required")
	want(t, s, "GET", "repos/foo-org/shop/commits", "", 409, "Git Repository is empty.")
	want(t, s, "POST", "repos/foo-org/shop/hooks", `{"type":"gitea","config":{"url":"https://a.example"}}`, 422, "Missing config option: content_type")
	want(t, s, "PUT", "repos/foo-org/shop/topics", `{"topics":["No"]}`, 422, "Topic names are invalid")
	want(t, s, "PUT", "repos/foo-org/shop/teams/developers", "", 204, "")
	want(t, s, "PUT", "repos/foo-org/shop/teams/developers", "", 422, "team 'developers' is already added to repo")
	if a := ask(t, s, "GET", "user", "", "Authorization", "token nonsense"); a.status != 401 {
		t.Errorf("%d %s", a.status, a.text)
	}
	s.AddToken("small", s.Login, "read:repository")
	a := ask(t, s, "PATCH", "repos/foo-org/shop", "{}", "Authorization", "token small")
	if a.status != 403 || a.body["message"] != "token does not have at least one of required scope(s), required=[write:repository], token scope=read:repository" {
		t.Errorf("%d %s", a.status, a.text)
	}
	want(t, s, "PATCH", "repos/foo-org/shop", `{"archived":true}`, 200, `"archived":true`)
	want(t, s, "PUT", "repos/foo-org/shop/topics", `{"topics":[]}`, 423, "archived")
	if got := s.Unexpected(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.AddRepo("foo-org/shop", "main"); err != nil {
		t.Fatal(err)
	}
	for range 70 {
		if _, err := s.Commit("foo-org/shop", "main", "More"); err != nil {
			t.Fatal(err)
		}
	}
	for query, n := range map[string]int{"": 30, "?limit=100": 50, "?limit=100&page=2": 21, "?limit=5&page=15": 1, "?page=9": 0} {
		a := ask(t, s, "GET", "repos/foo-org/shop/commits"+query, "")
		if got := strings.Count(a.text, `"html_url"`); got != n || a.header.Get("X-Total-Count") != "71" {
			t.Errorf("%q: %d commits of %s", query, got, a.header.Get("X-Total-Count"))
		}
		if more := strings.Contains(a.header.Get("Link"), `rel="next"`); more != (n == 30 || n == 50) {
			t.Errorf("%q: %s", query, a.header.Get("Link"))
		}
	}
}

func TestRenamedRedirects(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.AddRepo("foo-org/old", "main"); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename("foo-org/old", "foo-org/new"); err != nil {
		t.Fatal(err)
	}
	a := ask(t, s, "GET", "repos/foo-org/old/branches?page=1", "")
	if to := a.header.Get("Location"); a.status != 307 || to != "/api/v1/repos/foo-org/new/branches?page=1" {
		t.Errorf("%d %s", a.status, to)
	}
}

func TestPullRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.AddRepo("foo-org/shop", "main"); err != nil {
		t.Fatal(err)
	}
	const files = `{"branch":"main","new_branch":"side","message":"M","author":{"name":"A","email":"a@example.com"},"dates":{"author":"2026-03-01T11:00:00Z"},
		"files":[{"operation":"create","path":"a/b","content":"eA=="}]}`
	a := want(t, s, "POST", "repos/foo-org/shop/contents", files, 201, `"sha"`)
	commit, _ := a.body["commit"].(map[string]any)
	if author, _ := commit["author"].(map[string]any); author["name"] != "A" || author["date"] != "2026-03-01T11:00:00Z" {
		t.Errorf("the commit is %v", commit)
	}
	want(t, s, "POST", "repos/foo-org/shop/contents", files, 422, "branch already exists [name: side]")
	again := strings.Replace(strings.Replace(files, `"main"`, `"side"`, 1), `"new_branch":"side"`, `"new_branch":"other"`, 1)
	want(t, s, "POST", "repos/foo-org/shop/contents", again, 422, "repository file already exists [path: a/b]")
	want(t, s, "POST", "repos/foo-org/shop/contents", strings.Replace(again, `"create"`, `"update"`, 1), 422, "a SHA or commit ID must be")
	want(t, s, "GET", "repos/foo-org/shop/contents/a/b?ref=side", "", 200, `"content":"eA=="`)
	want(t, s, "GET", "repos/foo-org/shop/contents/a/b?ref=main", "", 404, "couldn't be found")
	const pull = `{"head":"side","base":"main","title":"T"}`
	want(t, s, "POST", "repos/foo-org/shop/pulls", pull, 201, `"number":1`)
	want(t, s, "POST", "repos/foo-org/shop/pulls", pull, 409, "pull request already exists for these targets")
	want(t, s, "POST", "repos/foo-org/shop/pulls", strings.Replace(pull, "side", "none", 1), 404, "couldn't be found")
	if err := s.Merge("foo-org/shop", 1); err != nil {
		t.Fatal(err)
	}
	want(t, s, "PATCH", "repos/foo-org/shop/pulls/1", `{"state":"open"}`, 412, "already merged")
	want(t, s, "DELETE", "repos/foo-org/shop/branches/side", "", 204, "")
	want(t, s, "GET", "repos/foo-org/shop/pulls?state=all", "", 200, `"ref":"refs/pull/1/head"`)
	want(t, s, "DELETE", "repos/foo-org/shop/branches/main", "", 403, "default")
	if got := s.Unexpected(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestPushByGit: the git program itself clones, pushes and is told no; the webhooks
// go out over HTTP, signed.
func TestPushByGit(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 10)
	via := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		got <- r
		return &http.Response{StatusCode: 202, Body: http.NoBody, Request: r}, nil
	})
	s := start(t, gitea.WithDeliveries(via), gitea.WithVersion("12.0.1+gitea-1.22.0"))
	want(t, s, "POST", "orgs/foo-org/repos", `{"name":"shop","private":true}`, 201, "")
	want(t, s, "POST", "repos/foo-org/shop/hooks",
		`{"type":"gitea","active":true,"config":{"url":"https://a.example/x","content_type":"json","secret":"s"},"events":["push"]}`, 201, "")
	remote := strings.Replace(s.URL, "://", "://x:"+s.Token+"@", 1) + "/foo-org/shop.git"
	dir := filepath.Join(t.TempDir(), "copy")
	run(t, ".", "clone", "-q", remote, dir)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "add", "a")
	run(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "One")
	run(t, dir, "push", "-q", "origin", "HEAD:trunk")
	r := <-got
	signature := r.Header.Get("X-Gitea-Signature")
	if r.Header.Get("X-Gitea-Event") != "push" || len(signature) != 64 || r.Header.Get("X-Forgejo-Signature") != signature ||
		r.Header.Get("X-Hub-Signature-256") != "sha256="+signature || r.Header.Get("X-Gitea-Delivery") == "" {
		t.Errorf("there comes %v", r.Header)
	}
	repo, ok := s.Repo("foo-org/shop")
	if !ok || repo.DefaultBranch != "trunk" || len(repo.Branches) != 1 {
		t.Errorf("%+v", repo)
	}
	if err := s.Rule("foo-org/shop", "Not allowed"); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t.Context(), dir, "push", "origin", "HEAD:other"); err == nil || !strings.Contains(out, "Gitea: Not allowed") {
		t.Errorf("a rule does not hold: %s, %v", out, err)
	}
	if out, err := command(t.Context(), dir, "ls-remote", strings.Replace(remote, s.Token, "wrong", 1)); err == nil {
		t.Errorf("a wrong token reads: %s", out)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

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

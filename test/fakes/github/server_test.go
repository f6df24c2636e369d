package github_test

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
	"time"

	"opsbot/bot"
	"opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
)

// start makes a server whose surprises the test itself looks at.
func start(t *testing.T, opts ...github.Option) *github.Server {
	t.Helper()
	contract, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := github.Start(append([]github.Option{github.WithDir(t.TempDir()), github.WithContract(contract)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddOrg("foo-org", github.OrgRules{MembersCreate: true}, s.Login)
	return s
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func ask(t *testing.T, s *github.Server, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.APIURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
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

func TestStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ method, path, body, says string }{
		"unknown path":      {"GET", "repos/foo-org/shop/stargazers", "", "no such operation"},
		"unknown method":    {"PATCH", "user/repos", "{}", "no such operation"},
		"unknown parameter": {"GET", "repos/foo-org/shop?pretty=1", "", `no parameter "pretty"`},
		"unknown field":     {"POST", "orgs/foo-org/repos", `{"name":"x","colour":"red"}`, `no field "colour"`},
		"wrong type":        {"POST", "orgs/foo-org/repos", `{"name":7}`, "does not allow"},
		"missing field":     {"POST", "orgs/foo-org/repos", `{}`, "does not allow"},
		"wrong word":        {"POST", "repos/foo-org/shop/statuses/" + strings.Repeat("a", 40), `{"state":"green"}`, "does not allow"},
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

func TestRefusalsAsDocumented(t *testing.T) {
	t.Parallel()
	s := start(t)
	if a := ask(t, s, "POST", "orgs/foo-org/repos", `{"name":"my shop","private":true}`); a.status != 201 || a.body["name"] != "my-shop" {
		t.Errorf("%d %s", a.status, a.text)
	}
	a := ask(t, s, "POST", "orgs/foo-org/repos", `{"name":"My-Shop"}`)
	errs, _ := a.body["errors"].([]any)
	if a.status != 422 || a.body["message"] != "Repository creation failed." || len(errs) != 1 || errs[0].(map[string]any)["message"] != "name already exists on this account" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := ask(t, s, "GET", "user", "", "Authorization", "Bearer nonsense"); a.status != 401 || a.body["message"] != "Bad credentials" {
		t.Errorf("%d %s", a.status, a.text)
	}
	s.AddToken("ghp_small", s.Login, "read:org")
	a = ask(t, s, "GET", "repos/foo-org/my-shop/hooks", "", "Authorization", "token ghp_small")
	if a.status != 404 || a.header.Get("X-OAuth-Scopes") != "read:org" || !strings.Contains(a.header.Get("X-Accepted-OAuth-Scopes"), "admin:repo_hook") {
		t.Errorf("%d %v", a.status, a.header)
	}
	hook := `{"config":{"url":"https://a.example/x","content_type":"json"},"events":["push"]}`
	if a := ask(t, s, "POST", "repos/foo-org/my-shop/hooks", hook); a.status != 201 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := ask(t, s, "POST", "repos/foo-org/my-shop/hooks", hook); a.status != 422 || !strings.Contains(a.text, "Hook already exists") {
		t.Errorf("%d %s", a.status, a.text)
	}
	if got := s.Unexpected(); len(got) != 0 {
		t.Errorf("%q", got)
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
	a := ask(t, s, "GET", "repos/foo-org/old", "")
	to := a.header.Get("Location")
	if a.status != 301 || !strings.Contains(to, "/repositories/") {
		t.Fatalf("%d %s", a.status, to)
	}
	if a = ask(t, s, "GET", strings.TrimPrefix(to, s.APIURL()), ""); a.status != 200 || a.body["full_name"] != "foo-org/new" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a = ask(t, s, "PATCH", "repos/foo-org/old", `{"archived":true}`); a.status != 307 {
		t.Errorf("%d", a.status)
	}
}

type still struct{ now time.Time }

func (c *still) Now() time.Time                       { return c.now }
func (c *still) After(time.Duration) <-chan time.Time { return time.After(0) }

func TestLimitsAndETags(t *testing.T) {
	t.Parallel()
	clock := &still{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := start(t, github.WithClock(clock), github.WithLimits(5, 2, 100))
	first := ask(t, s, "GET", "user", "")
	again := ask(t, s, "GET", "user", "", "If-None-Match", first.header.Get("ETag"))
	if first.header.Get("X-RateLimit-Remaining") != "4" || again.status != 304 || again.text != "" {
		t.Errorf("%v, then %d", first.header, again.status)
	}
	for i, want := range []int{201, 201, 403} {
		a := ask(t, s, "POST", "user/repos", `{"name":"r`+string(rune('a'+i))+`"}`)
		if a.status != want || want == 403 && a.header.Get("Retry-After") != "60" {
			t.Errorf("write %d: %d %v", i, a.status, a.header)
		}
	}
	ask(t, s, "GET", "user", "")
	a := ask(t, s, "GET", "user", "")
	if a.status != 403 || a.header.Get("X-RateLimit-Remaining") != "0" || a.header.Get("X-RateLimit-Reset") != "1772370000" {
		t.Errorf("%d %v", a.status, a.header)
	}
	clock.now = clock.now.Add(time.Hour)
	if a := ask(t, s, "GET", "user", ""); a.status != 200 {
		t.Errorf("an hour later: %d", a.status)
	}
}

// TestPushByGit: the git program itself clones, pushes and is told no; the webhook
// goes out over HTTP, signed.
func TestPushByGit(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 10)
	via := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		got <- r
		return &http.Response{StatusCode: 202, Body: http.NoBody, Request: r}, nil
	})
	s := start(t, github.WithDeliveries(via))
	if a := ask(t, s, "POST", "orgs/foo-org/repos", `{"name":"shop","private":true}`); a.status != 201 {
		t.Fatal(a.text)
	}
	if a := ask(t, s, "POST", "repos/foo-org/shop/hooks", `{"config":{"url":"https://a.example/x","content_type":"json","secret":"s"},"events":["push"]}`); a.status != 201 {
		t.Fatal(a.text)
	}
	if r := <-got; r.Header.Get("X-GitHub-Event") != "ping" {
		t.Errorf("first comes %v", r.Header)
	}
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
	if r.Header.Get("X-GitHub-Event") != "push" || !strings.HasPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=") {
		t.Errorf("then comes %v", r.Header)
	}
	repo, ok := s.Repo("foo-org/shop")
	if !ok || repo.DefaultBranch != "trunk" || len(repo.Branches) != 1 {
		t.Errorf("%+v", repo)
	}
	if err := s.Rule("foo-org/shop", "protected"); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t.Context(), dir, "push", "origin", "HEAD:other"); err == nil || !strings.Contains(out, "protected") {
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

var _ bot.Clock = (*still)(nil)

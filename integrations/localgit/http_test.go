package localgit

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
)

func TestCloneAndPush(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello-world")
	dir := w.copyOf(r)
	commit := w.git(dir, "rev-parse", "HEAD")
	w.git(dir, "push", "-q", "origin", "main")

	for name, args := range map[string][]string{
		"protocol 2": {"-c", "protocol.version=2"}, "protocol 0": {"-c", "protocol.version=0"},
		"shallow": {"clone", "--depth=1"}, "partial": {"clone", "--filter=blob:none"},
	} {
		target := filepath.Join(t.TempDir(), "copy")
		if args[0] == "-c" {
			args = append(args, "clone")
		}
		w.git(t.TempDir(), append(args, "-q", r.CloneURL, target)...) // public: no token
		if got := w.git(target, "rev-parse", "HEAD"); got != commit {
			t.Errorf("%s: HEAD is %s, want %s", name, got, commit)
		}
	}
	without := filepath.Join(t.TempDir(), "copy")
	w.git(t.TempDir(), "clone", "-q", strings.TrimSuffix(r.CloneURL, ".git"), without)
	w.git(t.TempDir(), "ls-remote", strings.Replace(r.CloneURL, "foo-org/hello", "FOO-org/Hello", 1))
}

func TestOnlyValidTokensPush(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello-world")
	dir := w.copyOf(r)
	_, bobs := w.person("bob")
	for name, target := range map[string]string{
		"none": r.CloneURL, "wrong": as(r.CloneURL, "alice", "wrong"), "empty": as(r.CloneURL, "alice", ""),
		"somebody else's": as(r.CloneURL, "alice", bobs),
	} {
		out, err := w.tryGit(dir, "push", target, "main")
		if err == nil || !strings.Contains(out, "Authentication failed") && !strings.Contains(out, "could not read") {
			t.Errorf("%s token: %v, %s", name, err, out)
		}
	}
	w.git(dir, "push", "-q", as(r.CloneURL, "ALICE", w.token), "main")
	sessions, err := w.forge.Tokens(t.Context(), w.user.ID)
	if err != nil || len(sessions) != 1 || sessions[0].UsedAt.IsZero() || strings.Contains(sessions[0].Hash, w.token) {
		t.Fatalf("sessions %+v, %v", sessions, err)
	}
	if err := w.forge.RevokeToken(t.Context(), sessions[0].Hash); err != nil {
		t.Fatal(err)
	}
	w.commit(dir, "a", "After")
	if out, err := w.tryGit(dir, "push", "origin", "main"); err == nil || !strings.Contains(out, "Authentication failed") {
		t.Errorf("a revoked token pushed: %v, %s", err, out)
	}
	res, body := w.get("/git/foo-org/hello-world.git/info/refs?service=git-receive-pack")
	if res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic ") || !strings.Contains(body, "git token") {
		t.Errorf("no token: %d %v %q", res.StatusCode, res.Header, body)
	}
	if strings.Contains(w.log.String(), w.token) || strings.Contains(w.log.String(), bobs) {
		t.Error("a token is in the log")
	}
}

func TestPrivateRepositoriesAreHidden(t *testing.T) {
	t.Parallel()
	w := setup(t, func(_ *bot.IntegrationEnv, o *Options) {
		o.Allow = func(_ context.Context, u bot.User, _, name string, write bool) error {
			if u.Name == "bob" && (name == "secret" || write) {
				return bot.Errorf(bot.CodeForbidden, "Policy team-only decided so.")
			}
			return nil
		}
	})
	r := w.repo("secret", private)
	public := w.repo("public")
	_, bobs := w.person("bob")
	refs := "/git/foo-org/secret.git/info/refs?service=git-upload-pack"
	for path, want := range map[string]int{refs: 401, strings.Replace(refs, "secret", "absent", 1): 401, "/git/foo-org/secret": 401} {
		if res, _ := w.get(path); res.StatusCode != want {
			t.Errorf("anonymous %s: %d, want %d", path, res.StatusCode, want)
		}
	}
	w.git(t.TempDir(), "ls-remote", w.mine(r))
	for _, name := range []string{"secret", "absent"} {
		out, err := w.tryGit(t.TempDir(), "ls-remote", as(strings.Replace(r.CloneURL, "secret", name, 1), "bob", bobs))
		if err == nil || !strings.Contains(out, "not found") {
			t.Errorf("bob sees %s: %v, %s", name, err, out)
		}
	}
	out, err := w.tryGit(w.copyOf(public), "push", as(public.CloneURL, "bob", bobs), "main")
	if err == nil || !strings.Contains(out, "remote: You may not push to foo-org/public: Policy team-only decided so.") {
		t.Errorf("bob pushed, or was not told why: %v, %s", err, out)
	}
	if res, _ := w.get("/git/foo-org/public", "Authorization", basic("bob", "stale")); res.StatusCode != 401 {
		t.Errorf("a wrong token reads a public repository as if it were none: %d", res.StatusCode)
	}
}

func TestArchivedRepositoryIsReadOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("old")
	dir := w.copyOf(r)
	w.git(dir, "push", "-q", "origin", "main")
	if err := w.forge.ArchiveRepository(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.commit(dir, "b", "More")
	out, err := w.tryGit(dir, "push", "origin", "main")
	if err == nil || !strings.Contains(out, "remote: The repository foo-org/old is archived") {
		t.Errorf("pushed to an archived repository, or was not told why: %v, %s", err, out)
	}
	w.git(t.TempDir(), "clone", "-q", r.CloneURL, "copy")
}

func TestTwoPushesAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("busy")
	base := w.copyOf(r)
	w.git(base, "push", "-q", "origin", "main")
	var dirs []string
	for i := range 2 {
		dir := filepath.Join(t.TempDir(), "copy")
		w.git(t.TempDir(), "clone", "-q", w.mine(r), dir)
		w.commit(dir, string(rune('a'+i)), "Change")
		dirs = append(dirs, dir)
	}
	var all sync.WaitGroup
	results := make([]error, 2)
	for i, dir := range dirs {
		all.Go(func() { _, results[i] = w.tryGit(dir, "push", "origin", "main") })
	}
	all.Wait()
	if (results[0] == nil) == (results[1] == nil) {
		t.Fatalf("exactly one of two pushes to one branch wins: %v, %v", results[0], results[1])
	}
	winner := dirs[0]
	if results[0] != nil {
		winner = dirs[1]
	}
	w.reconcile()
	events := w.edge.events(t)
	if len(events) != 2 || events[1].Commit != w.git(winner, "rev-parse", "HEAD") {
		t.Errorf("events %+v", events)
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.repo("hello")
	auth := []string{"Authorization", basic("alice", w.token)}
	for _, path := range []string{
		"/git/", "/git/foo-org", "/git/foo-org/", "/git/foo-org/absent", "/git/foo-org/hello.git/config", "/git/foo-org/hello.git/HEAD",
		"/git/foo-org/hello.git/objects/info/packs", "/git/../secret", "/git/foo-org/..%2f..%2fsecret", "/git/%2e%2e/hello/info/refs?service=git-upload-pack",
		"/git/foo-org/hello.git/info/refs", "/git/foo-org/hello.git/info/refs?service=git-evil", "/git/foo-org/hello.git/git-upload-pack",
		"/git/foo-org/hello/raw/HEAD/x", "/git/foo-org/hello/raw/" + strings.Repeat("a", 40) + "/../../../gitconfig", "/git/foo-org/hello%00.git/HEAD",
	} {
		res, body := w.get(path, auth...)
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %q", path, res.StatusCode, body)
		}
	}
}

func basic(user, secret string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, secret)
	return r.Header.Get("Authorization")
}

func TestThePageShowsForeignTextAsText(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello", func(s *bot.RepoSpec) { s.Description = "<img src=x onerror=alert(1)>" })
	res, body := w.get("/git/foo-org/hello")
	if res.StatusCode != 200 || !strings.Contains(body, "Nothing has been pushed yet") || strings.Contains(body, "<img") {
		t.Errorf("empty page: %d %s", res.StatusCode, body)
	}
	dir := w.copyOf(r)
	head := w.commit(dir, "page<b>.html", "<script>alert(1)</script> title")
	w.git(dir, "push", "-q", "origin", "main", "main:refs/heads/<b>bold")
	res, body = w.get("/git/foo-org/hello", "Accept", "text/html")
	for _, want := range []string{"git clone " + r.CloneURL, "&lt;script&gt;alert(1)&lt;/script&gt; title", "&lt;b&gt;bold", "page%3Cb%3E.html", head[:10]} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "<b>") {
		t.Errorf("foreign markup is live: %s", body)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox") || strings.Contains(csp, "allow-scripts") {
		t.Errorf("CSP %q", csp)
	}
	res, body = w.get("/git/foo-org/hello/raw/" + head + "/page%3Cb%3E.html")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasPrefix(body, "<script>") ||
		!strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox;") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("raw: %d %v %s", res.StatusCode, res.Header, body)
	}
	if res, _ := w.get("/git/foo-org/hello.git"); res.StatusCode != 303 || res.Header.Get("Location") != "/git/foo-org/hello" {
		t.Errorf("the clone URL in a browser: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

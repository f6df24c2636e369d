package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"opsbot/bot"
)

// TestOneShot: without a server, say runs one in process; statuses, several texts,
// confirm, JSON.
func TestOneShot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.expect(0, "Success! Your project is available on localgit", "say", "new-project hello-world")
	b.expect(1, "nonsense", "say", "deploy nonsense to staging")
	b.expect(1, "", "say", "--room", "nowhere", "help")
	b.expect(1, "can't be a user's name", "say", "--as", "../x", "help")
	b.expect(0, "runs in production", "say", "deploy hello-world to production", "confirm")
	out := b.ok("say", "--json", "--as", "alice", "whoami")
	said := false
	for line := range strings.Lines(out) {
		var e bot.RoomEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		said = said || e.Author.ID == "alice" && strings.Contains(e.Text, "whoami")
	}
	if !said {
		t.Errorf("alice is not heard: %s", out)
	}
}

// TestWithServer: every other command talks to the running server.
func TestWithServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g, stop := b.serve()
	page := g.after("Page:")
	b.expect(0, "Success!", "say", "new-project hello-world")
	b.expect(1, "", "serve") // the folder has its one process

	link := strings.TrimSpace(b.ok("login", "--as", "bob"))
	if !strings.HasPrefix(link, page+"/login?token=") {
		t.Errorf("login: %s, page %s", link, page)
	}
	b.expect(1, "can't be a user's name", "login", "--as", "<b>")

	token := strings.TrimSpace(b.ok("token", "new", "laptop"))
	b.expect(0, "laptop", "token", "list")
	if out := b.ok("token", "list"); strings.Contains(out, token) {
		t.Errorf("the list shows the token: %s", out)
	}
	b.expect(0, "", "token", "list", "--for", "say")
	b.expect(1, "no git token", "token", "revoke", "nonsense")
	b.expect(0, "Revoked laptop", "token", "revoke", "laptop")
	if out := b.ok("token", "list"); strings.Contains(out, "laptop") {
		t.Errorf("a revoked token is listed: %s", out)
	}

	b.sayElsewhere(page)
	b.ok("doctor")
	list := b.ok("operations", "list")
	if !strings.Contains(list, "new-project") || !strings.Contains(list, "hello-world") {
		t.Fatalf("operations: %s", list)
	}
	id := regexp.MustCompile(`(\S+)\s+new-project`).FindStringSubmatch(list)[1]
	b.expect(0, "repository", "operations", "show", id)
	b.expect(1, "", "operations", "show", "nonsense")
	b.expect(1, "", "operations", "resume", id) // nothing of it failed
	b.restored(page)
	stop()
}

// sayElsewhere talks to the page with a token.
func (b *bench) sayElsewhere(page string) {
	b.t.Helper()
	b.env["OPSBOT_TOKEN"] = strings.TrimSpace(b.ok("token", "new", "--for", "say", "--as", "carol", "script"))
	b.expect(0, "hello-world", "say", "--server", page, "projects")
	b.expect(0, "carol", "say", "--server", page+"/", "whoami")
	b.expect(1, "", "say", "--server", page, "delete-project hello-world") // carol may not
	b.expect(0, "Revoked script", "token", "revoke", "--for", "say", "--as", "carol", "script")
	b.expect(1, "401", "say", "--server", page, "projects")
}

// restored backs up and restores into another folder, where repository and app
// are again.
func (b *bench) restored(string) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "backup.tgz")
	b.expect(0, "files to "+file, "backup", file)
	b.expect(1, "must not exist yet", "backup", file)
	b.expect(1, "", "restore", file) // a server runs here
	other := setup(b.t)
	other.expect(0, "Restored", "restore", file)
	other.expect(1, "is not empty", "restore", file)
	g, stop := other.serve()
	defer stop()
	other.expect(0, "hello-world", "say", "projects")
	token := strings.TrimSpace(other.ok("token", "new", "restored"))
	host := strings.TrimPrefix(g.after("Hooks and git:"), "http://")
	clone := filepath.Join(b.t.TempDir(), "clone")
	cmd := exec.CommandContext(b.t.Context(), "git", "clone", "-q", "http://"+ownerName()+":"+token+"@"+host+"/git/local/hello-world.git", clone)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("clone: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(clone, "Jenkinsfile")); err != nil {
		b.t.Error(err)
	}
	app := g.after("Apps:")
	port := regexp.MustCompile(`:(\d+)/`).FindStringSubmatch(app)[1]
	other.answers(port)
}

// answers waits until the restored app does; it is started beside the server.
func (b *bench) answers(port string) {
	b.t.Helper()
	last := ""
	poll(b.t, "the restored app answers", func() bool {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/", nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Host = "hello-world.staging.localhost:" + port
		resp, err := (&http.Client{}).Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		last = string(body)
		return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(last, "hello-world")
	})
}

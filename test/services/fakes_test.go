package services_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"opsbot/test/program"
)

// TestFakesByHand goes the way that `opsbot dev fakes --help` shows: stand-ins in one
// terminal, the program on the printed configuration in another, and a third to talk.
func TestFakesByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := filepath.Join(dir, "opsbot")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "dev", "-o", bin, "opsbot/cmd/opsbot").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config, page := fakesByHand(t, bin)
	fixed, err := ports.Fixed(program.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	// The ports of the printed file may be taken on the machine of a test.
	_, wanted, _ := strings.Cut(fixed.YAML(), "listen:")
	wanted, _, _ = strings.Cut("listen:"+wanted, "integrations:")
	text := wanted + config[strings.Index(config, "data:"):]
	file := filepath.Join(dir, "fakes.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := program.Start(exec.CommandContext(context.Background(), bin, "--config", file, "serve"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, "--config", file, "say", "new-project hello").CombinedOutput()
	if err != nil || !regexp.MustCompile(`Success! Your project is available on GitHub: http://127\.0\.0\.1:\d+/foo-org/hello`).Match(out) {
		t.Fatalf("%v\n%s\n%s", err, out, s.Log())
	}
	for _, chat := range []string{"slack", "mattermost"} {
		post(t, page+"/dev/say", url.Values{"chat": {chat}, "user": {"alice"}, "text": {"@opsbot buildNow hello"}})
		await(t, page+"/dev/shown?user=alice&chat="+chat, `Build of hello/main`)
	}
	await(t, page+"/dev/shown?user=alice&chat=slack", `Build #1 .*SUCCESS`)
	post(t, page+"/dev/commit", url.Values{"repository": {"foo-org/hello"}, "message": {"By hand"}})
	await(t, page+"/dev/shown?user=alice&chat=slack", `"By hand" by Dev\nBuild #\d .*SUCCESS`)
	for _, forge := range []string{"gitea", "gitlab"} {
		post(t, page+"/dev/say", url.Values{"user": {"alice"}, "text": {"@opsbot new-project on-" + forge + " --forge " + forge}})
		await(t, page+"/dev/shown?user=alice", `on-`+forge+` · main · .*\nBuild #1 .*SUCCESS`)
	}
}

// fakesByHand starts the stand-ins and gives what they print, and where people talk.
func fakesByHand(t *testing.T, bin string) (config, page string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), bin, "dev", "fakes", "--page", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	said := regexp.MustCompile(`the configuration is in (\S+) too\. People talk on (http://\S+)/\.`)
	var found []string
	for found == nil && lines.Scan() {
		found = said.FindStringSubmatch(lines.Text())
	}
	rest := make(chan string, 1)
	go func() { text, _ := io.ReadAll(out); rest <- string(text) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // as Ctrl-C does
		log := <-rest
		if err := cmd.Wait(); err != nil || strings.Contains(log, "REFUSED") {
			t.Errorf("the stand-ins: %v\n%s", err, log)
		}
	})
	if found == nil {
		t.Fatal("the stand-ins did not start")
	}
	text, err := os.ReadFile(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(text), found[2]
}

func post(t *testing.T, address string, form url.Values) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	fetch(t, req, http.StatusNoContent)
}

func fetch(t *testing.T, req *http.Request, want int) string {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s: %s %s, %v", req.URL, resp.Status, text, err)
	}
	return string(text)
}

// await asks until the answer matches.
func await(t *testing.T, address, pattern string) {
	t.Helper()
	until(t, pattern, func() string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		return fetch(t, req, http.StatusOK)
	})
}

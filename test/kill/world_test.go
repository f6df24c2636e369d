package kill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/console"
)

// world is what can be seen from outside, one fact a line, in order.
type world []string

// look takes stock while the program p runs, then stops it and looks for orphans.
func (r *trial) look(t *testing.T, p *process) world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var w world
	add := func(facts []string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		w = append(w, facts...)
	}
	add(r.rows(ctx))
	add(r.rooms(ctx))
	add(r.outside(ctx))
	alive := belonging(r.data)
	w = append(w, commands(alive)...)
	w = append(w, listening(alive))
	if err := p.stop(ctx); err != nil {
		t.Error(err)
	}
	left := belonging(r.data)
	for _, orphan := range commands(left) {
		w = append(w, "left behind: "+orphan)
	}
	for _, pid := range left {
		t.Logf("left behind: %s", portrait(pid))
	}
	return w
}

// facts are what the tables must say, whatever happened on the way.
var facts = []string{
	"SELECT 'resource ' || kind || ' ' || name || ' ' || state FROM resources WHERE kind <> 'hook'",
	"SELECT 'resource hooks ' || count(*) FROM resources WHERE kind = 'hook' AND state = 'active'",
	"SELECT 'build ' || job || ' ' || branch || ' #' || number || ' ' || state || ' ' || result FROM builds",
	"SELECT 'version ' || branch || ' #' || number || ' ' || label FROM versions",
	"SELECT 'deployment ' || d.environment || ' ' || v.label || ' ' || d.state FROM deployments AS d JOIN versions AS v ON v.id = d.version_id",
	"SELECT 'runs in ' || e.environment || ' ' || d.label || ' ' || o.label || ' ' || e.health FROM environments AS e JOIN versions AS d ON d.id = e.desired_id JOIN versions AS o ON o.id = e.observed_id",
	"SELECT 'operation ' || kind || ' ' || environment || ' ' || state || ' ' || error FROM operations",
	"SELECT 'step ' || o.kind || ' ' || s.name || ' ' || s.state FROM steps AS s JOIN operations AS o ON o.id = s.operation_id",
	"SELECT 'change ' || branch || ' ' || title FROM changes",
	"SELECT 'audit ' || verb || ' ' || decision || ' ' || outcome FROM audit",
	"SELECT 'documents ' || instance || ' ' || kind || ' ' || count(*) FROM documents GROUP BY instance, kind",
}

// rows reads the tables.
func (r *trial) rows(ctx context.Context) ([]string, error) {
	var out []string
	for _, query := range facts {
		found, err := r.texts(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		found = slices.DeleteFunc(found, func(one string) bool { return r.scene.omits(one) })
		for i := range found {
			found[i] = anonymous(found[i])
		}
		slices.Sort(found)
		out = append(out, found...)
	}
	return out, nil
}

func (r *trial) texts(ctx context.Context, query string) (out []string, err error) {
	rows, err := r.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// rooms renders every message of the bot as people see it in the end. What people
// said counts once: who is cut off says it again.
func (r *trial) rooms(ctx context.Context) ([]string, error) {
	posts, err := r.texts(ctx, "SELECT post FROM entries WHERE bot = TRUE")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, text := range posts {
		var post bot.Post
		if err := json.Unmarshal([]byte(text), &post); err != nil {
			return nil, fmt.Errorf("read a post: %w", err)
		}
		lines := console.PostLines(post)
		if len(lines) > 0 && strings.Contains(lines[0], "Plan: ") {
			slices.Sort(lines) // what a plan lists comes in the order in which it was made
		}
		out = append(out, "message "+anonymous(strings.Join(lines, " / ")))
	}
	texts, err := r.texts(ctx, "SELECT DISTINCT text FROM entries WHERE bot = FALSE")
	for _, text := range texts {
		out = append(out, "said "+anonymous(text))
	}
	slices.Sort(out)
	return out, err
}

// git reads the repositories with the git program.
func (r *trial) git(ctx context.Context) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(r.data, "integrations/localgit/repos/*.git"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, dir := range found {
		for _, args := range [][]string{
			{"rev-list", "--all", "--count"},
			{"for-each-ref", "--format=%(refname) %(subject)"},
			{"fsck", "--strict", "--no-dangling", "--no-progress"},
		} {
			cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*", "-C", dir}, args...)...)
			text, err := cmd.CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("git %v: %w: %s", args, err, text)
			}
			out = append(out, "repository "+args[0]+": "+strings.TrimSpace(string(text)))
		}
	}
	return out, nil
}

// answers asks the deployed apps. One that is still being restored says so (503)
// for a moment.
func (r *trial) answers(ctx context.Context) ([]string, error) {
	var out []string
	for _, env := range []string{"staging", "production"} {
		status, body, err := r.ask(ctx, env)
		for tries := 0; err == nil && status == http.StatusServiceUnavailable && tries < 100; tries++ {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
			status, body, err = r.ask(ctx, env)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("%s answers %d: %s", env, status, anonymous(title.FindString(body))))
	}
	return out, nil
}

// ask gets an environment's app.
func (r *trial) ask(ctx context.Context, env string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.apps+"/", nil)
	if err != nil {
		return 0, "", err
	}
	req.Host = "hello-world." + env + ".localhost"
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// title is what of a page does not depend on when it was built.
var title = regexp.MustCompile(`<title>.*</title>`)

// hides lists what differs from run to run by its nature.
var hides = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`#[0-9a-f]{12}\b`), "#ID"},
	{regexp.MustCompile(`\b(planned|confirmed|confirm) [a-z0-9]{6}\b`), "$1 ID"},
	{regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`), "HOST"},
	{regexp.MustCompile(`-g[0-9a-f]{7}\b`), "-gSHA"},
	{regexp.MustCompile(`\b[0-9a-f]{7} "`), `SHA "`},
	{regexp.MustCompile("`[0-9a-f]{12}`"), "`ID`"},
	{regexp.MustCompile(`\b\d\d:\d\d(:\d\d)?\b`), "TIME"},
	{regexp.MustCompile(`in (\d+ min |under )?[\d.]+ s\b`), "in DURATION"},
	{regexp.MustCompile(`,( attempt \d+)? after an interruption`), ""},
	{regexp.MustCompile(` +`), " "},
}

func anonymous(text string) string {
	for _, h := range hides {
		text = h.what.ReplaceAllString(text, h.by)
	}
	return text
}

// differences lists what only one of two worlds has.
func differences(want, got world) []string {
	var out []string
	count := map[string]int{}
	for _, f := range want {
		count[f]++
	}
	for _, f := range got {
		count[f]--
	}
	for f, n := range count {
		switch {
		case n > 0:
			out = append(out, fmt.Sprintf("missing %dx: %s", n, f))
		case n < 0:
			out = append(out, fmt.Sprintf("too much %dx: %s", -n, f))
		}
	}
	slices.Sort(out)
	return out
}

package jenkins

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// exchange is a recorded request and what the real Jenkins answered.
type exchange struct {
	user, secret string
	method, path string
	header       http.Header
	body         string
	answer       *http.Response
	text         string
}

func recordings(t *testing.T, wanted int) string {
	t.Helper()
	dir := os.Getenv("OPSBOT_RECORDINGS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "recordings")
	}
	dir = filepath.Join(dir, "jenkins")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("OPSBOT_REQUIRE_PAYLOADS") == "1" {
			t.Fatalf("the recordings are missing: %v", err)
		}
		t.Skipf("!!! %d RECORDED EXCHANGES NOT REPLAYED: %v", wanted, err)
	}
	return dir
}

var requestLine = regexp.MustCompile(`(?m)^(GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1$`)

// load reads a .http file.
func load(t *testing.T, file string) exchange {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	top, below, ok := strings.Cut(string(data), "----- response -----\n")
	at := requestLine.FindStringSubmatchIndex(top)
	if !ok || at == nil {
		t.Fatalf("%s is no exchange", file)
	}
	x := exchange{method: top[at[2]:at[3]], path: top[at[4]:at[5]], header: http.Header{}}
	head, body, _ := strings.Cut(top[at[1]:], "\n\n")
	x.body = strings.TrimRight(body, "\n")
	for line := range strings.Lines(head) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && name == "Content-Type" {
			x.header.Set(name, value)
		}
	}
	auth := regexp.MustCompile(`# auth: (\w+)(?: with (API TOKEN|PASSWORD))?`).FindStringSubmatch(top)
	if auth != nil && auth[1] != "none" {
		x.user, x.secret = auth[1], map[string]string{"API TOKEN": "token", "PASSWORD": "password"}[auth[2]]
	}
	// The recordings have bodies without their transfer coding.
	head, x.text, _ = strings.Cut(below, "\n\n")
	raw := regexp.MustCompile(`(?m)^(Transfer-Encoding|Content-Length): .*\n`).ReplaceAllString(head+"\n", "")
	x.answer, err = http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")+"\r\n")), nil)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	_ = x.answer.Body.Close() // it is in text
	return x
}

// replay sends it to the fake.
func (x exchange) replay(t *testing.T, s *Server) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), x.method, s.URL+x.path, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = x.header.Clone()
	if x.user != "" {
		req.SetBasicAuth(x.user, x.secret)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// shape lists the paths of a JSON value with their types. Elements of lists count as
// one; what is null is of any type.
func shape(at string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			shape(at+"."+k, e, into)
		}
	case []any:
		into[at] = "list"
		for _, e := range v {
			shape(at+"[]", e, into)
		}
	case nil:
		if into[at] == "" {
			into[at] = "null"
		}
	default:
		into[at] = fmt.Sprintf("%T", v)
	}
}

// compare holds the fake's answer to the recorded one: status, the headers that a
// client looks at, and no JSON field that the real one has not, nor of another type.
func (x exchange) compare(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	if resp.StatusCode != x.answer.StatusCode {
		t.Errorf("status %d, recorded %d", resp.StatusCode, x.answer.StatusCode)
		return
	}
	for _, h := range []string{"X-Error", "X-Required-Permission", "X-More-Data", "Allow"} {
		if got, want := resp.Header.Get(h), x.answer.Header.Get(h); got != want {
			t.Errorf("%s %q, recorded %q", h, got, want)
		}
	}
	digits := regexp.MustCompile(`https?://[^/]+|\d+`)
	if got, want := digits.ReplaceAllString(resp.Header.Get("Location"), ""), digits.ReplaceAllString(x.answer.Header.Get("Location"), ""); got != want {
		t.Errorf("Location %q, recorded %q", got, want)
	}
	kind := func(h http.Header) string { k, _, _ := strings.Cut(h.Get("Content-Type"), ";"); return k }
	if got, want := kind(resp.Header), kind(x.answer.Header); got != want {
		t.Errorf("Content-Type %q, recorded %q", got, want)
	}
	if kind(resp.Header) != "application/json" {
		return
	}
	var ours, theirs any
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&ours); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(strings.NewReader(x.text)).Decode(&theirs); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	shape("", ours, got)
	shape("", theirs, want)
	empty := func(path string) bool { // the recorded one had no such element then
		for at := range want {
			if rest, ok := strings.CutPrefix(path, at); ok && (want[at] == "null" && strings.HasPrefix(rest, ".") || want[at] == "list" && strings.HasPrefix(rest, "[]") && want[at+"[]._class"] == "") {
				return true
			}
		}
		return false
	}
	for path, typ := range got {
		if empty(path) {
			continue
		}
		if want[path] != typ && typ != "null" && want[path] != "null" && !(want[path] == "" && strings.Contains(path, ".actions[]")) {
			t.Errorf("%s is %s, recorded %q", path, typ, want[path])
		}
	}
	if strings.Contains(x.path, "tree=") { // what was asked for comes
		for path := range want {
			if _, ok := got[path]; !ok && want[path] != "null" && !strings.Contains(path, ".actions[]") {
				t.Errorf("%s is missing", path)
			}
		}
	}
}

// world is a fake with what the recorded Jenkins had.
func world(t *testing.T) (*Server, *Repo) {
	t.Helper()
	s := New(t, Quiet(0))
	for _, name := range []string{"admin", "bot"} {
		s.AddUser(User{Name: name, Token: "token", Password: "password"})
	}
	s.AddUser(User{Name: "reader", Token: "token", Without: []string{ItemCreate, ItemConfigure, ItemBuild, ItemCancel, ItemDelete}})
	r := s.AddRepo("http://127.0.0.1:18081/hello-world.git")
	tests := &Tests{Passed: []string{"hello.World.greets", "hello.World.parts"}}
	r.Commit("master", &Program{Tests: tests})
	r.Commit("feature/login", &Program{})
	r.Commit("odd#1%&x", &Program{})
	r.Commit("no-jenkinsfile", nil)
	r.Commit("broken", &Program{FailsIn: "Test", Stages: []string{"Build", "Test"}, Error: "script returned exit code 3", Tests: &Tests{Passed: []string{"hello.World.greets"}, Failed: []string{"hello.World.parts"}}})
	r.Commit("params", &Program{Parameters: []Parameter{{Name: "GREETING", Default: "hi", Description: "what to say"}, {Name: "LOUD", Boolean: true}, {Name: "ENV", Choices: []string{"dev", "prod"}}}})
	r.Commit("slow", &Program{Waits: true})
	r.Commit("gate", &Program{Input: &Input{Message: "Deploy?", OK: "Yes", Parameters: []Parameter{{Name: "WHO", Default: "me"}}}})
	return s, r
}

// story are the recordings in the order in which a state leads to the next.
func story() []string {
	return []string{
		"01-root-api-json", "02-root-api-json-anonymous", "05-crumbIssuer-token", "07-post-password-no-crumb", "12-anonymous-post", "13-whoAmI",
		"20-createItem-multibranch", "24-createItem-duplicate", "25-createItem-duplicate-case", "26-name-slash", "26-name-percent", "26-name-dot",
		"26-name-dotdot", "26-name-trailing-dot", "26-name-empty", "26-name-blank", "26-name-parens", "26-name-umlaut", "26-name-leading-space",
		"27-createItem-no-content-type", "27b-createItem-content-type-json", "28-createItem-no-name", "29-createItem-invalid-xml", "29b-after-invalid-xml",
		"30-createItem-empty-body", "31-createItem-unknown-class", "31b-createItem-unknown-inner-class", "31d-job-after-unknown-inner", "31e-indexing-after-unknown-inner",
		"33-createItem-no-permission", "34-get-job-anonymous", "34c-get-missing-job", "34d-get-config-reader",
		"40-indexing-build-trigger", "41-indexing-consoleText", "42b-job-json-tree", "43b-reader-build", "44a-raw-slash", "44c-252F", "45b-branch-odd",
		"58b-build-tree:2", "59-wfapi-describe:2", "60-testReport:2", "60b-testReport-failed", "61c-broken-build", "61e-wfapi-broken", "62-unknown-branch", "62b-unknown-build",
		"62c-trigger-reader", "62d-trigger-get", "62e-trigger-no-slash-redirect", "63-queue-item-gone", "64-trigger-delay0", "72-params-job-json", "73-build-on-parameterised",
		"74-buildWithParameters", "74b-buildWithParameters-form", "74c-buildWithParameters-unknown-param", "74d-buildWithParameters-bad-choice",
		"74f-buildWithParameters-not-parameterised", "75b-build-params", "80-running-build", "80c-stop-reader", "81-stop", "81c-aborted", "82-stop-finished", "83c-cancelItem-gone",
		"90-disable-multibranch", "90b-json-disabled", "90c-branch-json-disabled", "90d-scan-disabled", "90e-build-branch-disabled",
		"90f-buildWithParameters-disabled", "90j-disable-reader", "91-enable", "91b-disable-branch", "93-post-config-xml", "93e-post-config-bad-xml", "93f-post-config-other-class",
		"93g-post-config-missing-job", "93i-post-config-reader", "94-create-folder", "94c-create-in-folder", "94d-create-in-missing-folder", "94e-create-in-multibranch",
		"94f-create-path-name", "94g-folder-json", "D5-create-bad-remote", "D5b-indexing-bad-remote", "D5c-json-bad-remote",
	}
}

// TestRecorded replays what a real Jenkins was asked and holds the answers to its.
func TestRecorded(t *testing.T) {
	t.Parallel()
	all := story()
	dir := recordings(t, len(all))
	s, _ := world(t)
	done := 0
	for _, name := range all {
		name, how, _ := strings.Cut(name, ":")
		x := load(t, filepath.Join(dir, name+".http"))
		if how == "2" { // it was the second build there
			x.path = strings.Replace(x.path, "/master/2/", "/master/1/", 1)
		}
		resp, text := x.replay(t, s)
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the answers came in order already
			x.compare(t, resp, text)
		})
		done++
	}
	t.Logf("%d exchanges were replayed", done)
	if got := s.Unexpected(); len(got) != 0 {
		t.Errorf("a real Jenkins was asked what the fake finds strange: %q", got)
	}
}

// TestStrict: what no client should send is told, and so is what was expected and
// did not come.
func TestStrict(t *testing.T) {
	t.Parallel()
	var told []string
	s, err := Start(OnUnexpected(func(what string) { told = append(told, what) }))
	if err != nil {
		t.Fatal(err)
	}
	s.AddUser(User{Name: "bot", Token: "token"})
	s.Expect("GET", "/api/json", 1)
	s.Expect("POST", "/createItem", 1)
	for path, want := range map[string]int{"/api/json": 200, "/scriptText": 404} {
		x := exchange{user: "bot", secret: "token", method: "GET", path: path, header: http.Header{}}
		if resp, _ := x.replay(t, s); resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	s.Close()
	slices.Sort(told)
	if len(told) != 2 || !strings.HasPrefix(told[0], "GET /scriptText") || !strings.HasPrefix(told[1], "POST /createItem was expected 1 more") || len(s.Unexpected()) != 2 {
		t.Errorf("%q", told)
	}
}

// TestLogOffsets are those of the raw log, as recorded.
func TestLogOffsets(t *testing.T) {
	t.Parallel()
	s, _ := world(t)
	dir := recordings(t, 2)
	load(t, filepath.Join(dir, "20-createItem-multibranch.http")).replay(t, s)
	get := func(path string) (*http.Response, string) {
		return exchange{user: "bot", secret: "token", method: "GET", path: path, header: http.Header{}}.replay(t, s)
	}
	const at = "/job/hello-world/job/slow/1/"
	first, text := get(at + "logText/progressiveText?start=0")
	size := first.Header.Get("X-Text-Size")
	_, plain := get(at + "consoleText")
	if strings.ReplaceAll(text, "\r\n", "\n") != plain || size == fmt.Sprint(len(plain)) || first.Header.Get("X-More-Data") != "true" || !strings.Contains(text, "\r\n") {
		t.Errorf("size %s, %d bytes", size, len(plain))
	}
	if _, rest := get(at + "logText/progressiveText?start=" + size); rest != "" {
		t.Errorf("at the end there is %q", rest)
	}
	if _, again := get(at + "logText/progressiveText?start=999999"); again != text {
		t.Errorf("past the end there is %q", again)
	}
}

// stub is a clock that is moved by hand.
type stub struct{ now time.Time }

func (c *stub) Now() time.Time                       { return c.now }
func (c *stub) After(time.Duration) <-chan time.Time { return nil }

var _ bot.Clock = (*stub)(nil)

// TestTime: the quiet period, merged items, and left ones that are forgotten.
func TestTime(t *testing.T) {
	t.Parallel()
	c := &stub{now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
	s := New(t, Clock(c), Indexing(time.Second))
	s.AddUser(User{Name: "bot", Token: "token"})
	s.AddRepo("http://127.0.0.1:18081/hello-world.git").Commit("master", &Program{Lasts: time.Minute})
	load(t, filepath.Join(recordings(t, 1), "20-createItem-multibranch.http")).replay(t, s)
	get := func(method, path string) string {
		resp, text := exchange{user: "bot", secret: "token", method: method, path: path, header: http.Header{}}.replay(t, s)
		return fmt.Sprint(resp.StatusCode, " ", strings.TrimPrefix(resp.Header.Get("Location"), s.URL), strings.TrimSpace(text))
	}
	const branch, item = "/job/hello-world/job/master/", "/queue/item/101/api/json?tree=why,executable[number]"
	for i, step := range []struct {
		wait         time.Duration
		method, path string
		want         string
	}{
		{0, "POST", branch + "build", "404"},
		{time.Second, "POST", branch + "build", "201 /queue/item/101/"},
		{0, "POST", branch + "build", "201 /queue/item/101/"},
		{4 * time.Second, "GET", item, `200 {"_class":"hudson.model.Queue$WaitingItem","why":"In the quiet period. Expires in 1 sec"}`},
		{time.Second, "GET", item, `200 {"_class":"hudson.model.Queue$LeftItem","executable":{"_class":"org.jenkinsci.plugins.workflow.job.WorkflowRun","number":1},"why":null}`},
		{0, "GET", branch + "1/api/json?tree=building,result", `200 {"_class":"org.jenkinsci.plugins.workflow.job.WorkflowRun","building":true,"result":null}`},
		{time.Minute, "GET", branch + "1/api/json?tree=building,duration,result", `200 {"_class":"org.jenkinsci.plugins.workflow.job.WorkflowRun","building":false,"duration":60000,"result":"SUCCESS"}`},
		{5 * time.Minute, "GET", item, "404"},
	} {
		c.now = c.now.Add(step.wait)
		if got := get(step.method, step.path); got != step.want && !(step.want == "404" && strings.HasPrefix(got, "404")) {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

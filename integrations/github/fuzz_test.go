package github

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
	"opsbot/bot/config"
)

// answering is a GitHub that gives one answer to everything, and counts.
type answering struct {
	status int
	header http.Header
	body   string
	asked  int
}

// RoundTrip implements http.RoundTripper.
func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked++
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: -1, Request: r,
	}, nil
}

const fuzzToken = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"

// asking is a forge that asks it.
func asking(t *testing.T, a *answering) *Forge {
	t.Helper()
	token, err := config.NewSecret("env:X", func(string) (string, bool) { return fuzzToken, true })
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(bot.IntegrationEnv{
		Name: "github", Clock: newClock(), Log: slog.New(slog.DiscardHandler),
		Config: section{Config{Token: token, WebhookSecret: token, Owners: []string{"foo-org"}}},
	}, a)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// header makes one of fuzzed values; what no HTTP client would pass on is left out.
func header(values map[string]string) http.Header {
	h := http.Header{}
	for name, value := range values {
		if value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			h.Set(name, value)
		}
	}
	return h
}

// FuzzRefusal: whatever is answered, a person gets a sentence of some size without the
// token, without marks of chats and without control characters, and the engine a class.
func FuzzRefusal(f *testing.F) {
	f.Add(404, `{"message": "Not Found", "documentation_url": "x"}`, "", "", "repo", "repo, read:org")
	f.Add(403, `{"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com/x#about-secondary-rate-limits"}`, "60", "", "", "")
	f.Add(403, `{"message":"API rate limit exceeded"}`, "", "1772370000", "", "")
	f.Add(422, `{"message":"Validation Failed","errors":[{"resource":"Repository","field":"name","code":"custom","message":"<!channel> @all *x* `+fuzzToken+`"}]}`, "", "", "", "")
	f.Add(422, `{"message":"x","errors":["a text"]}`, "-1", "99999999999999999999", ",,", "a:b:c")
	f.Add(403, `{"message":"sso"}`, "", "", "", "required; url=https://evil.example/<x>|y")
	f.Add(200, `{"id":1,"owner":{"login":"foo-org"},"name":"shop","homepage":"https://x/#operation=op-1"}`, "", "", "", "")
	f.Add(200, `<html>`, "", "", "", "")
	f.Add(502, "\x00\xff<script>", "Wed, 21 Oct 2099 07:28:00 GMT", "", "", "")
	f.Add(401, `{"message":"Bad credentials"}`, "1e9", "0", "", "")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter, reset, accepted, scopes string) {
		if status < 200 || status > 599 || status >= 300 && status < 400 {
			return // redirects are the HTTP client's own
		}
		a := &answering{status: status, body: body, header: header(map[string]string{
			"Content-Type": "application/json", "Retry-After": retryAfter, "X-RateLimit-Reset": reset, "X-RateLimit-Remaining": "0",
			"X-OAuth-Scopes": scopes, "X-Accepted-OAuth-Scopes": accepted, "X-GitHub-SSO": scopes, "X-Accepted-GitHub-Permissions": accepted,
		})}
		_, _, err := asking(t, a).FindRepository(t.Context(), spec("shop"))
		if a.asked > 10 {
			t.Errorf("%d requests", a.asked)
		}
		if err == nil {
			return
		}
		checkSaid(t, err)
	})
}

// checkSaid holds an error to what all must be.
func checkSaid(t *testing.T, err error) {
	t.Helper()
	var known *bot.Error
	if !errors.As(err, &known) || bot.CodeOf(err) == bot.CodeInternal {
		t.Fatalf("no clear error: %v", err)
	}
	text := bot.MessageOf(err)
	if text == "" || len(text) > 4000 || !utf8.ValidString(text) {
		t.Errorf("the message has %d bytes: %q", len(text), text)
	}
	if strings.Contains(err.Error(), fuzzToken) || strings.Contains(text, fuzzToken) {
		t.Errorf("the token is in %q", err)
	}
	for _, r := range text {
		if r < 0x20 && r != '\n' {
			t.Errorf("a control character is in %q", text)
		}
	}
	if retry, wait := bot.RetryOf(err); wait < 0 || wait > 25*time.Hour || retry == bot.RetryAfter && wait == 0 {
		t.Errorf("class %v, wait %s", retry, wait)
	}
}

// FuzzLink: a header that leads on and on, or elsewhere, ends the reading of lists
// within their bounds, and never takes the token to another server.
func FuzzLink(f *testing.F) {
	f.Add(`<https://api.github.com/x?page=2>; rel="next", <https://api.github.com/x?page=9>; rel="last"`, `[]`)
	f.Add(`<https://api.github.com/x?page=1>; rel="next"`, `[{"name":"main","commit":{"sha":"`+hashA+`"}}]`)
	f.Add(`<?cursor=abc>; rel="next"`, `[{"id":1}]`)
	f.Add(`<https://evil.example/?page=-1>; rel=next; rel="next"`, `[{}]`)
	f.Add(`<<>>; ;;; rel=`, `{"total_commits": 2000000000, "commits": []}`)
	f.Add(`<https://x?page=99999999999999999999>; rel="next"`, `null`)
	f.Fuzz(func(t *testing.T, link, body string) {
		a := &answering{status: http.StatusOK, body: body, header: header(map[string]string{"Content-Type": "application/json", "Link": link})}
		forge := asking(t, a)
		r := repositoryOf(t, `{"id":1,"owner":{"login":"foo-org"},"name":"shop","default_branch":"main"}`)
		for what, read := range map[string]func() error{
			"log":     func() error { _, err := forge.log(t.Context(), r, hashA, 150); return err },
			"between": func() error { _, err := forge.between(t.Context(), r, hashA, hashB, 150); return err },
			"tags":    func() error { _, err := forge.tags(t.Context(), r); return err },
			"tries":   func() error { _, err := forge.deliveries(t.Context(), r, 1); return err },
			"ours":    func() error { _, err := forge.ours(t.Context(), r, "op-1"); return err },
		} {
			a.asked = 0
			if err := read(); err != nil {
				checkSaid(t, err)
			}
			if a.asked > 60 {
				t.Errorf("%s: %d requests", what, a.asked)
			}
		}
	})
}

// FuzzCommitText: what stands in commits and settings is read without a panic, cut,
// and a marker only where it may be.
func FuzzCommitText(f *testing.F) {
	f.Add("Add x\n\nOpsBot-Operation: op-1\n", "https://opsbot.example.com/#operation=op-1")
	f.Add("OpsBot-Operation: forged\n\nA last paragraph", "#operation=")
	f.Add("\n\n\r\n \x00\xff", "x#operation=a#operation=b")
	f.Fuzz(func(t *testing.T, message, homepage string) {
		if got := title(message); strings.Contains(got, "\n") || len([]rune(got)) > 251 {
			t.Errorf("title %q", got)
		}
		if id := operationOf(message); id != "" && (!strings.Contains(message, operationTrailer) || len(id) > 100 || strings.ContainsAny(id, "\r\n")) {
			t.Errorf("operation %q of %q", id, message)
		}
		if id := markOf(homepage); id != "" && !strings.HasSuffix(homepage, homepageMark+id) {
			t.Errorf("mark %q of %q", id, homepage)
		}
		_ = carries(homepage, "0190-resource") // must not panic
	})
}

// TestEndlessPages: branches are read to their bound, not for ever.
func TestEndlessPages(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Link", `<https://api.github.com/x?page=2>; rel="next"`)
		if strings.HasSuffix(r.URL.Path, "/branches") {
			_, _ = io.WriteString(w, `[]`)
			return
		}
		_, _ = io.WriteString(w, `{"id":1,"owner":{"login":"foo-org"},"name":"shop"}`)
	}))
	t.Cleanup(server.Close)
	w := setup(t, func(c *Config) { c.URL, c.APIURL = server.URL, server.URL })
	if _, err := w.forge.Branches(t.Context(), bot.Repository{ExternalID: "1", Owner: "foo-org", Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	if asked > 60 {
		t.Errorf("%d requests", asked)
	}
}

func repositoryOf(t *testing.T, text string) *gh.Repository {
	t.Helper()
	r := &gh.Repository{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

package gitea

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
	fake "opsbot/test/fakes/gitea"
)

// flaky breaks one request on its way: what a server cannot do to itself.
type flaky struct {
	next http.RoundTripper

	mu     sync.Mutex
	how    string // "refused", "slow", "slow, done"; "" = not at all
	method string
	path   *regexp.Regexp
}

func (f *flaky) arm(how, method string, path *regexp.Regexp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how, f.method, f.path = how, method, path
}

func (f *flaky) armed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.how != ""
}

func (f *flaky) take(r *http.Request) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.how == "" || r.Method != f.method || !f.path.MatchString(r.URL.Path) {
		return ""
	}
	how := f.how
	f.how = ""
	return how
}

// RoundTrip implements http.RoundTripper.
func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	switch f.take(r) {
	case "refused":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "slow":
		return nil, context.DeadlineExceeded
	case "slow, done":
		resp, err := f.next.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, context.DeadlineExceeded
	}
	return f.next.RoundTrip(r)
}

// column is one way to fail. passing: it may be over soon, so that the engine must
// be told to try again.
type column struct {
	name    string
	wire    string
	fault   fake.Fault
	passing bool
}

func columns() []column {
	limit := map[string]string{"Retry-After": "60"}
	return []column{
		{name: "refused", wire: "refused", passing: true},
		{name: "reset", fault: fake.Fault{Reset: true}, passing: true},
		{name: "reset, done", fault: fake.Fault{Reset: true, After: true}, passing: true},
		{name: "slow", wire: "slow", passing: true},
		{name: "slow, done", wire: "slow, done", passing: true},
		{name: "401", fault: fake.Fault{Status: 401}},
		{name: "403", fault: fake.Fault{Status: 403}},
		{name: "404", fault: fake.Fault{Status: 404}},
		{name: "409", fault: fake.Fault{Status: 409}},
		{name: "422", fault: fake.Fault{Status: 422}},
		{name: "429", fault: fake.Fault{Status: 429}, passing: true},
		{name: "429, wait", fault: fake.Fault{Status: 429, Header: limit}, passing: true},
		{name: "500", fault: fake.Fault{Status: 500}, passing: true},
		{name: "500, done", fault: fake.Fault{Status: 500, After: true}, passing: true},
		{name: "502", fault: fake.Fault{Status: 502, HTML: true}, passing: true},
		{name: "cut, done", fault: fake.Fault{Cut: true, After: true}, passing: true},
		{name: "HTML", fault: fake.Fault{HTML: true}},
		{name: "login", fault: fake.Fault{Login: true}},
	}
}

// row is one call, and the request of it that fails. before prepares; do must
// succeed when it is repeated; after says what is wrong at the end.
type row struct {
	name, method, operation string
	before                  func(w *world, name string) (bot.Repository, string)
	do                      func(ctx context.Context, w *world, repo bot.Repository, commit string) error
	after                   func(r fake.Repo, there bool) string
}

func (r row) path() *regexp.Regexp {
	if r.operation == "git" {
		return regexp.MustCompile(`\.git/`)
	}
	whole := strings.Replace(r.operation, "{branch}", ".+", 1) // a branch has slashes
	return regexp.MustCompile("api/v1" + regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(whole, "[^/]+") + "$")
}

// TestFaults: each call, hit by each fault once, is done or refused in clear words,
// and repeating it leaves everything once. The table is printed.
func TestFaults(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	table := map[string][]string{}
	t.Cleanup(func() { printTable(t, table) }) // when all rows are through
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			cells := r.run(t)
			mu.Lock()
			defer mu.Unlock()
			table[r.name] = cells
		})
	}
}

func printTable(t *testing.T, table map[string][]string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%-26s", "")
	for _, c := range columns() {
		fmt.Fprintf(&out, " %-12s", c.name)
	}
	for _, r := range rows() {
		fmt.Fprintf(&out, "\n%-26s", r.name)
		for _, cell := range table[r.name] {
			fmt.Fprintf(&out, " %-12s", cell)
		}
	}
	t.Logf("what the first try gives; the second one succeeds, and everything is there once\n%s", out.String())
}

func (r row) run(t *testing.T) (cells []string) {
	t.Helper()
	via := &flaky{next: &http.Transport{}}
	w := setup(t, func(c *Config) {
		c.Topics, c.Teams = []string{"opsbot"}, []string{"developers"}
		c.Protection = Protection{Enabled: true, Check: "ci"}
		c.Owners = nil
	}, fake.WithReceiver(func(fake.Delivery) int { return 500 }))
	w.via = via
	for i, c := range columns() {
		w.restart() // no limits and no answers from before
		name := fmt.Sprintf("r%d", i)
		repo, commit := r.before(w, name)
		if c.wire != "" {
			via.arm(c.wire, r.method, r.path())
		} else {
			c.fault.Method, c.fault.Operation, c.fault.Times = r.method, r.operation, 1
			w.tea.Fail(c.fault)
		}
		cells = append(cells, r.cell(t, w, c, repo, commit))
		if via.armed() || w.tea.Waiting() > 0 {
			t.Errorf("%s, %s: the request was not made", r.name, c.name)
		}
		via.arm("", "", nil)
		w.tea.ClearFaults()
		w.clock.add(2 * time.Hour)
		if err := r.do(t.Context(), w, repo, commit); err != nil {
			t.Errorf("%s, %s: the second try: %v", r.name, c.name, err)
		}
		owner, name := ownerOf(repo), name
		state, there := w.tea.Repo(owner + "/" + name)
		if wrong := r.after(state, there); wrong != "" {
			t.Errorf("%s, %s: %s", r.name, c.name, wrong)
		}
	}
	return cells
}

func ownerOf(repo bot.Repository) string {
	if repo.Owner == "" {
		return "foo-org"
	}
	return repo.Owner
}

// cell is the first try.
func (r row) cell(t *testing.T, w *world, c column, repo bot.Repository, commit string) string {
	t.Helper()
	err := r.do(t.Context(), w, repo, commit)
	if err == nil {
		return "done"
	}
	var known *bot.Error
	code, text := bot.CodeOf(err), bot.MessageOf(err)
	switch {
	case !errors.As(err, &known) || code == bot.CodeInternal || code == "":
		t.Errorf("%s, %s: no clear error: %v", r.name, c.name, err)
	case !strings.Contains(text, "Gitea") && !strings.Contains(text, "forge") && !strings.Contains(text, "push") && !strings.Contains(text, "foo-org") && !strings.Contains(text, "There is no"):
		t.Errorf("%s, %s: the message does not say what it is about: %q", r.name, c.name, text)
	case strings.Contains(err.Error(), w.tea.Token) || strings.Contains(err.Error(), hookSecret):
		t.Errorf("%s, %s: a secret is in the error", r.name, c.name)
	}
	retry, wait := bot.RetryOf(err)
	if c.passing && retry == bot.RetryNever {
		t.Errorf("%s, %s: given up, although it may be over soon: %v", r.name, c.name, err)
	}
	if c.name == "429, wait" && r.operation != "git" && (retry != bot.RetryAfter || wait != time.Minute) {
		t.Errorf("%s, %s: class %v, wait %s: %v (%d)", r.name, c.name, retry, wait, err, rest.StatusOf(err))
	}
	mark := map[bot.Retry]string{bot.RetryBackoff: "~", bot.RetryAfter: "+"}[retry]
	return string(code) + mark
}

func one(what string, n int) string {
	if n != 1 {
		return fmt.Sprintf("there are %d %s", n, what)
	}
	return ""
}

package artifactory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/artifactory"
)

// flaky breaks one request on its way: what a server cannot do to itself.
type flaky struct {
	next http.RoundTripper

	mu        sync.Mutex
	how       string // "refused", "slow", "slow, done"; "" = not at all
	operation string // "PUT /api/repositories"
}

func (f *flaky) arm(how, operation string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how, f.operation = how, operation
}

func (f *flaky) take(r *http.Request) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.how == "" || !strings.HasPrefix(r.Method+" "+strings.TrimPrefix(r.URL.Path, "/artifactory"), f.operation+"/") {
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
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "slow, done":
		resp, err := f.next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
		if err == nil {
			_ = resp.Body.Close()
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return f.next.RoundTrip(r)
}

// column is one way to fail. passing: it may be over soon, so that the engine must be
// told to try again.
type column struct {
	name    string
	wire    string
	fault   fake.Fault
	passing bool
}

func columns() []column {
	return []column{
		{name: "refused", wire: "refused", passing: true},
		{name: "reset", fault: fake.Fault{Reset: true}, passing: true},
		{name: "reset, done", fault: fake.Fault{Reset: true, After: true}, passing: true},
		{name: "slow", wire: "slow", passing: true},
		{name: "slow, done", wire: "slow, done", passing: true},
		{name: "400", fault: fake.Fault{Status: 400}},
		{name: "401", fault: fake.Fault{Status: 401}},
		{name: "403", fault: fake.Fault{Status: 403}},
		{name: "404", fault: fake.Fault{Status: 404}},
		{name: "429, wait", fault: fake.Fault{Status: 429, Header: map[string]string{"Retry-After": "60"}}, passing: true},
		{name: "500", fault: fake.Fault{Status: 500}, passing: true},
		{name: "500, done", fault: fake.Fault{Status: 500, After: true}, passing: true},
		{name: "502", fault: fake.Fault{Status: 502, HTML: true}, passing: true},
		{name: "503", fault: fake.Fault{Status: 503}, passing: true},
		{name: "cut, done", fault: fake.Fault{Cut: true, After: true}, passing: true},
		{name: "HTML", fault: fake.Fault{HTML: true}},
		{name: "login", fault: fake.Fault{Login: true}},
	}
}

// row is one operation, and the request of it that fails.
type row struct {
	name, operation string
	before          func(w *world)
	do              func(ctx context.Context, w *world) error
	gone            bool // what is there afterwards
}

func rows() []row {
	const look, create, remove, list = "GET /api/repositories", "PUT /api/repositories", "DELETE /api/repositories", "GET /api/storage"
	none := func(*world) {}
	there := func(w *world) { w.ensure() }
	find := func(ctx context.Context, w *world) error {
		_, _, err := w.s.FindProvision(ctx, spec(nil))
		return err
	}
	ensure := func(ctx context.Context, w *world) error {
		_, err := w.s.EnsureProvision(ctx, spec(nil))
		return err
	}
	undo := func(ctx context.Context, w *world) error { return w.s.RemoveProvision(ctx, spec(nil)) }
	return []row{
		{"find", look, there, find, false},
		{"ensure: look", look, there, ensure, false},
		{"ensure: create", create, none, ensure, false},
		{"remove: look", look, there, undo, true},
		{"remove: is it empty", list, there, undo, true},
		{"remove: delete", remove, there, undo, true},
	}
}

// TestFaults: each call, hit by each fault once, is done or refused in clear words, and
// repeating it leaves everything once. The table is printed.
func TestFaults(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	table := map[string][]string{}
	t.Cleanup(func() { printTable(t, table) }) // when all rows are through
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var cells []string
			for _, c := range columns() {
				cells = append(cells, r.run(t, c))
			}
			mu.Lock()
			defer mu.Unlock()
			table[r.name] = cells
		})
	}
}

func printTable(t *testing.T, table map[string][]string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%-24s", "")
	for _, c := range columns() {
		fmt.Fprintf(&out, " %-15s", c.name)
	}
	for _, r := range rows() {
		fmt.Fprintf(&out, "\n%-24s", r.name)
		for _, cell := range table[r.name] {
			fmt.Fprintf(&out, " %-15s", cell)
		}
	}
	t.Logf("what the first try gives (~ try again, + wait); the second one succeeds, and everything is there once\n%s", out.String())
}

// run is the first try and the second.
func (r row) run(t *testing.T, c column) string {
	t.Helper()
	w := setup(t)
	via := &flaky{next: &http.Transport{}}
	w.via = via
	w.restart()
	r.before(w)
	if c.wire != "" {
		via.arm(c.wire, r.operation)
	} else {
		c.fault.Operation, c.fault.Times = r.operation, 1
		w.hub.Fail(c.fault)
	}
	cell := r.cell(t, w, c)
	via.arm("", "")
	w.hub.ClearFaults()
	if err := r.do(t.Context(), w); err != nil {
		t.Errorf("%s, %s: the second try: %v", r.name, c.name, err)
	}
	if _, there := w.hub.Repository(key); there == r.gone {
		t.Errorf("%s, %s: it is there: %t", r.name, c.name, there)
	}
	return cell
}

// cell is the first try.
func (r row) cell(t *testing.T, w *world, c column) string {
	t.Helper()
	ctx := t.Context()
	if strings.HasPrefix(c.wire, "slow") {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 150*time.Millisecond)
		defer cancel()
	}
	err := r.do(ctx, w)
	if err == nil {
		return "done"
	}
	var known *bot.Error
	code, text := bot.CodeOf(err), bot.MessageOf(err)
	switch {
	case !errors.As(err, &known) || code == bot.CodeInternal || code == "":
		t.Errorf("%s, %s: no clear error: %v", r.name, c.name, err)
	case !strings.Contains(text, "Artifactory"):
		t.Errorf("%s, %s: the message does not say what it is about: %q", r.name, c.name, text)
	case strings.Contains(err.Error(), w.hub.Token):
		t.Errorf("%s, %s: a secret is in the error", r.name, c.name)
	}
	retry, wait := bot.RetryOf(err)
	if c.passing && retry == bot.RetryNever {
		t.Errorf("%s, %s: given up, although it may be over soon: %v", r.name, c.name, err)
	}
	if c.name == "429, wait" && (retry != bot.RetryAfter || wait != time.Minute) {
		t.Errorf("%s, %s: class %v, wait %s: %v", r.name, c.name, retry, wait, err)
	}
	mark := map[bot.Retry]string{bot.RetryBackoff: "~", bot.RetryAfter: "+"}[retry]
	return string(code) + mark
}

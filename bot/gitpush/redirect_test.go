package gitpush_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"opsbot/bot/gitpush"
)

// TestNothingGoesToAnotherServer: a forge that redirects elsewhere must get neither
// OpsBot's token nor a project's files there.
func TestNothingGoesToAnotherServer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
		line := strings.Repeat("0", 40) + " capabilities^{}\x00report-status delete-refs ofs-delta agent=git/2.39.5\n"
		_, _ = fmt.Fprintf(w, "001f# service=git-receive-pack\n0000%04x%s0000", len(line)+4, line)
	}))
	t.Cleanup(elsewhere.Close)
	forge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path+"?"+r.URL.RawQuery, http.StatusFound)
	}))
	t.Cleanup(forge.Close)
	p := gitpush.New(gitpush.Options{Credentials: func(context.Context) (string, string, error) { return "bot", "forge-token", nil }})
	_, err := p.Push(t.Context(), forge.URL+"/foo-org/hello-world.git", request(sixty()...))
	if err == nil || !strings.Contains(err.Error(), "another server") || strings.Contains(err.Error(), "forge-token") {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) > 0 {
		t.Errorf("another server was shown something: %q", seen)
	}
}

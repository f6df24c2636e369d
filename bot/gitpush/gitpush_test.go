package gitpush_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

const message = "Initial commit\n\nFrom go-service 1.2.0.\n\nOpsBot-Operation: 0190-op"

// targets runs a test against a path and against HTTP.
func targets(t *testing.T, test func(t *testing.T, repo, target string)) {
	t.Helper()
	t.Run("path", func(t *testing.T) {
		t.Parallel()
		repo := bare(t)
		test(t, repo, repo)
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		repo := bare(t)
		test(t, repo, serve(t, repo, "").url)
	})
}

func TestPushMakesTheCommitThatGitMakes(t *testing.T) {
	t.Parallel()
	targets(t, func(t *testing.T, repo, target string) {
		t.Helper()
		req := request(sixty()...)
		want := byGit(t, req, message)
		got, err := gitpush.New(gitpush.Options{}).Push(t.Context(), target, req)
		if err != nil {
			t.Fatal(err)
		}
		if got != want || git(t, repo, "rev-parse", "main") != want {
			t.Fatalf("commit %s, branch %s, git made %s", got, git(t, repo, "rev-parse", "main"), want)
		}
		git(t, repo, "fsck", "--strict", "--no-dangling")
		if mode := git(t, repo, "ls-tree", "main", "a/"); !strings.Contains(mode, "100755") && !strings.Contains(mode, "100644") {
			t.Errorf("no file modes in %q", mode)
		}
		if got := git(t, repo, "ls-tree", "-r", "main", "file00.txt"); !strings.HasPrefix(got, "100755 ") {
			t.Errorf("the executable bit is lost: %s", got)
		}
		if got := git(t, repo, "log", "-1", "--format=%(trailers:key=OpsBot-Operation,valueonly)", "main"); got != "0190-op" {
			t.Errorf("trailer is %q", got)
		}
	})
}

func TestPushTwiceIsOnce(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	s := serve(t, repo, "")
	p := gitpush.New(gitpush.Options{})
	req := request(sixty()...)
	first, err := p.Push(t.Context(), s.url, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{s.url, repo} {
		again, err := gitpush.New(gitpush.Options{}).Push(t.Context(), target, req)
		if err != nil || again != first {
			t.Fatalf("again: %s, %v; want %s", again, err, first)
		}
	}
	if n := s.pushes.Load(); n != 1 {
		t.Errorf("%d packs were sent, want 1", n)
	}
	if hash, err := p.Hash(req); err != nil || hash != first {
		t.Errorf("Hash gives %s, %v; want %s", hash, err, first)
	}
}

func TestPushToAnOccupiedBranchIsAConflict(t *testing.T) {
	t.Parallel()
	targets(t, func(t *testing.T, repo, target string) {
		t.Helper()
		p := gitpush.New(gitpush.Options{})
		if _, err := p.Push(t.Context(), target, request(bot.TreeFile{Path: "a", Data: []byte("1")})); err != nil {
			t.Fatal(err)
		}
		before := git(t, repo, "rev-parse", "main")
		_, err := p.Push(t.Context(), target, request(bot.TreeFile{Path: "a", Data: []byte("2")}))
		wantCode(t, err, bot.CodeConflict)
		if retry, _ := bot.RetryOf(err); retry != bot.RetryNever {
			t.Errorf("the conflict is retried: %v", retry)
		}
		if after := git(t, repo, "rev-parse", "main"); after != before {
			t.Errorf("the branch moved from %s to %s", before, after)
		}
	})
}

func TestPushQuotesTheRuleThatRefused(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	hook := "#!/bin/sh\necho 'rule *GH013*: <b>no</b> direct pushes, token hunter2secret'\nexit 1\n"
	syscall.ForkLock.RLock() // else a process that starts meanwhile holds the hook open for writing for a moment
	err := os.WriteFile(filepath.Join(repo, "hooks", "pre-receive"), []byte(hook), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	p := gitpush.New(gitpush.Options{Credentials: secret("hunter2secret")})
	_, err = p.Push(t.Context(), serve(t, repo, "hunter2secret").url, request(bot.TreeFile{Path: "a"}))
	wantCode(t, err, bot.CodeConflict)
	text := bot.MessageOf(err)
	if !strings.Contains(text, `rule *GH013*: <b>no</b> direct pushes`) { // plain: whoever shows an error escapes it
		t.Errorf("the rule is not quoted: %s", text)
	}
	if strings.Contains(err.Error(), "hunter2secret") {
		t.Errorf("the secret is in the error: %v", err)
	}
}

func secret(s string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) { return "opsbot", s, nil }
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	url := serve(t, repo, "right").url
	_, err := gitpush.New(gitpush.Options{Credentials: secret("wrong-one")}).Push(t.Context(), url, request())
	wantCode(t, err, bot.CodeUnauthenticated)
	if strings.Contains(err.Error(), "wrong-one") {
		t.Errorf("the secret is in the error: %v", err)
	}
	if _, err := gitpush.New(gitpush.Options{Credentials: secret("right")}).Push(t.Context(), url, request(bot.TreeFile{Path: "a"})); err != nil {
		t.Fatal(err)
	}
	failing := func(context.Context) (string, string, error) { return "", "", errors.New("no token today") }
	if _, err := gitpush.New(gitpush.Options{Credentials: failing}).Push(t.Context(), url, request()); err == nil {
		t.Error("a push without the credentials it was told to use went through")
	}
	_, err = gitpush.New(gitpush.Options{}).Push(t.Context(), "https://me:hunter2@example.com/r.git", request())
	wantCode(t, err, bot.CodeInvalid)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in the error: %v", err)
	}
}

// TestForgeAnswers maps what a forge answers to codes and retry classes.
func TestForgeAnswers(t *testing.T) {
	t.Parallel()
	cases := map[int]struct {
		code  bot.Code
		retry bot.Retry
	}{
		401: {bot.CodeUnauthenticated, bot.RetryNever}, 403: {bot.CodeForbidden, bot.RetryNever},
		404: {bot.CodeNotFound, bot.RetryNever}, 413: {bot.CodeTooLarge, bot.RetryNever},
		500: {bot.CodeUnavailable, bot.RetryBackoff}, 503: {bot.CodeUnavailable, bot.RetryBackoff},
		200: {bot.CodeUnavailable, bot.RetryBackoff}, // an HTML page instead of refs
	}
	for status, want := range cases {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>not git"))
		}))
		_, err := gitpush.New(gitpush.Options{}).Push(t.Context(), ts.URL+"/r.git", request())
		ts.Close()
		retry, _ := bot.RetryOf(err)
		if bot.CodeOf(err) != want.code || retry != want.retry {
			t.Errorf("%d: %v has code %s, retry %d; want %s, %d", status, err, bot.CodeOf(err), retry, want.code, want.retry)
		}
	}
}

func TestPushEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	ts := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer ts.Close()
	defer close(hang)
	_, err := gitpush.New(gitpush.Options{Timeout: 20 * time.Millisecond}).Push(t.Context(), ts.URL+"/r.git", request())
	wantCode(t, err, bot.CodeUnavailable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the cause is not the deadline: %v", err)
	}
}

func TestPushInATransactionIsRefused(t *testing.T) {
	t.Parallel()
	_, err := gitpush.New(gitpush.Options{}).Push(bot.WithTransaction(t.Context()), bare(t), request())
	wantCode(t, err, bot.CodeInternal)
}

func TestPushToWhatIsNotThere(t *testing.T) {
	t.Parallel()
	p := gitpush.New(gitpush.Options{})
	_, err := p.Push(t.Context(), filepath.Join(t.TempDir(), "none.git"), request())
	wantCode(t, err, bot.CodeNotFound)
	_, err = p.Push(t.Context(), "ssh://git@example.com/r.git", request())
	wantCode(t, err, bot.CodeInvalid)
	_, err = p.Push(t.Context(), "relative/path", request())
	wantCode(t, err, bot.CodeInvalid)
}

// TestSameRequestAtOnce: whoever wins, all see the same commit.
func TestSameRequestAtOnce(t *testing.T) {
	t.Parallel()
	targets(t, func(t *testing.T, repo, target string) {
		t.Helper()
		p := gitpush.New(gitpush.Options{})
		want, err := p.Hash(request(sixty()...))
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				got, err := p.Push(t.Context(), target, request(sixty()...))
				if err != nil && bot.CodeOf(err) != bot.CodeUnavailable || err == nil && got != want {
					t.Errorf("got %s, %v; want %s or try again", got, err, want)
				}
			})
		}
		all.Wait()
		if got := git(t, repo, "rev-parse", "main"); got != want {
			t.Errorf("the branch has %s, want %s", got, want)
		}
		git(t, repo, "fsck", "--strict", "--no-dangling")
	})
}

// TestPushAfterAnInterruptedOne leaves what a killed push leaves: half an index
// under its final name is what must never make a later push wrong.
func TestPushAfterAnInterruptedOne(t *testing.T) {
	t.Parallel()
	p := gitpush.New(gitpush.Options{})
	whole := bare(t)
	req := request(sixty()...)
	if _, err := p.Push(t.Context(), whole, req); err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(whole, "objects", "pack", "pack-*"))
	if err != nil || len(packs) != 2 {
		t.Fatalf("packs %v, %v", packs, err)
	}
	repo := bare(t)
	for _, file := range packs {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		torn := filepath.Join(repo, "objects", "pack", filepath.Base(file))
		if err := os.WriteFile(torn, data[:len(data)/2], 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Push(t.Context(), repo, req); err != nil {
		t.Fatal(err)
	}
	git(t, repo, "fsck", "--strict", "--no-dangling")
}

func TestPushWaitsForGitsLock(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	lock := filepath.Join(repo, "refs", "heads", "main.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := gitpush.New(gitpush.Options{})
	_, err := p.Push(t.Context(), repo, request())
	wantCode(t, err, bot.CodeUnavailable)
	if retry, _ := bot.RetryOf(err); retry != bot.RetryBackoff {
		t.Errorf("retry %d, want backoff", retry)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Push(t.Context(), repo, request()); err != nil {
		t.Fatal(err)
	}
	// A packed branch is seen, and one that stands in the way of a folder.
	git(t, repo, "pack-refs", "--all")
	other := request(bot.TreeFile{Path: "b"})
	_, err = p.Push(t.Context(), repo, other)
	wantCode(t, err, bot.CodeConflict)
	other.Branch = "main/sub"
	_, err = p.Push(t.Context(), repo, other)
	wantCode(t, err, bot.CodeConflict)
}

package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

func proposing(repo bot.Repository) bot.PullRequestSpec {
	return bot.PullRequestSpec{
		Repository: repo, Base: "main", Branch: "opsbot/adopt", Title: "Build with\nOpsBot", Body: "Adds a `Jenkinsfile`.", Operation: "op-2",
		Author: bot.Signature{Name: "Alice <x>", Email: "alice@example.com"}, Message: "Add what OpsBot builds with", At: time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC),
		Files: bot.Tree{Files: []bot.TreeFile{
			{Path: ".ci/logo.bin", Data: []byte("\x00\xff\x01")},
			{Path: "Jenkinsfile", Data: []byte("pipeline {}\n")},
			{Path: "README.md", Data: []byte("replaced\n")},
			{Path: "bin/build", Executable: true, Data: []byte("#!/bin/sh\n")},
			{Path: "empty"},
		}},
	}
}

// proposed is a repository with a pull request of ours.
func (w *world) proposed(name string) (bot.Repository, bot.PullRequest) {
	w.t.Helper()
	repo, _ := w.made(name)
	p, err := w.forge.EnsurePullRequest(w.t.Context(), proposing(repo))
	if err != nil {
		w.t.Fatal(err)
	}
	return repo, p
}

func TestPropose(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	s := proposing(repo)
	if found, p, err := w.forge.FindPullRequest(t.Context(), s); err != nil || found != bot.PresenceAbsent || p != (bot.PullRequest{}) {
		t.Fatalf("before: %s %+v, %v", found, p, err)
	}
	p, err := w.forge.EnsurePullRequest(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := w.hubRepo("foo-org/shop")
	want := bot.PullRequest{Number: 1, URL: w.hub.URL + "/foo-org/shop/pull/1", Open: true, Commit: r.Branches["opsbot/adopt"]}
	if p != want || len(r.Pulls) != 1 || r.Pulls[0].Title != "Build with OpsBot" || r.Pulls[0].Body != s.Body || r.Branches["main"] != first {
		t.Errorf("%+v, want %+v; there is %+v", p, want, r.Pulls)
	}
	list, err := w.forge.Commits(t.Context(), repo, first, p.Commit, 10)
	if err != nil || len(list) != 1 || list[0].Title != s.Message || list[0].Author != "Alice x" || list[0].Operation != "op-2" || !list[0].At.Equal(s.At) {
		t.Errorf("the commits are %+v, %v", list, err)
	}
	for _, f := range append(s.Files.Files, bot.TreeFile{Path: "bin/run", Data: []byte("#!/bin/sh\n")}) {
		if data, err := w.forge.ReadFile(t.Context(), repo, p.Commit, f.Path); err != nil || string(data) != string(f.Data) {
			t.Errorf("%s is %q, %v", f.Path, data, err)
		}
	}
	w.restart()
	again, err := w.forge.EnsurePullRequest(t.Context(), s)
	if err != nil || again != p || len(w.hubRepo("foo-org/shop").Pulls) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if found, have, err := w.forge.FindPullRequest(t.Context(), s); err != nil || found != bot.PresenceOurs || have != p {
		t.Errorf("afterwards: %s %+v, %v", found, have, err)
	}
	other := s
	other.Operation = "op-3"
	if found, have, err := w.forge.FindPullRequest(t.Context(), other); err != nil || found != bot.PresenceForeign || have != p {
		t.Errorf("for another operation: %s %+v, %v", found, have, err)
	}
	_, err = w.forge.EnsurePullRequest(t.Context(), other)
	refused(t, w, err, bot.CodeConflict, "foo-org/shop has a branch opsbot/adopt already", "/tree/opsbot/adopt")
}

// TestProposalIsLeftAsPeopleLeaveIt: closed, merged, or with commits of their own.
func TestProposalIsLeftAsPeopleLeaveIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		people func(w *world, full string) error
		found  bot.Presence
		open   bool
		closed bool // ClosePullRequest closes it, or it is already
		branch bool // the branch is there in the end
	}{
		"open":   {func(*world, string) error { return nil }, bot.PresenceOurs, true, true, false},
		"closed": {func(w *world, full string) error { return w.hub.ClosePull(full, 1, false) }, bot.PresenceOurs, false, true, false},
		"merged": {func(w *world, full string) error { return w.hub.ClosePull(full, 1, true) }, bot.PresenceOurs, false, true, true},
		"merged, branch deleted": {func(w *world, full string) error {
			return errors.Join(w.hub.ClosePull(full, 1, true), w.hub.DeleteBranch(full, "opsbot/adopt"))
		}, bot.PresenceOurs, false, true, false},
		"added to": {func(w *world, full string) error {
			_, err := w.hub.Commit(full, "opsbot/adopt", "By a person")
			return err
		}, bot.PresenceForeign, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			repo, _ := w.proposed("shop")
			if err := c.people(w, "foo-org/shop"); err != nil {
				t.Fatal(err)
			}
			found, p, err := w.forge.FindPullRequest(t.Context(), proposing(repo))
			if err != nil || found != c.found || p.Open != c.open || p.Number != 1 {
				t.Errorf("found %s %+v, %v", found, p, err)
			}
			if c.found == bot.PresenceOurs {
				if again, err := w.forge.EnsurePullRequest(t.Context(), proposing(repo)); err != nil || again != p {
					t.Errorf("ensured again: %+v, %v", again, err)
				}
			}
			for range 2 {
				if err := w.forge.ClosePullRequest(t.Context(), proposing(repo)); err != nil {
					t.Error(err)
				}
			}
			r := w.hubRepo("foo-org/shop")
			if _, branch := r.Branches["opsbot/adopt"]; len(r.Pulls) != 1 || r.Pulls[0].Open == c.closed || branch != c.branch {
				t.Errorf("in the end there is %+v, branches %v", r.Pulls, r.Branches)
			}
		})
	}
}

// TestProposalAfterAnother: what an operation before left behind is in nobody's way
// once its branch is gone; a branch that is there is.
func TestProposalAfterAnother(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.proposed("shop")
	if err := w.forge.ClosePullRequest(t.Context(), proposing(repo)); err != nil {
		t.Fatal(err)
	}
	next := proposing(repo)
	next.Operation = "op-3"
	second, err := w.forge.EnsurePullRequest(t.Context(), next)
	if err != nil || second.Number != 2 || !second.Open || second.Commit == first.Commit {
		t.Fatalf("%+v, %v", second, err)
	}
	err = w.forge.ClosePullRequest(t.Context(), proposing(repo))
	refused(t, w, err, bot.CodeConflict, "/pull/2", "left alone")
	if r := w.hubRepo("foo-org/shop"); !r.Pulls[1].Open || r.Branches["opsbot/adopt"] != second.Commit {
		t.Errorf("another operation's is touched: %+v", r.Pulls)
	}
}

// TestProposalIsRefused: what cannot be proposed is said before anything is made.
func TestProposalIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	empty, err := w.forge.EnsureRepository(t.Context(), spec("empty"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*bot.PullRequestSpec)
		code   bot.Code
		says   string
	}{
		"no base":       {func(s *bot.PullRequestSpec) { s.Base = "trunk" }, bot.CodeNotFound, "no branch trunk"},
		"empty":         {func(s *bot.PullRequestSpec) { s.Repository = empty }, bot.CodeNotFound, "no branch main"},
		"no repository": {func(s *bot.PullRequestSpec) { s.Repository.ExternalID = "1" }, bot.CodeNotFound, "no repository"},
		"bad branch":    {func(s *bot.PullRequestSpec) { s.Branch = "a..b" }, bot.CodeInvalid, "branch"},
		"same branch":   {func(s *bot.PullRequestSpec) { s.Branch = "main" }, bot.CodeInvalid, "itself"},
		"bad path":      {func(s *bot.PullRequestSpec) { s.Files.Files[0].Path = "../x" }, bot.CodeInvalid, "path"},
		"no operation":  {func(s *bot.PullRequestSpec) { s.Operation = "" }, bot.CodeInvalid, "operation"},
	} {
		s := proposing(repo)
		c.change(&s)
		_, err := w.forge.EnsurePullRequest(t.Context(), s)
		if bot.CodeOf(err) != c.code || !strings.Contains(bot.Unescape(bot.Text(bot.MessageOf(err))), c.says) {
			t.Errorf("%s: %s, %v", name, bot.CodeOf(err), err)
		}
	}
	if err := w.forge.ArchiveRepository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.EnsurePullRequest(t.Context(), proposing(repo))
	refused(t, w, err, bot.CodeConflict, "archived")
	if r := w.hubRepo("foo-org/shop"); len(r.Branches) != 1 || len(r.Pulls) != 0 {
		t.Errorf("something was made: %+v", r)
	}
	app := asApp(t, map[string]string{"pull_requests": "read"})
	repo, _ = app.made("shop")
	_, err = app.forge.EnsurePullRequest(t.Context(), proposing(repo))
	refused(t, app, err, bot.CodeForbidden, "lacks the permission pull_requests=write")
}

// pullRows are faults of each request that a pull request needs.
func pullRows() []row {
	const repo = "/repos/{owner}/{repo}"
	few := func(r bot.Repository) bot.PullRequestSpec { // text and what is none
		s := proposing(r)
		s.Files.Files = s.Files.Files[:2]
		return s
	}
	propose := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.EnsurePullRequest(ctx, few(r))
		return err
	}
	find := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, _, err := w.forge.FindPullRequest(ctx, proposing(r))
		return err
	}
	end := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.ClosePullRequest(ctx, proposing(r))
	}
	there := func(w *world, name string) (bot.Repository, string) {
		r, _ := given(w, name)
		p, err := w.forge.EnsurePullRequest(w.t.Context(), few(r))
		if err != nil {
			w.t.Fatal(err)
		}
		return r, p.Commit
	}
	isOpen := func(r fake.Repo, _ bool) string {
		if len(r.Pulls) != 1 || !r.Pulls[0].Open || len(r.Branches) != 2 || r.Pulls[0].SHA != r.Branches["opsbot/adopt"] {
			return fmt.Sprintf("the pull requests are %+v", r.Pulls)
		}
		return ""
	}
	isClosed := func(r fake.Repo, _ bool) string {
		if len(r.Pulls) != 1 || r.Pulls[0].Open || len(r.Branches) != 1 {
			return fmt.Sprintf("the pull requests are %+v, the branches %v", r.Pulls, r.Branches)
		}
		return ""
	}
	return []row{
		{"pull: branch", http.MethodGet, repo + "/git/ref/{ref}", given, propose, isOpen},
		{"pull: list", http.MethodGet, repo + "/pulls", there, find, isOpen},
		{"pull: newest commit", http.MethodGet, repo + "/git/commits/{commit_sha}", there, find, isOpen},
		{"pull: file", http.MethodPost, repo + "/git/blobs", given, propose, isOpen},
		{"pull: tree", http.MethodPost, repo + "/git/trees", given, propose, isOpen},
		{"pull: commit", http.MethodPost, repo + "/git/commits", given, propose, isOpen},
		{"pull: make branch", http.MethodPost, repo + "/git/refs", given, propose, isOpen},
		{"pull: open", http.MethodPost, repo + "/pulls", given, propose, isOpen},
		{"pull: close", http.MethodPatch, repo + "/pulls/{pull_number}", there, end, isClosed},
		{"pull: delete branch", http.MethodDelete, repo + "/git/refs/{ref}", there, end, isClosed},
	}
}

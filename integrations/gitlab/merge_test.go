package gitlab

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

func proposalOf(repo bot.Repository) bot.PullRequestSpec {
	return bot.PullRequestSpec{
		Repository: repo, Base: "main", Branch: "opsbot/pipeline", Title: "Build with Jenkins", Body: "Adds what makes it build.",
		Author: bot.Signature{Name: "Alice", Email: "alice@example.com"}, Message: "Build with Jenkins", Operation: "op-7",
		At: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC),
		Files: bot.Tree{Files: []bot.TreeFile{
			{Path: "Jenkinsfile", Data: []byte("pipeline {}\n")},
			{Path: "README.md", Executable: true, Data: []byte("hello again")},
			{Path: "bin/run", Data: []byte("#!/bin/sh\n# changed\n")},
			{Path: "deploy/new.yaml", Data: []byte("a: 1\n")},
		}},
	}
}

func wantProposal(t *testing.T, w *world, s bot.PullRequestSpec, want bot.Presence) bot.PullRequest {
	t.Helper()
	found, pr, err := w.forge.FindPullRequest(t.Context(), s)
	if err != nil || found != want {
		t.Fatalf("it is %s %+v, %v, want %s", found, pr, err, want)
	}
	return pr
}

func TestMergeRequest(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	s := proposalOf(repo)
	wantProposal(t, w, s, bot.PresenceAbsent)
	var made bot.PullRequest
	for range 2 {
		var err error
		if made, err = w.forge.EnsurePullRequest(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	p := w.project("foo/shop")
	if n := w.lab.Count("POST " + projectPath + "/repository/commits"); n != 1 || len(p.MergeRequests) != 1 {
		t.Errorf("%d commits were made, the merge requests are %+v", n, p.MergeRequests)
	}
	if !made.Open || made.Number != 1 || made.URL != w.lab.URL+"/foo/shop/-/merge_requests/1" || made.Commit != p.Branches[s.Branch] || p.Branches["main"] != first {
		t.Errorf("%+v, branches %v", made, p.Branches)
	}
	if m := p.MergeRequests[0]; m.Title != s.Title || !strings.HasPrefix(m.Description, s.Body) || m.Target != "main" {
		t.Errorf("%+v", m)
	}
	if found := wantProposal(t, w, s, bot.PresenceOurs); found != made {
		t.Errorf("made %+v, found %+v", made, found)
	}
	list, err := w.forge.Commits(t.Context(), repo, first, made.Commit, 5)
	if err != nil || len(list) != 1 || list[0].Operation != "op-7" || list[0].Title != s.Message || list[0].Author != "Alice" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, file := range s.Files.Files {
		if data, err := w.forge.ReadFile(t.Context(), repo, made.Commit, file.Path); err != nil || string(data) != string(file.Data) {
			t.Errorf("%s: %q, %v", file.Path, data, err)
		}
	}
	there := map[string]string{}
	for _, dir := range []string{".", "bin"} {
		project, err := w.forge.resolve(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.forge.folder(t.Context(), project, made.Commit, dir, there); err != nil {
			t.Fatal(err)
		}
	}
	if there["README.md"] != "100755" || there["bin/run"] != "100644" || there["Jenkinsfile"] != "100644" {
		t.Errorf("modes: %v", there)
	}
	for range 2 {
		if err := w.forge.ClosePullRequest(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	p = w.project("foo/shop")
	if p.MergeRequests[0].State != "closed" || len(p.Branches) != 1 {
		t.Errorf("%+v", p)
	}
	if found := wantProposal(t, w, s, bot.PresenceOurs); found.Open || found.Commit != made.Commit {
		t.Errorf("after closing: %+v", found)
	}
	if again, err := w.forge.EnsurePullRequest(t.Context(), s); err != nil || again.Open || len(w.project("foo/shop").MergeRequests) != 1 {
		t.Errorf("one that was closed is opened again: %+v, %v", again, err)
	}
}

func TestMergeRequestOfOthers(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	s := proposalOf(repo)
	if _, err := w.lab.Commit("foo/shop", s.Branch, "By a person"); err != nil {
		t.Fatal(err)
	}
	wantProposal(t, w, s, bot.PresenceForeign)
	_, err := w.forge.EnsurePullRequest(t.Context(), s)
	refused(t, w, err, bot.CodeConflict, "branch opsbot/pipeline already")
	if err := w.forge.ClosePullRequest(t.Context(), s); err != nil || len(w.project("foo/shop").Branches) != 2 {
		t.Errorf("somebody's branch was removed: %v", err)
	}
	s.Branch, s.Base = "opsbot/other", "absent"
	_, err = w.forge.EnsurePullRequest(t.Context(), s)
	refused(t, w, err, bot.CodeNotFound, "no branch absent")
	s.Base, s.Files = "main", bot.Tree{}
	_, err = w.forge.EnsurePullRequest(t.Context(), s)
	refused(t, w, err, bot.CodeInvalid, "nothing to propose")
	gone := repo
	gone.ExternalID = "99999"
	s.Repository = gone
	if err := w.forge.ClosePullRequest(t.Context(), s); err != nil {
		t.Errorf("of a project that is gone: %v", err)
	}
}

// TestMergeRequestMerged: what people did stays as it is, and what they added is kept.
func TestMergeRequestMerged(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for name, c := range map[string]struct {
		do       func(path string, s bot.PullRequestSpec) error
		state    string
		branches int
	}{
		"merged": {func(path string, _ bot.PullRequestSpec) error { return w.lab.CloseMerge(path, 1, "merged") }, "merged", 1},
		"grown": {func(path string, s bot.PullRequestSpec) error {
			_, err := w.lab.Commit(path, s.Branch, "By a person")
			return err
		}, "closed", 2},
		"closed": {func(path string, _ bot.PullRequestSpec) error { return w.lab.CloseMerge(path, 1, "closed") }, "closed", 1},
	} {
		repo, _ := w.made(name)
		s := proposalOf(repo)
		if _, err := w.forge.EnsurePullRequest(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := c.do("foo/"+name, s); err != nil {
			t.Fatal(err)
		}
		if _, err := w.forge.EnsurePullRequest(t.Context(), s); err != nil {
			t.Errorf("%s: ensuring again: %v", name, err)
		}
		if err := w.forge.ClosePullRequest(t.Context(), s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p := w.project("foo/" + name)
		if len(p.MergeRequests) != 1 || p.MergeRequests[0].State != c.state || len(p.Branches) != c.branches {
			t.Errorf("%s: %+v, branches %v", name, p.MergeRequests, p.Branches)
		}
	}
}

// TestMergeRequestOfEarlierOperation: one that is over is not in the way of another.
func TestMergeRequestOfEarlierOperation(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	first := proposalOf(repo)
	if _, err := w.forge.EnsurePullRequest(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Operation = "op-8"
	wantProposal(t, w, second, bot.PresenceForeign)
	if err := w.forge.ClosePullRequest(t.Context(), second); err != nil || w.project("foo/shop").MergeRequests[0].State != "opened" {
		t.Errorf("another operation's was closed: %v", err)
	}
	if err := w.forge.ClosePullRequest(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	wantProposal(t, w, second, bot.PresenceAbsent)
	made, err := w.forge.EnsurePullRequest(t.Context(), second)
	if err != nil || made.Number != 2 || !made.Open {
		t.Errorf("%+v, %v", made, err)
	}
	wantProposal(t, w, second, bot.PresenceOurs)
}

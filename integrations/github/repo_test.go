package github

import (
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

func TestMadeAsConfigured(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) {
		c.Topics, c.Teams = []string{"opsbot", "team-a"}, map[string]string{"developers": "maintain"}
	})
	s := spec("shop")
	s.Private = true
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	before := len(w.hub.Calls())
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	r := w.hubRepo("foo-org/shop")
	if !r.Private || r.Description != "A test" || strings.Join(r.Topics, " ") != "opsbot team-a" || r.Teams["developers"] != "maintain" || r.DefaultBranch != "main" {
		t.Errorf("%+v", r)
	}
	if n := w.hub.Count("POST /orgs/{org}/repos"); n != 1 {
		t.Errorf("%d repositories were made", n)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	if n := w.hub.Count("PUT /repos/{owner}/{repo}/topics"); n != 1 {
		t.Errorf("the topics were set %d times", n)
	}
	t.Logf("ensure: %d calls; push: %d", before, len(w.hub.Calls())-before)
}

func TestDefaultBranchOfTheOwnersSettings(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	w.hub.AddOrg("old-org", fake.OrgRules{MembersCreate: true, DefaultBranch: "master"}, w.hub.Login)
	w.cfg.Owners = []string{"old-org"}
	w.restart()
	s := spec("shop")
	s.Owner = "old-org"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil || repo.DefaultBranch != "main" {
		t.Fatal(repo, err)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	if r := w.hubRepo("old-org/shop"); r.DefaultBranch != "main" {
		t.Errorf("the default branch is %s", r.DefaultBranch)
	}
}

// TestMarkerSurvives: a process that ended after the creation, and people who edit
// the homepage after the push.
func TestMarkerSurvives(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	found, again, err := w.forge.FindRepository(t.Context(), spec("shop"))
	if err != nil || found != bot.PresenceOurs || again != repo {
		t.Fatalf("after the creation: %s %+v, %v", found, again, err)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	if err := w.hub.Change("foo-org/shop", "https://shop.example.com", "", false); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]bot.Presence{"op-1": bot.PresenceOurs, "op-2": bot.PresenceForeign} {
		s := spec("shop")
		s.Operation = operation
		if found, _, err = w.forge.FindRepository(t.Context(), s); err != nil || found != want {
			t.Errorf("%s finds the edited one %s, %v, want %s", operation, found, err, want)
		}
	}
}

func TestRenamedIsFollowed(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	if err := w.hub.Rename("foo-org/shop", "foo-org/store"); err != nil {
		t.Fatal(err)
	}
	branches, err := w.forge.Branches(t.Context(), repo)
	if err != nil || branches["main"] != commit {
		t.Errorf("branches %v, %v", branches, err)
	}
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil || len(w.hubRepo("foo-org/store").Hooks) != 1 {
		t.Errorf("hook: %v", err)
	}
	if found, there, err := w.forge.FindRepository(t.Context(), spec("shop")); err != nil || found != bot.PresenceOurs || there.Name != "store" {
		t.Errorf("found %s %+v, %v", found, there, err)
	}
	other := spec("shop")
	other.Operation = "op-2"
	if found, _, err := w.forge.FindRepository(t.Context(), other); err != nil || found != bot.PresenceAbsent {
		t.Errorf("the name is %s for others, %v: a rename frees it", found, err)
	}
	if _, err := w.forge.EnsureRepository(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	// The old name is another repository's now; ours is found by its id.
	if err := w.forge.ArchiveRepository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	if !w.hubRepo("foo-org/store").Archived || w.hubRepo("foo-org/shop").Archived {
		t.Error("the wrong one is archived")
	}
}

func TestRetire(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	empty, err := w.forge.EnsureRepository(t.Context(), spec("empty"))
	if err != nil {
		t.Fatal(err)
	}
	pushed, _ := w.made("pushed")
	grown, _ := w.made("grown")
	branched, _ := w.made("branched")
	for full, branch := range map[string]string{"foo-org/grown": "main", "foo-org/branched": "other"} {
		if _, err := w.hub.Commit(full, branch, "By a person"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		repo bot.Repository
		kept bool
	}{{empty, false}, {pushed, false}, {grown, true}, {branched, true}} {
		for range 2 {
			kept, err := w.forge.RetireRepository(t.Context(), c.repo, "op-1")
			if err != nil || kept != c.kept {
				t.Errorf("%s: kept %v, %v", c.repo.Name, kept, err)
			}
		}
		r, there := w.hub.Repo("foo-org/" + c.repo.Name)
		if there != c.kept || there && !r.Archived {
			t.Errorf("%s: there %v, archived %v", c.repo.Name, there, r.Archived)
		}
	}
	foreign, _ := w.made("foreign")
	if _, err := w.forge.RetireRepository(t.Context(), foreign, "op-2"); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("another operation's: %v", err)
	}
	w.hubRepo("foo-org/foreign")
}

func TestHookIsPutRight(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	old := hookOf(repo)
	old.URL = "https://old.example.com/hooks/github/0190-resource"
	id, err := w.forge.EnsureHook(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	spec := hookOf(repo)
	if found, _, err := w.forge.FindHook(t.Context(), spec); err != nil || found != bot.PresenceAbsent {
		t.Errorf("one that leads elsewhere is %s, %v", found, err)
	}
	again, err := w.forge.EnsureHook(t.Context(), spec)
	if err != nil || again != id {
		t.Errorf("%s, then %s, %v", id, again, err)
	}
	hooks := w.hubRepo("foo-org/shop").Hooks
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	h := hooks[0]
	if h.Config["url"] != spec.URL || h.Config["content_type"] != "json" || h.Config["secret"] != hookSecret || h.Config["insecure_ssl"] != "0" ||
		strings.Join(h.Events, " ") != "pull_request push repository" || !h.Active {
		t.Errorf("%+v", h)
	}
	if found, have, err := w.forge.FindHook(t.Context(), spec); err != nil || found != bot.PresenceOurs || have != id {
		t.Errorf("found %s %s, %v", found, have, err)
	}
}

func TestCommitsAcrossPages(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	var ids []string
	for range 120 {
		id, err := w.hub.Commit("foo-org/shop", "main", "More")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	last := ids[len(ids)-1]
	for limit, want := range map[int]int{5: 5, 110: 110, 200: 120} {
		list, err := w.forge.Commits(t.Context(), repo, first, last, limit)
		if err != nil || len(list) != want {
			t.Fatalf("%d: %d commits, %v", limit, len(list), err)
		}
		for i, c := range list {
			if c.ID != ids[len(ids)-1-i] {
				t.Fatalf("%d: commit %d is %s", limit, i, c.ID)
			}
		}
	}
	if err := w.hub.Tag("foo-org/shop", "v1.0.0", first); err != nil {
		t.Fatal(err)
	}
	if tag, err := w.forge.NearestTag(t.Context(), repo, last); err != nil || tag != "v1.0.0" {
		t.Errorf("tag %q, %v", tag, err)
	}
}

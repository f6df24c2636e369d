package gitea

import (
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitea"
)

func TestMadeAsConfigured(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) {
		c.Topics, c.Teams = []string{"opsbot", "team-a"}, []string{"developers"}
	})
	s := spec("shop")
	s.Private, s.DefaultBranch = true, "trunk"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.teaRepo("foo-org/shop"); !strings.Contains(r.Description, "op-1") {
		t.Errorf("until the push nothing marks it: %+v", r)
	}
	before := len(w.tea.Calls())
	req := request(repo, "x")
	req.Branch = "trunk"
	if _, err := w.forge.Push(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	t.Logf("ensure: %d calls; push: %d", before, len(w.tea.Calls())-before)
	r := w.teaRepo("foo-org/shop")
	if !r.Private || r.Description != "A test" || r.Website != "https://opsbot.example.com/#operation=op-1" ||
		strings.Join(r.Topics, " ") != "opsbot team-a" || strings.Join(r.Teams, " ") != "developers" || r.DefaultBranch != "trunk" {
		t.Errorf("%+v", r)
	}
	if _, err := w.forge.Push(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]int{
		"POST /orgs/{org}/repos": 1, "PUT /repos/{owner}/{repo}/topics": 1, "PUT /repos/{owner}/{repo}/teams/{team}": 1, "PATCH /repos/{owner}/{repo}": 1,
	} {
		if n := w.tea.Count(operation); n != want {
			t.Errorf("%s was called %d times", operation, n)
		}
	}
}

// TestDefaultBranchOfOthers: somebody has changed it before the push.
func TestDefaultBranchOfOthers(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tea.Commit("foo-org/shop", "master", "By hand"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	if r := w.teaRepo("foo-org/shop"); r.DefaultBranch != "main" || len(r.Branches) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestMarkerSurvives: a process that ended after the creation, and people who edit
// description and website after the push.
func TestMarkerSurvives(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	find := func(operation string, want bot.Presence) bot.Repository {
		t.Helper()
		s := spec("shop")
		s.Operation = operation
		found, there, err := w.forge.FindRepository(t.Context(), s)
		if err != nil || found != want {
			t.Errorf("%s finds it %s, %v, want %s", operation, found, err, want)
		}
		return there
	}
	if again := find("op-1", bot.PresenceOurs); again != repo {
		t.Errorf("after the creation: %+v", again)
	}
	find("op-2", bot.PresenceForeign)
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	find("op-1", bot.PresenceOurs)
	if err := w.tea.Describe("foo-org/shop", "Our shop", "https://shop.example.com"); err != nil {
		t.Fatal(err)
	}
	find("op-1", bot.PresenceOurs)
	find("op-2", bot.PresenceForeign)
}

// TestLookingOnly: whoever looks for a repository need not know its default branch.
func TestLookingOnly(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.tea.AddRepo("foo-org/old", "trunk"); err != nil {
		t.Fatal(err)
	}
	w.made("shop")
	for name, want := range map[string]struct {
		presence bot.Presence
		branch   string
	}{"old": {bot.PresenceForeign, "trunk"}, "shop": {bot.PresenceOurs, "main"}, "none": {bot.PresenceAbsent, ""}} {
		s := spec(name)
		s.DefaultBranch = ""
		found, repo, err := w.forge.FindRepository(t.Context(), s)
		if err != nil || found != want.presence || repo.DefaultBranch != want.branch {
			t.Errorf("%s is %s, %+v, %v", name, found, repo, err)
		}
	}
}

func TestDescriptionMark(t *testing.T) {
	t.Parallel()
	for _, description := range []string{"", "A shop", "A shop (big)", "Line\nbreak", strings.Repeat("ä", 1000)} {
		text, operation := unmarked(marked(description, "op-1"))
		if operation != "op-1" || text != bot.Shorten(bot.OneLine(description), 350) {
			t.Errorf("%q comes back as %q, %q", description, text, operation)
		}
	}
	if text, operation := unmarked("Plain (really)"); text != "Plain (really)" || operation != "" {
		t.Errorf("%q, %q", text, operation)
	}
}

func TestRenamedIsFollowed(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	if err := w.tea.Rename("foo-org/shop", "foo-org/store"); err != nil {
		t.Fatal(err)
	}
	branches, err := w.forge.Branches(t.Context(), repo)
	if err != nil || branches["main"] != commit {
		t.Errorf("branches %v, %v", branches, err)
	}
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil || len(w.teaRepo("foo-org/store").Hooks) != 1 {
		t.Errorf("hook: %v", err)
	}
	if again, err := w.forge.Push(t.Context(), request(repo, "hello")); err != nil || again != commit {
		t.Errorf("push: %s, %v", again, err)
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
	if !w.teaRepo("foo-org/store").Archived || w.teaRepo("foo-org/shop").Archived {
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
	discussed, _ := w.made("discussed")
	for full, branch := range map[string]string{"foo-org/grown": "main", "foo-org/branched": "other"} {
		if _, err := w.tea.Commit(full, branch, "By a person"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.tea.OpenIssue("foo-org/discussed"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		repo bot.Repository
		kept bool
	}{{empty, false}, {pushed, false}, {grown, true}, {branched, true}, {discussed, true}} {
		for range 2 {
			kept, err := w.forge.RetireRepository(t.Context(), c.repo, "op-1")
			if err != nil || kept != c.kept {
				t.Errorf("%s: kept %v, %v", c.repo.Name, kept, err)
			}
		}
		r, there := w.tea.Repo("foo-org/" + c.repo.Name)
		if there != c.kept || there && !r.Archived {
			t.Errorf("%s: there %v, archived %v", c.repo.Name, there, r.Archived)
		}
	}
	foreign, _ := w.made("foreign")
	if _, err := w.forge.RetireRepository(t.Context(), foreign, "op-2"); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("another operation's: %v", err)
	}
	w.teaRepo("foo-org/foreign")
}

func TestHookIsPutRight(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithVersion("12.0.1+gitea-1.22.0"))
	repo, _ := w.made("shop")
	old := hookOf(repo)
	old.URL = "https://old.example.com/hooks/gitea/0190-resource"
	id, err := w.forge.EnsureHook(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	spec := hookOf(repo)
	if found, _, err := w.forge.FindHook(t.Context(), spec); err != nil || found != bot.PresenceAbsent {
		t.Errorf("one that leads elsewhere is %s, %v", found, err)
	}
	w.cfg.WebhookSecret = secret(t, "another secret")
	w.restart()
	again, err := w.forge.EnsureHook(t.Context(), spec)
	if err != nil || again != id {
		t.Errorf("%s, then %s, %v", id, again, err)
	}
	hooks := w.teaRepo("foo-org/shop").Hooks
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	h := hooks[0]
	want, err := w.forge.secretOf(t.Context(), repo.ExternalID)
	if err != nil || h.Config["url"] != spec.URL+"?repository="+repo.ExternalID || h.Config["content_type"] != "json" || h.Config["secret"] != want || !h.Active {
		t.Errorf("%+v", h)
	}
	for _, e := range events() {
		if !slices.Contains(h.Events, e) {
			t.Errorf("the events are %v", h.Events)
		}
	}
	if found, have, err := w.forge.FindHook(t.Context(), spec); err != nil || found != bot.PresenceOurs || have != id {
		t.Errorf("found %s %s, %v", found, have, err)
	}
}

// TestHooksOfTwoReplicas: Gitea takes both; the older one stays.
func TestHooksOfTwoReplicas(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	want := map[string]string{"url": hookOf(repo).URL, "content_type": "json"}
	r, err := w.forge.resolve(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.forge.addHook(t.Context(), r, hookOf(repo), want)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.forge.addHook(t.Context(), r, hookOf(repo), want)
	if hooks := w.teaRepo("foo-org/shop").Hooks; err != nil || second != first || len(hooks) != 1 {
		t.Errorf("%s, then %s, %v; there is %+v", first, second, err, hooks)
	}
}

func TestCommitsAcrossPages(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	var ids []string
	for range 120 {
		id, err := w.tea.Commit("foo-org/shop", "main", "More")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	last := ids[len(ids)-1]
	for limit, want := range map[int]int{0: 0, 5: 5, 110: 110, 200: 120} {
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
	if err := w.tea.Tag("foo-org/shop", "v1.0.0", first); err != nil {
		t.Fatal(err)
	}
	if tag, err := w.forge.NearestTag(t.Context(), repo, last); err != nil || tag != "v1.0.0" {
		t.Errorf("tag %q, %v", tag, err)
	}
	_, err := w.forge.Commits(t.Context(), repo, strings.Repeat("a", 40), last, 5)
	refused(t, w, err, bot.CodeNotFound, "no commit "+strings.Repeat("a", 40))
}

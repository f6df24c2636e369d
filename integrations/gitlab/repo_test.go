package gitlab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
	fake "opsbot/test/fakes/gitlab"
)

func TestMadeAsConfigured(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Topics, c.Visibility = []string{"opsbot", "team a"}, "internal" })
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	before := len(w.lab.Calls())
	for range 2 {
		if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
			t.Fatal(err)
		}
	}
	p := w.project("foo/shop")
	if p.Visibility != "internal" || len(p.Topics) != 2 || p.Topics[1] != "team a" || p.DefaultBranch != "main" || p.AutoDevOps ||
		p.Description != "A test\n\nMade by OpsBot: https://opsbot.example.com/#operation=op-1" {
		t.Errorf("%+v", p)
	}
	if n := w.lab.Count("POST /projects"); n != 1 {
		t.Errorf("%d projects were made", n)
	}
	s := spec("hidden")
	s.Private = true
	if _, err := w.forge.EnsureRepository(t.Context(), s); err != nil || w.project("foo/hidden").Visibility != "private" {
		t.Errorf("a private one: %v", err)
	}
	t.Logf("ensure: %d calls; two pushes: %d", before, len(w.lab.Calls())-before)
}

func TestDefaultBranchOfTheGroupsSettings(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Owners = []string{"old"} }, fake.Slow())
	w.lab.AddGroup("old", fake.GroupRules{DefaultBranch: "master"}, map[string]int{w.lab.Login: fake.Owner})
	s := spec("shop")
	s.Owner = "old"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil || repo.DefaultBranch != "main" {
		t.Fatal(repo, err)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	if p := w.project("old/shop"); p.DefaultBranch != "main" {
		t.Errorf("the default branch is %s", p.DefaultBranch)
	}
}

// TestOneGitPush: whatever the number of files, it is one push of one commit.
func TestOneGitPush(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	req := request(repo, "x")
	for _, name := range strings.Split("a b c d e f g h", " ") {
		req.Tree.Files = append(req.Tree.Files, bot.TreeFile{Path: "src/" + name, Data: []byte(name)})
	}
	commit, err := w.forge.Push(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	packs := 0
	for _, c := range w.lab.Calls() {
		if c.Operation == "git" && c.Method == "POST" {
			packs++
		}
	}
	if packs != 1 || w.lab.Count("POST "+projectPath+"/repository/commits") != 0 {
		t.Errorf("%d packs were sent", packs)
	}
	if list, err := w.forge.Commits(t.Context(), repo, "", commit, 10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestSubgroupsInResources: an owner with slashes survives being filed and read.
func TestSubgroupsInResources(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	s := spec("shop")
	s.Owner = "foo/bar"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil || repo.Owner != "foo/bar" || repo.Name != "shop" || repo.URL != w.lab.URL+"/foo/bar/shop" {
		t.Fatal(repo, err)
	}
	filed := bot.Resource{ExternalID: repo.ExternalID, Name: repo.Owner + "/" + repo.Name, URL: repo.URL, CloneURL: repo.CloneURL}
	if read := filed.Repository("main"); read != repo {
		t.Errorf("filed %+v, read %+v", repo, read)
	}
	if _, err := w.forge.Push(t.Context(), request(filed.Repository("main"), "x")); err != nil {
		t.Error(err)
	}
}

// TestMarkerSurvives: a process that ended after the creation, and people who edit
// the description after the push.
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
	if err := w.lab.Describe("foo/shop", "Our shop"); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]bot.Presence{"op-1": bot.PresenceOurs, "op-2": bot.PresenceForeign, "op-11": bot.PresenceForeign} {
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
	if err := w.lab.Rename("foo/shop", "store"); err != nil {
		t.Fatal(err)
	}
	branches, err := w.forge.Branches(t.Context(), repo)
	if err != nil || branches["main"] != commit {
		t.Errorf("branches %v, %v", branches, err)
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
	// The old name is another project's now; ours is found by its id.
	if err := w.forge.ArchiveRepository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	if !w.project("foo/store").Archived || w.project("foo/shop").Archived {
		t.Error("the wrong one is archived")
	}
}

// TestDeletion: in each of GitLab's ways, what is said about the name is true.
func TestDeletion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way  fake.Deletion
		free bool // the name, afterwards
		kept int  // projects that GitLab still has
	}{
		"renaming": {fake.DeleteRenaming, true, 0}, "late": {fake.DeleteLate, true, 1},
		"marking": {fake.DeleteMarking, false, 1}, "now": {fake.DeleteNow, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil, fake.WithDeletion(c.way))
			repo, _ := w.made("shop")
			for range 2 {
				err := w.forge.RemoveRepository(t.Context(), repo)
				if c.free && err != nil {
					t.Fatal(err)
				}
				if !c.free {
					refused(t, w, err, bot.CodeConflict, "foo/shop", "2026-03-31", "not free", "/foo/shop")
				}
			}
			if n := len(w.lab.Projects("foo")); n != c.kept {
				t.Errorf("GitLab has %d projects", n)
			}
			if _, err := w.forge.Branches(t.Context(), repo); bot.CodeOf(err) != bot.CodeNotFound {
				t.Errorf("it can still be read: %v", err)
			}
			_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
			if c.free && err != nil {
				t.Errorf("the name is not free: %v", err)
			}
			if !c.free {
				refused(t, w, err, bot.CodeConflict, "will delete on 2026-03-31", "not free before", "restore")
			}
		})
	}
}

func TestStillBeingDeleted(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	const body = `{"message": {"project_namespace.name": ["has already been taken"], "base": ["The project is still being deleted. Please try again later."], "limit_reached": []}}`
	w.lab.Fail(fake.Fault{Method: "POST", Operation: "/projects", Status: 400, Body: body, Times: 1})
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeUnavailable, "still being deleted")
	if retry, _ := bot.RetryOf(err); retry != bot.RetryBackoff {
		t.Errorf("it is not tried again: %v", err)
	}
	if _, err := w.forge.EnsureRepository(t.Context(), spec("shop")); err != nil {
		t.Error(err)
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
	for path, branch := range map[string]string{"foo/grown": "main", "foo/branched": "other"} {
		if _, err := w.lab.Commit(path, branch, "By a person"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.lab.OpenIssue("foo/discussed"); err != nil {
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
		p, there := w.lab.Project("foo/" + c.repo.Name)
		if there != c.kept || there && !p.Archived {
			t.Errorf("%s: there %v, archived %v", c.repo.Name, there, p.Archived)
		}
	}
	foreign, _ := w.made("foreign")
	if _, err := w.forge.RetireRepository(t.Context(), foreign, "op-2"); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("another operation's: %v", err)
	}
	w.project("foo/foreign")
}

func TestHookIsPutRight(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	old := hookOf(repo)
	old.URL = "https://old.example.com/hooks/gitlab/0190-resource"
	id, err := w.forge.EnsureHook(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	s := hookOf(repo)
	if found, _, err := w.forge.FindHook(t.Context(), s); err != nil || found != bot.PresenceAbsent {
		t.Errorf("one that leads elsewhere is %s, %v", found, err)
	}
	if again, err := w.forge.EnsureHook(t.Context(), s); err != nil || again != id {
		t.Errorf("%s, then %s, %v", id, again, err)
	}
	hooks := w.project("foo/shop").Hooks
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	for field, want := range map[string]any{
		"url": s.URL, "token": hookSecret, "push_events": true, "tag_push_events": true, "merge_requests_events": true, "enable_ssl_verification": true,
	} {
		if hooks[0].Fields[field] != want {
			t.Errorf("%s is %v", field, hooks[0].Fields[field])
		}
	}
	// Off for a while it comes back by itself; off for good it is made anew.
	for failures, want := range map[int]bot.Presence{5: bot.PresenceOurs, 40: bot.PresenceAbsent} {
		if err := w.lab.FailHooks("foo/shop", failures); err != nil {
			t.Fatal(err)
		}
		if found, _, err := w.forge.FindHook(t.Context(), s); err != nil || found != want {
			t.Errorf("after %d failures it is %s, %v", failures, found, err)
		}
	}
	if err := w.lab.FailHooks("foo/shop", 40); err != nil {
		t.Fatal(err)
	}
	anew, err := w.forge.EnsureHook(t.Context(), s)
	if hooks = w.project("foo/shop").Hooks; err != nil || anew == id || len(hooks) != 1 || hooks[0].Alert != "executable" {
		t.Errorf("%s, %+v, %v", anew, hooks, err)
	}
}

// TestHooksAtOnce: GitLab itself would take any number.
func TestHooksAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	errs := conformance.Together(6, func(int) error {
		_, err := w.forge.EnsureHook(t.Context(), hookOf(repo))
		return err
	})
	if slices.ContainsFunc(errs, func(err error) bool { retry, _ := bot.RetryOf(err); return err != nil && retry == bot.RetryNever }) {
		t.Error(errs)
	}
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
		t.Error(err)
	}
	if n := len(w.project("foo/shop").Hooks); n != 1 {
		t.Errorf("%d hooks", n)
	}
}

func TestCommitsAcrossPages(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, first := w.made("shop")
	var ids []string
	for range 120 {
		w.clock.add(time.Second)
		id, err := w.lab.Commit("foo/shop", "main", "More")
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
	if err := w.lab.Tag("foo/shop", "v1.0.0", first); err != nil {
		t.Fatal(err)
	}
	if tag, err := w.forge.NearestTag(t.Context(), repo, last); err != nil || tag != "v1.0.0" {
		t.Errorf("tag %q, %v", tag, err)
	}
}

package gitea

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitea"
)

func rows() []row {
	return slices.Concat(repositoryRows(), hookRows(), readRows(), statusRows(), pullRows())
}

func nothing(_ *world, name string) (bot.Repository, string) { return bot.Repository{Name: name}, "" }

func ensured(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	repo, err := w.forge.EnsureRepository(w.t.Context(), spec(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return repo, ""
}

func made(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	return w.made(name)
}

func otherDefault(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	repo, _ := ensured(w, name)
	if err := push(w.t.Context(), w, repo, ""); err != nil {
		w.t.Fatal(err)
	}
	if err := w.tea.SetDefault("foo-org/"+name, "trunk"); err != nil {
		w.t.Fatal(err)
	}
	return repo, ""
}

func push(ctx context.Context, w *world, repo bot.Repository, _ string) error {
	_, err := w.forge.Push(ctx, request(repo, "x"))
	return err
}

func ensure(ctx context.Context, w *world, repo bot.Repository, _ string) error {
	_, err := w.forge.EnsureRepository(ctx, spec(repo.Name))
	return err
}

// mine is a repository of the token's own account.
func mine(_ *world, name string) (bot.Repository, string) {
	return bot.Repository{Owner: "opsbot", Name: name}, ""
}

func ensureMine(ctx context.Context, w *world, repo bot.Repository, _ string) error {
	s := spec(repo.Name)
	s.Owner = repo.Owner
	_, err := w.forge.EnsureRepository(ctx, s)
	return err
}

func isThere(_ fake.Repo, there bool) string {
	if !there {
		return "it is not there"
	}
	return ""
}

func isGone(_ fake.Repo, there bool) string {
	if there {
		return "it is still there"
	}
	return ""
}

func isPushed(r fake.Repo, _ bool) string {
	if r.Branches["main"] == "" || r.DefaultBranch != "main" || len(r.Topics) != 1 || len(r.Teams) != 1 || r.Description != "A test" || !strings.HasSuffix(r.Website, "#operation=op-1") {
		return fmt.Sprintf("it is %+v", r)
	}
	return one("branches", len(r.Branches))
}

func repositoryRows() []row {
	const repo = "/repos/{owner}/{repo}"
	find := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, _, err := w.forge.FindRepository(ctx, spec(r.Name))
		return err
	}
	remove := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.RemoveRepository(ctx, r)
	}
	retire := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.RetireRepository(ctx, r, "op-1")
		return err
	}
	archive := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.ArchiveRepository(ctx, r)
	}
	archived := func(r fake.Repo, _ bool) string {
		if !r.Archived {
			return "it is not archived"
		}
		return ""
	}
	return []row{
		{"find repository", "GET", repo, made, find, isThere},
		{"ensure: look", "GET", repo, ensured, ensure, isThere},
		{"ensure: account", "GET", "/user", mine, ensureMine, isThere},
		{"ensure: owner", "GET", "/orgs/{org}", nothing, ensure, isThere},
		{"ensure: create", "POST", "/orgs/{org}/repos", nothing, ensure, isThere},
		{"push: describe", "PATCH", repo, ensured, push, isPushed},
		{"push: list topics", "GET", repo + "/topics", ensured, push, isPushed},
		{"push: topics", "PUT", repo + "/topics", ensured, push, isPushed},
		{"push: list teams", "GET", repo + "/teams", ensured, push, isPushed},
		{"push: team", "PUT", repo + "/teams/{team}", ensured, push, isPushed},
		{"push: refs", "GET", "git", ensured, push, isPushed},
		{"push: pack", "POST", "git", ensured, push, isPushed},
		{"push: default branch", "PATCH", repo, otherDefault, push, isPushed},
		{"archive", "PATCH", repo, made, archive, archived},
		{"remove", "DELETE", repo, made, remove, isGone},
		{"retire: look", "GET", repo + "/branches", made, retire, isGone},
		{"retire", "DELETE", repo, made, retire, isGone},
	}
}

func hookRows() []row {
	const hooks = "/repos/{owner}/{repo}/hooks"
	hooked := func(w *world, name string) (bot.Repository, string) {
		repo, commit := w.made(name)
		if _, err := w.forge.EnsureHook(w.t.Context(), hookOf(repo)); err != nil {
			w.t.Fatal(err)
		}
		return repo, commit
	}
	ensure := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.EnsureHook(ctx, hookOf(r))
		return err
	}
	find := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, _, err := w.forge.FindHook(ctx, hookOf(r))
		return err
	}
	remove := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.RemoveHook(ctx, hookOf(r))
	}
	single := func(r fake.Repo, _ bool) string { return one("hooks", len(r.Hooks)) }
	none := func(r fake.Repo, _ bool) string {
		if len(r.Hooks) != 0 {
			return "it has a hook"
		}
		return ""
	}
	return []row{
		{"hook: list", "GET", hooks, hooked, find, single},
		{"hook: create", "POST", hooks, made, ensure, single},
		{"hook: update", "PATCH", hooks + "/{id}", hooked, ensure, single},
		{"hook: remove", "DELETE", hooks + "/{id}", hooked, remove, none},
	}
}

func readRows() []row {
	const repo = "/repos/{owner}/{repo}"
	grown := func(w *world, name string) (bot.Repository, string) {
		r, first := w.made(name)
		if _, err := w.tea.Commit("foo-org/"+name, "main", "More"); err != nil {
			w.t.Fatal(err)
		}
		return r, first
	}
	branches := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.Branches(ctx, r)
		return err
	}
	commits := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		list, err := w.forge.Commits(ctx, r, commit, w.teaRepo("foo-org/" + r.Name).Branches["main"], 10)
		if err == nil && len(list) != 1 {
			return fmt.Errorf("%d commits", len(list))
		}
		return err
	}
	all := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		list, err := w.forge.Commits(ctx, r, "", commit, 10)
		if err == nil && len(list) != 1 {
			return fmt.Errorf("%d commits", len(list))
		}
		return err
	}
	file := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		data, err := w.forge.ReadFile(ctx, r, commit, "README.md")
		if err == nil && string(data) != "hello" {
			return fmt.Errorf("the file is %q", data)
		}
		return err
	}
	tag := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		_, err := w.forge.NearestTag(ctx, r, commit)
		return err
	}
	return []row{
		{"branches", "GET", repo + "/branches", made, branches, isThere},
		{"commits: between", "GET", repo + "/commits", grown, commits, isThere},
		{"commits: all", "GET", repo + "/commits", grown, all, isThere},
		{"file", "GET", repo + "/contents/{filepath}", made, file, isThere},
		{"nearest tag", "GET", repo + "/tags", made, tag, isThere},
	}
}

func statusRows() []row {
	const repo = "/repos/{owner}/{repo}"
	const guard = repo + "/branch_protections"
	protect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.EnsureProtection(ctx, bot.ProtectionSpec{Repository: r, Branch: "main"})
	}
	unprotect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.RemoveProtection(ctx, bot.ProtectionSpec{Repository: r, Branch: "main"})
	}
	guarded := func(w *world, name string) (bot.Repository, string) {
		r, commit := w.made(name)
		if err := protect(w.t.Context(), w, r, ""); err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	status := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		return w.forge.WriteStatus(ctx, bot.CommitStatus{Repository: r, Commit: commit, Check: "ci", State: bot.StatusSuccess})
	}
	half := func(w *world, name string) (bot.Repository, string) {
		check := w.cfg.Protection.Check
		w.cfg.Protection.Check = "other"
		w.restart()
		r, commit := guarded(w, name)
		w.cfg.Protection.Check = check
		w.restart()
		return r, commit
	}
	protections := func(n int) func(fake.Repo, bool) string {
		return func(r fake.Repo, _ bool) string {
			if len(r.Protection) != n {
				return fmt.Sprintf("%d branches are protected", len(r.Protection))
			}
			return ""
		}
	}
	told := func(r fake.Repo, _ bool) string {
		for _, s := range r.Statuses {
			if s["state"] != "success" || s["context"] != "ci" {
				return fmt.Sprintf("the status is %v", s)
			}
		}
		if len(r.Statuses) == 0 {
			return "there is no status"
		}
		return ""
	}
	return []row{
		{"protection: branch", "GET", repo + "/branches/{branch}", made, protect, protections(1)},
		{"protection: show", "GET", guard + "/{name}", made, protect, protections(1)},
		{"protection: set", "POST", guard, made, protect, protections(1)},
		{"protection: change", "PATCH", guard + "/{name}", half, protect, protections(1)},
		{"protection: remove", "DELETE", guard + "/{name}", guarded, unprotect, protections(0)},
		{"status", "POST", repo + "/statuses/{sha}", made, status, told},
	}
}

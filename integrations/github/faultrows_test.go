package github

import (
	"context"
	"fmt"
	"slices"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
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

// given is a repository that somebody has made, for what does not ask by whom.
func given(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	if err := w.hub.AddRepo("foo-org/"+name, "main"); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.forge.get(w.t.Context(), "foo-org", name)
	if err != nil {
		w.t.Fatal(err)
	}
	return toRepository(r), w.hubRepo("foo-org/" + name).Branches["main"]
}

func inOldOrg(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	s := spec(name)
	s.Owner = "old-org"
	repo, err := w.forge.EnsureRepository(w.t.Context(), s)
	if err != nil {
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
	if r.Branches["main"] == "" || r.DefaultBranch != "main" || len(r.Topics) != 1 || r.Teams["developers"] != "push" {
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
		{"ensure: create", "POST", "/orgs/{org}/repos", nothing, ensure, isThere},
		{"push: topics", "PUT", repo + "/topics", ensured, push, isPushed},
		{"push: team", "PUT", "/orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}", ensured, push, isPushed},
		{"push: refs", "GET", "git", ensured, push, isPushed},
		{"push: pack", "POST", "git", ensured, push, isPushed},
		{"push: default branch", "PATCH", repo, inOldOrg, push, isPushed},
		{"archive", "PATCH", repo, made, archive, archived},
		{"remove", "DELETE", repo, made, remove, isGone},
		{"retire", "DELETE", repo, made, retire, isGone},
	}
}

func hookRows() []row {
	const hooks = "/repos/{owner}/{repo}/hooks"
	hooked := func(w *world, name string) (bot.Repository, string) {
		repo, commit := given(w, name)
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
	lost := func(w *world, name string) (bot.Repository, string) {
		repo, commit := hooked(w, name)
		w.clock.add(time.Hour)
		return repo, commit
	}
	sweep := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		state := w.hubRepo("foo-org/" + r.Name)
		return w.forge.sweepHook(ctx, hooked1(r, state))
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
		{"hook: create", "POST", hooks, given, ensure, single},
		{"hook: update", "PATCH", hooks + "/{hook_id}", hooked, ensure, single},
		{"hook: remove", "DELETE", hooks + "/{hook_id}", hooked, remove, none},
		{"sweep: list", "GET", hooks + "/{hook_id}/deliveries", lost, sweep, single},
		{"sweep: redeliver", "POST", hooks + "/{hook_id}/deliveries/{delivery_id}/attempts", lost, sweep, single},
	}
}

func hooked1(repo bot.Repository, state fake.Repo) hooked {
	return hooked{repo: repo, id: state.Hooks[0].ID}
}

func readRows() []row {
	const repo = "/repos/{owner}/{repo}"
	grown := func(w *world, name string) (bot.Repository, string) {
		r, first := given(w, name)
		if _, err := w.hub.Commit("foo-org/"+name, "main", "More"); err != nil {
			w.t.Fatal(err)
		}
		return r, first
	}
	branches := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.Branches(ctx, r)
		return err
	}
	commits := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		list, err := w.forge.Commits(ctx, r, commit, w.hubRepo("foo-org/" + r.Name).Branches["main"], 10)
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
		{"branches", "GET", repo + "/branches", given, branches, isThere},
		{"commits: compare", "GET", repo + "/compare/{basehead}", grown, commits, isThere},
		{"commits: all", "GET", repo + "/commits", grown, all, isThere},
		{"file", "GET", repo + "/contents/{path}", made, file, isThere},
		{"nearest tag", "GET", repo + "/tags", given, tag, isThere},
	}
}

func statusRows() []row {
	const repo = "/repos/{owner}/{repo}"
	const guard = repo + "/branches/{branch}/protection"
	protect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.EnsureProtection(ctx, bot.ProtectionSpec{Repository: r, Branch: "main"})
	}
	unprotect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.RemoveProtection(ctx, bot.ProtectionSpec{Repository: r, Branch: "main"})
	}
	guarded := func(w *world, name string) (bot.Repository, string) {
		r, commit := given(w, name)
		if err := protect(w.t.Context(), w, r, ""); err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	status := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		return w.forge.WriteStatus(ctx, bot.CommitStatus{Repository: r, Commit: commit, Check: "ci", State: bot.StatusSuccess})
	}
	deploy := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		_, err := w.forge.WriteDeployment(ctx, bot.DeploymentStatus{
			Repository: r, ID: "0190-d", Commit: commit, Environment: "staging", State: bot.DeploymentSucceeded, Text: "up",
		})
		return err
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
	deployed := func(r fake.Repo, _ bool) string {
		if len(r.Deployments) != 1 || len(r.Deployments[0].States) != 1 {
			return fmt.Sprintf("the deployments are %+v", r.Deployments)
		}
		return ""
	}
	return []row{
		{"protection: show", "GET", guard, given, protect, protections(1)},
		{"protection: set", "PUT", guard, given, protect, protections(1)},
		{"protection: remove", "DELETE", guard, guarded, unprotect, protections(0)},
		{"status", "POST", repo + "/statuses/{sha}", given, status, told},
		{"deployment: list", "GET", repo + "/deployments", given, deploy, deployed},
		{"deployment: create", "POST", repo + "/deployments", given, deploy, deployed},
		{"deployment: state", "POST", repo + "/deployments/{deployment_id}/statuses", given, deploy, deployed},
	}
}

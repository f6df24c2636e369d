package gitlab

import (
	"context"
	"fmt"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

const projectPath = "/projects/:id"

func rows() []row {
	all := append(repositoryRows(), hookRows()...)
	all = append(append(all, readRows()...), statusRows()...)
	return append(append(all, deploymentRows()...), mergeRows()...)
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

func inOldGroup(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	s := spec(name)
	s.Owner = "old"
	repo, err := w.forge.EnsureRepository(w.t.Context(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return repo, ""
}

// condemnedOne is a project that is marked for deletion already.
func condemnedOne(w *world, name string) (bot.Repository, string) {
	w.t.Helper()
	repo, commit := w.made(name)
	if _, err := w.forge.api.Projects.DeleteProject(repo.ExternalID, nil, gl.WithContext(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
	return repo, commit
}

func push(ctx context.Context, w *world, repo bot.Repository, _ string) error {
	_, err := w.forge.Push(ctx, request(repo, "x"))
	return err
}

func ensure(ctx context.Context, w *world, repo bot.Repository, _ string) error {
	_, err := w.forge.EnsureRepository(ctx, spec(repo.Name))
	return err
}

func isThere(_ fake.Project, there bool) string {
	if !there {
		return "it is not there"
	}
	return ""
}

func isGone(_ fake.Project, there bool) string {
	if there {
		return "it is still there"
	}
	return ""
}

func isPushed(p fake.Project, _ bool) string {
	if p.Branches["main"] == "" || p.DefaultBranch != "main" {
		return fmt.Sprintf("it is %+v", p)
	}
	return one("branches", len(p.Branches))
}

func repositoryRows() []row {
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
	archived := func(p fake.Project, _ bool) string {
		if !p.Archived {
			return "it is not archived"
		}
		return ""
	}
	return []row{
		{"find project", "GET", projectPath, made, find, isThere},
		{"ensure: look", "GET", projectPath, ensured, ensure, isThere},
		{"ensure: namespace", "GET", "/namespaces/:id", nothing, ensure, isThere},
		{"ensure: create", "POST", "/projects", nothing, ensure, isThere},
		{"push: project", "GET", projectPath, ensured, push, isPushed},
		{"push: refs", "GET", "git", ensured, push, isPushed},
		{"push: pack", "POST", "git", ensured, push, isPushed},
		{"push: default branch", "PUT", projectPath, inOldGroup, push, isPushed},
		{"archive", "POST", projectPath + "/archive", made, archive, archived},
		{"remove: mark", "DELETE", projectPath, made, remove, isGone},
		{"remove: at once", "DELETE", projectPath, condemnedOne, remove, isGone},
		{"retire", "DELETE", projectPath, made, retire, isGone},
	}
}

func hookRows() []row {
	const hooks = projectPath + "/hooks"
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
	lost := func(w *world, name string) (bot.Repository, string) {
		repo, commit := hooked(w, name)
		w.commit("foo/"+name, "Lost")
		return repo, commit
	}
	sweep := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.sweepHook(ctx, hookIn(r, w.project("foo/"+r.Name)))
	}
	single := func(p fake.Project, _ bool) string { return one("hooks", len(p.Hooks)) }
	none := func(p fake.Project, _ bool) string {
		if len(p.Hooks) != 0 {
			return "it has a hook"
		}
		return ""
	}
	return []row{
		{"hook: list", "GET", hooks, hooked, find, single},
		{"hook: create", "POST", hooks, made, ensure, single},
		{"hook: update", "PUT", hooks + "/:hook_id", hooked, ensure, single},
		{"hook: remove", "DELETE", hooks + "/:hook_id", hooked, remove, none},
		{"sweep: list", "GET", hooks + "/:hook_id/events", lost, sweep, single},
		{"sweep: resend", "POST", hooks + "/:hook_id/events/:event_id/resend", lost, sweep, single},
	}
}

func hookIn(repo bot.Repository, state fake.Project) hooked {
	return hooked{repo: repo, id: state.Hooks[0].ID}
}

func readRows() []row {
	grown := func(w *world, name string) (bot.Repository, string) {
		r, first := w.made(name)
		if _, err := w.lab.Commit("foo/"+name, "main", "More"); err != nil {
			w.t.Fatal(err)
		}
		return r, first
	}
	branches := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.Branches(ctx, r)
		return err
	}
	commits := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		list, err := w.forge.Commits(ctx, r, commit, w.project("foo/" + r.Name).Branches["main"], 10)
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
		{"branches", "GET", projectPath + "/repository/branches", made, branches, isThere},
		{"commits", "GET", projectPath + "/repository/commits", grown, commits, isThere},
		{"file", "GET", projectPath + "/repository/files/:path", made, file, isThere},
		{"nearest tag", "GET", projectPath + "/repository/tags", made, tag, isThere},
	}
}

func statusRows() []row {
	const guard = projectPath + "/protected_branches"
	main := func(r bot.Repository) bot.ProtectionSpec { return bot.ProtectionSpec{Repository: r, Branch: "main"} }
	protect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.EnsureProtection(ctx, main(r))
	}
	unprotect := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.RemoveProtection(ctx, main(r))
	}
	bare := func(w *world, name string) (bot.Repository, string) {
		r, commit := w.made(name)
		if err := unprotect(w.t.Context(), w, r, ""); err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	loose := func(w *world, name string) (bot.Repository, string) {
		r, commit := w.made(name)
		if err := w.lab.Protect("foo/"+name, "main", fake.Protection{Push: 40, Merge: 40, Force: true}); err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	status := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		return w.forge.WriteStatus(ctx, bot.CommitStatus{Repository: r, Commit: commit, Check: "ci", State: bot.StatusSuccess})
	}
	protections := func(n int) func(fake.Project, bool) string {
		return func(p fake.Project, _ bool) string {
			if len(p.Protected) != n || p.Protected["main"].Force || p.PipelinesMustSucceed != (n == 1) {
				return fmt.Sprintf("the protection is %+v", p)
			}
			return ""
		}
	}
	told := func(p fake.Project, _ bool) string {
		if len(p.Statuses) != 1 || p.Retried != 0 || p.Statuses[0].State != "success" || p.Statuses[0].Name != "ci" {
			return fmt.Sprintf("the statuses are %+v, %d retried", p.Statuses, p.Retried)
		}
		return ""
	}
	return []row{
		{"protection: branch", "GET", projectPath + "/repository/branches/:branch", bare, protect, protections(1)},
		{"protection: show", "GET", guard + "/:name", bare, protect, protections(1)},
		{"protection: set", "POST", guard, bare, protect, protections(1)},
		{"protection: tighten", "PATCH", guard + "/:name", loose, protect, protections(1)},
		{"protection: pipelines", "PUT", projectPath, bare, protect, protections(1)},
		{"protection: remove", "DELETE", guard + "/:name", made, unprotect, protections(0)},
		{"status: look", "GET", projectPath + "/repository/commits/:sha/statuses", made, status, told},
		{"status: set", "POST", projectPath + "/statuses/:sha", made, status, told},
	}
}

func deploymentRows() []row {
	deploy := func(ctx context.Context, w *world, r bot.Repository, commit string) error {
		_, err := w.forge.WriteDeployment(ctx, bot.DeploymentStatus{
			Repository: r, ID: "0190-" + r.Name, Commit: commit, Environment: "staging", State: bot.DeploymentSucceeded, AppURL: "https://shop.example.com",
		})
		return err
	}
	deployed := func(p fake.Project, _ bool) string {
		if len(p.Deployments) != 1 || len(p.Deployments[0].States) != 2 || p.Deployments[0].States[1] != "success" || p.Environments["staging"].URL == "" {
			return fmt.Sprintf("the deployments are %+v", p.Deployments)
		}
		return ""
	}
	begun := func(w *world, name string) (bot.Repository, string) {
		r, commit := w.made(name)
		_, err := w.forge.WriteDeployment(w.t.Context(), bot.DeploymentStatus{
			Repository: r, ID: "0190-" + r.Name, Commit: commit, Environment: "staging", State: bot.DeploymentApplying,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	const deployments = projectPath + "/deployments"
	return []row{
		{"deployment: branches", "GET", projectPath + "/repository/commits/:sha/refs", made, deploy, deployed},
		{"deployment: create", "POST", deployments, made, deploy, deployed},
		{"deployment: show", "GET", deployments + "/:deployment_id", begun, deploy, deployed},
		{"deployment: state", "PUT", deployments + "/:deployment_id", made, deploy, deployed},
		{"deployment: environment", "PUT", projectPath + "/environments/:environment_id", made, deploy, deployed},
	}
}

func mergeRows() []row {
	propose := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		_, err := w.forge.EnsurePullRequest(ctx, proposalOf(r))
		return err
	}
	proposed := func(w *world, name string) (bot.Repository, string) {
		r, commit := w.made(name)
		if err := propose(w.t.Context(), w, r, ""); err != nil {
			w.t.Fatal(err)
		}
		return r, commit
	}
	closing := func(ctx context.Context, w *world, r bot.Repository, _ string) error {
		return w.forge.ClosePullRequest(ctx, proposalOf(r))
	}
	open := func(p fake.Project, _ bool) string {
		if len(p.MergeRequests) != 1 || p.MergeRequests[0].State != "opened" || len(p.Branches) != 2 {
			return fmt.Sprintf("the merge requests are %+v, the branches %v", p.MergeRequests, p.Branches)
		}
		return ""
	}
	closed := func(p fake.Project, _ bool) string {
		if len(p.MergeRequests) != 1 || p.MergeRequests[0].State != "closed" || len(p.Branches) != 1 {
			return fmt.Sprintf("the merge requests are %+v, the branches %v", p.MergeRequests, p.Branches)
		}
		return ""
	}
	const repository, merges = projectPath + "/repository", projectPath + "/merge_requests"
	return []row{
		{"merge request: list", "GET", merges, made, propose, open},
		{"merge request: branch", "GET", repository + "/branches/:branch", made, propose, open},
		{"merge request: files", "GET", repository + "/tree", made, propose, open},
		{"merge request: commit", "POST", repository + "/commits", made, propose, open},
		{"merge request: open", "POST", merges, made, propose, open},
		{"merge request: close", "PUT", merges + "/:iid", proposed, closing, closed},
		{"merge request: tidy up", "DELETE", repository + "/branches/:branch", proposed, closing, closed},
	}
}

package gitlab

import (
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

const hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestProtection(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection.Enabled = true })
	repo, commit := w.made("shop")
	guard := bot.ProtectionSpec{Repository: repo, Branch: "main"}
	for range 2 {
		if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
	}
	// GitLab has protected the first branch itself: that stays as it is.
	p := w.project("foo/shop")
	if p.Protected["main"] != (fake.Protection{Push: fake.Maintainer, Merge: fake.Maintainer}) || p.PipelinesMustSucceed {
		t.Errorf("%+v", p)
	}
	if err := w.lab.Protect("foo/shop", "main", fake.Protection{Push: fake.Owner, Merge: fake.Developer, Force: true}); err != nil {
		t.Fatal(err)
	}
	guard.Checks = []string{"lint"}
	for range 2 {
		if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
	}
	p = w.project("foo/shop")
	if p.Protected["main"] != (fake.Protection{Push: fake.Owner, Merge: fake.Developer}) || !p.PipelinesMustSucceed {
		t.Errorf("%+v", p)
	}
	if n := w.lab.Count("PATCH "+projectPath+"/protected_branches/:name") + w.lab.Count("PUT "+projectPath); n != 2 {
		t.Errorf("it was changed %d times", n)
	}
	for range 2 {
		if err := w.forge.RemoveProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
	}
	if p = w.project("foo/shop"); len(p.Protected) != 0 || p.PipelinesMustSucceed {
		t.Errorf("%+v", p)
	}
	if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
		t.Fatal(err)
	}
	if p = w.project("foo/shop"); p.Protected["main"] != (fake.Protection{Push: fake.Developer, Merge: fake.Developer}) {
		t.Errorf("developers may not push any more: %+v", p.Protected)
	}
	if err := w.lab.Protect("foo/shop", "rel-*", fake.Protection{Push: fake.Owner, Merge: fake.Maintainer}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.lab.Commit("foo/shop", "rel-1", "Release"); err != nil {
		t.Fatal(err)
	}
	guard.Branch = "rel-1"
	if err := w.forge.EnsureProtection(t.Context(), guard); err != nil || len(w.project("foo/shop").Protected) != 2 {
		t.Errorf("a wildcard was weakened: %v, %v", w.project("foo/shop").Protected, err)
	}
	guard.Branch = "absent"
	refused(t, w, w.forge.EnsureProtection(t.Context(), guard), bot.CodeNotFound, "foo/shop", "no branch absent")
	off := setup(t, nil)
	if err := off.forge.EnsureProtection(t.Context(), guard); err != nil || len(off.lab.Calls()) != 0 {
		t.Errorf("switched off: %v, %d calls, %s", err, len(off.lab.Calls()), commit)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	s := bot.CommitStatus{Repository: repo, Commit: commit, Check: "opsbot/build", State: bot.StatusPending, URL: "https://ci.example.com/1"}
	for _, step := range []struct {
		state bot.StatusState
		text  string
		want  string
	}{
		{bot.StatusPending, "waits", "pending"},
		{bot.StatusPending, "still waits", "pending"}, // which GitLab refuses
		{bot.StatusFailure, strings.Repeat("ä", 400), "failed"},
		{bot.StatusFailure, strings.Repeat("ä", 400), "failed"},
		{bot.StatusPending, "again", "pending"},
		{bot.StatusSuccess, "fine", "success"},
		{bot.StatusSuccess, "fine", "success"},
		{bot.StatusError, "odd", "failed"},
	} {
		s.State, s.Text = step.state, step.text
		if err := w.forge.WriteStatus(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", step.state, err)
		}
		have := w.project("foo/shop").Statuses
		if len(have) != 1 || have[0].State != step.want || have[0].SHA != commit || have[0].Name != "opsbot/build" || have[0].URL != s.URL {
			t.Errorf("%s: %+v", step.state, have)
		}
	}
	if n := w.project("foo/shop").Retried; n != 2 {
		t.Errorf("%d statuses were repeated, although nothing was new in two cases only", n)
	}
	s.Commit = hashA
	refused(t, w, w.forge.WriteStatus(t.Context(), s), bot.CodeNotFound, "foo/shop", "no commit "+hashA)
	s.Commit = "../x"
	if err := w.forge.WriteStatus(t.Context(), s); bot.CodeOf(err) != bot.CodeInvalid {
		t.Error(err)
	}
}

// TestStatusOffBranch: a commit that no branch has any more has no pipeline.
func TestStatusOffBranch(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	id, err := w.lab.Commit("foo/shop", "gone", "More")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.lab.DeleteBranch("foo/shop", "gone"); err != nil {
		t.Fatal(err)
	}
	err = w.forge.WriteStatus(t.Context(), bot.CommitStatus{Repository: repo, Commit: id, Check: "x", State: bot.StatusSuccess})
	refused(t, w, err, bot.CodeNotFound, "on no branch", id)
}

func TestDeployments(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	if _, err := w.lab.Commit("foo/shop", "a-branch", "Beside"); err != nil {
		t.Fatal(err)
	}
	d := bot.DeploymentStatus{Repository: repo, ID: "0190-a", Commit: commit, Environment: "live", Production: true, LogURL: "https://ops/x", AppURL: "https://shop.example.com"}
	var ids []string
	for _, state := range []bot.DeploymentState{bot.DeploymentPlanned, bot.DeploymentApplying, bot.DeploymentWatching, bot.DeploymentSucceeded, bot.DeploymentSucceeded} {
		d.State = state
		w.restart() // the record is found again by another process
		id, err := w.forge.WriteDeployment(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	d.ID, d.State = "0190-b", bot.DeploymentFailed
	other, err := w.forge.WriteDeployment(t.Context(), d)
	if err != nil || other == ids[0] || ids[4] != ids[0] {
		t.Errorf("%v, %s, %v", ids, other, err)
	}
	p := w.project("foo/shop")
	got := p.Deployments
	if len(got) != 2 || strings.Join(got[0].States, " ") != "running success" || got[0].SHA != commit || got[0].Ref != "main" || got[0].Environment != "live" ||
		strings.Join(got[1].States, " ") != "running failed" {
		t.Errorf("%+v", got)
	}
	if p.Environments["live"] != (fake.Environment{Tier: "production", URL: "https://shop.example.com"}) {
		t.Errorf("%+v", p.Environments)
	}
	for state, want := range map[bot.DeploymentState]string{
		bot.DeploymentWaiting: "running", bot.DeploymentRolledBack: "failed", bot.DeploymentSuperseded: "canceled", bot.DeploymentUnknown: "failed",
	} {
		if got := deploymentOf(state); string(got) != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
	d.ID, d.Commit = "0190-c", hashA
	_, err = w.forge.WriteDeployment(t.Context(), d)
	refused(t, w, err, bot.CodeNotFound, "no commit "+hashA)
}

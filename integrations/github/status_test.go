package github

import (
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

func TestProtection(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) {
		c.Protection = Protection{Enabled: true, Check: "continuous-integration/jenkins/branch"}
	})
	repo, _ := w.made("shop")
	guard := bot.ProtectionSpec{Repository: repo, Branch: "main", Checks: []string{"opsbot/ci"}} // which the configured one stands for
	for range 2 {
		if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.hub.Count("PUT /repos/{owner}/{repo}/branches/{branch}/protection"); n != 1 {
		t.Errorf("it was set %d times", n)
	}
	w.cfg.Protection.Check = ""
	w.restart()
	guard.Checks = []string{"lint"}
	if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
		t.Fatal(err)
	}
	put := w.hubRepo("foo-org/shop").Protection["main"]
	checks, _ := put["required_status_checks"].(map[string]any)
	names, _ := checks["contexts"].([]any)
	if len(names) != 2 || names[0] != "continuous-integration/jenkins/branch" || names[1] != "lint" || put["allow_deletions"] != false || put["allow_force_pushes"] != false {
		t.Errorf("%+v", put)
	}
	for range 2 {
		if err := w.forge.RemoveProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.hubRepo("foo-org/shop").Protection; len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestProtectionRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection.Enabled = true; c.Owners = nil })
	w.hub.AddOrg("free-org", fake.OrgRules{MembersCreate: true, NoPrivate: true}, w.hub.Login)
	s := spec("shop")
	s.Owner, s.Private = "free-org", true
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	guard := bot.ProtectionSpec{Repository: repo, Branch: "main"}
	refused(t, w, w.forge.EnsureProtection(t.Context(), guard), bot.CodeNotFound, "no branch main")
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	refused(t, w, w.forge.EnsureProtection(t.Context(), guard), bot.CodeUnsupported, "plan has no branch protection", "public")
	off := setup(t, nil)
	if err := off.forge.EnsureProtection(t.Context(), guard); err != nil || len(off.hub.Calls()) != 0 {
		t.Errorf("switched off: %v, %d calls", err, len(off.hub.Calls()))
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	long := strings.Repeat("ä", 200)
	err := w.forge.WriteStatus(t.Context(), bot.CommitStatus{
		Repository: repo, Commit: commit, Check: "opsbot/build", State: bot.StatusFailure, Text: long, URL: "https://ci.example.com/1",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := w.hubRepo("foo-org/shop").Statuses
	if len(s) != 1 || s[0]["sha"] != commit || s[0]["state"] != "failure" || s[0]["context"] != "opsbot/build" || s[0]["target_url"] != "https://ci.example.com/1" {
		t.Errorf("%+v", s)
	}
	err = w.forge.WriteStatus(t.Context(), bot.CommitStatus{Repository: repo, Commit: hashA, Check: "x", State: bot.StatusSuccess})
	refused(t, w, err, bot.CodeInvalid, "No commit found")
	err = w.forge.WriteStatus(t.Context(), bot.CommitStatus{Repository: repo, Commit: "../x", Check: "x", State: bot.StatusSuccess})
	if bot.CodeOf(err) != bot.CodeInvalid {
		t.Error(err)
	}
}

func TestDeployments(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	d := bot.DeploymentStatus{Repository: repo, ID: "0190-a", Commit: commit, Environment: "production", Production: true, LogURL: "https://ops/x", AppURL: "https://shop"}
	var ids []string
	for _, state := range []bot.DeploymentState{bot.DeploymentPlanned, bot.DeploymentApplying, bot.DeploymentWatching, bot.DeploymentSucceeded, bot.DeploymentSucceeded} {
		d.State = state
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
	got := w.hubRepo("foo-org/shop").Deployments
	if len(got) != 2 || strings.Join(got[0].States, " ") != "success in_progress queued" || got[0].SHA != commit || got[0].Body["production_environment"] != true {
		t.Errorf("%+v", got)
	}
	for state, want := range map[bot.DeploymentState]string{
		bot.DeploymentWaiting: "queued", bot.DeploymentRolledBack: "failure", bot.DeploymentSuperseded: "inactive", bot.DeploymentUnknown: "error",
	} {
		if got := stateOf(state); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
}

package gitea

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"opsbot/bot"
)

func TestProtection(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection = Protection{Enabled: true} })
	repo, commit := w.made("shop")
	if _, err := w.tea.Commit("foo-org/shop", "release/1.0", "Branch"); err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"main", "release/1.0"} {
		w.cfg.Protection.Check = "continuous-integration/jenkins/branch"
		w.restart()
		guard := bot.ProtectionSpec{Repository: repo, Branch: branch, Checks: []string{"opsbot/ci"}} // which the configured one stands for
		for range 2 {
			if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
				t.Fatal(err)
			}
		}
		w.cfg.Protection.Check = ""
		w.restart()
		guard.Checks = []string{"lint"}
		if err := w.forge.EnsureProtection(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
		rule := w.teaRepo("foo-org/shop").Protection[branch]
		if fmt.Sprint(rule["status_check_contexts"]) != "[continuous-integration/jenkins/branch lint]" || rule["enable_status_check"] != true || rule["enable_push"] != true {
			t.Errorf("%+v", rule)
		}
	}
	if n := w.tea.Count("POST /repos/{owner}/{repo}/branch_protections"); n != 2 {
		t.Errorf("they were set %d times", n)
	}
	if again, err := w.forge.Push(t.Context(), request(repo, "hello")); err != nil || again != commit {
		t.Errorf("a push repeated: %s, %v", again, err)
	}
	for _, branch := range []string{"main", "release/1.0", "main"} {
		if err := w.forge.RemoveProtection(t.Context(), bot.ProtectionSpec{Repository: repo, Branch: branch}); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.teaRepo("foo-org/shop").Protection; len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestProtectionRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection.Enabled = true })
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	guard := bot.ProtectionSpec{Repository: repo, Branch: "main"}
	refused(t, w, w.forge.EnsureProtection(t.Context(), guard), bot.CodeNotFound, "foo-org/shop has no branch main")
	off := setup(t, nil)
	if err := off.forge.EnsureProtection(t.Context(), guard); err != nil || len(off.tea.Calls()) != 0 {
		t.Errorf("switched off: %v, %d calls", err, len(off.tea.Calls()))
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, commit := w.made("shop")
	long := strings.Repeat("ä", 400)
	for _, state := range []bot.StatusState{bot.StatusPending, bot.StatusSuccess, bot.StatusFailure, bot.StatusError} {
		err := w.forge.WriteStatus(t.Context(), bot.CommitStatus{
			Repository: repo, Commit: commit, Check: "opsbot/build", State: state, Text: long, URL: "https://ci.example.com/1",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := w.teaRepo("foo-org/shop").Statuses
	if len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	last := got[3]
	text, _ := last["description"].(string)
	if last["sha"] != commit || last["context"] != "opsbot/build" || last["state"] != "error" || last["target_url"] != "https://ci.example.com/1" || utf8.RuneCountInString(text) > maxDescription {
		t.Errorf("%+v", last)
	}
	none := bot.CommitStatus{Repository: repo, Commit: strings.Repeat("a", 40), Check: "x", State: bot.StatusSuccess}
	refused(t, w, w.forge.WriteStatus(t.Context(), none), bot.CodeNotFound, "show the result of x")
	none.Commit = "main"
	refused(t, w, w.forge.WriteStatus(t.Context(), none), bot.CodeInvalid, "whole commit id")
}

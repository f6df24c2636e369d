package router

import (
	"errors"
	"strings"
	"testing"

	"opsbot/bot"
)

func TestRefusalNamesThePolicyInPrivate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "ship" && a.Environment == "production" && a.Project == "hello" && a.Team == "team-hello" && a.OwnerName == "acme" && a.Room == room() {
			return "not-on-friday"
		}
		return ""
	}
	got := r.say("alice", "!ship HELLO to PRODUCTION")
	r.expect(got, "You may not ship hello (production). Forbidden by the policy not-on-friday.",
		"ship refused refused: Forbidden by the policy not-on-friday.")
	if got.post.To == nil || got.post.To.ID != "id-alice" {
		t.Errorf("the refusal is for %v", got.post.To)
	}
	if strings.Join(got.audit[0].Policies, "") != "not-on-friday" || got.audit[0].Environment != "production" {
		t.Errorf("%+v", got.audit[0])
	}
	r.expect(r.say("alice", "!ship hello to staging"), "Plan: v1", "ship allowed planned *")
}

func TestPolicyThatCannotBeAskedRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.judge.err = errors.New("policy x: attribute not found")
	r.expect(r.say("alice", "!echo x"), "You may not echo. The policy could not be asked, so the answer is no.",
		"echo refused refused: The policy could not be asked, so the answer is no.")
	if len(r.ran) != 0 {
		t.Errorf("ran %v", r.ran)
	}
}

func TestDidYouMeanOnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.expect(r.say("alice", "!shipp hello"), `I don't know the command "shipp". Did you mean ship?`, "? invalid failed: *")
	r.expect(r.say("alice", "!sned hello"), "Did you mean send?", "? invalid failed: *")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "ship" {
			return "no"
		}
		return ""
	}
	for _, line := range []string{"!shipp hello", "!sned hello", "!xyzzy"} {
		if got := r.say("alice", line).text(); strings.Contains(got, "mean") {
			t.Errorf("%s: %s", line, got)
		}
	}
	r.expect(r.say("alice", "!"+strings.Repeat("x", 500)), "…\"", "? invalid failed: *")
}

func TestUnknownProjectSuggestsOnlyVisibleOnes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.expect(r.say("alice", "!look hello"), "`new-project NAME` makes one.", "look invalid failed: *")
	r.project("hello-world")
	r.project("secret-plans")
	r.judge.refuse = func(a bot.Access) string {
		if a.Project == "secret-plans" {
			return "hidden"
		}
		return ""
	}
	r.expect(r.say("alice", "!look hello-wrold"), `There is no project "hello-wrold". Did you mean hello-world?`, "look invalid failed: *")
	got := r.say("alice", "!look secret-plan")
	r.expect(got, "`projects` lists them.", "look invalid failed: *")
	if strings.Contains(got.text(), "secret-plans") {
		t.Errorf("a hidden name is given away: %s", got.text())
	}
	r.expect(r.say("alice", "!look Hello-World"), "hello-world", "look allowed done")
}

func TestFaultsShowTheForm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.expect(r.say("alice", "!look a b"), "I don't know what to do with \"b\".\nUsage: `look NAME`\nFor example: `look hello`", "look invalid failed: *")
	r.expect(r.say("alice", "!look a --yes"), "look has no option --yes.", "look invalid failed: *")
	r.expect(r.say("alice", `!look "a`), "does not end", "? invalid failed: *")
}

package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"opsbot/bot"
)

// TestRightsGolden asks verb x role x environment.
func TestRightsGolden(t *testing.T) {
	t.Parallel()
	rows, err := parsed(t, Default, nil).Table(t.Context(), specs(t), []string{"staging", "production"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range rows {
		answer := "no"
		if r.Allowed {
			answer = "yes"
		}
		fmt.Fprintf(&out, "%-16s %-10s %-11s %-4s %s\n", r.Verb, r.Role, r.Environment, answer, strings.Join(r.Policies, " "))
	}
	path := filepath.Join("testdata", "rights.golden")
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the rights differ from %s (-update writes it anew):\n%s", path, out.String())
	}
}

// TestTableFollowsThePolicy: the table is the policy's answer alone.
func TestTableFollowsThePolicy(t *testing.T) {
	t.Parallel()
	rows, err := parsed(t, "", nil).Table(t.Context(), specs(t), []string{"staging"})
	if err != nil || len(rows) != (len(specs(t))+len(extra()))*4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if r.Allowed || len(r.Policies) > 0 {
			t.Errorf("without any policy: %+v", r)
		}
	}
}

// question is one that a policy of the default decides.
type question struct {
	access bot.Access
	want   bool
}

// decides lists for each default policy a question whose answer changes without it.
func decides() map[string]question {
	owner := member("owner")
	owner.Owner = true
	guest, dev := member("guest", "guests"), member("dev")
	stranger := member("stranger")
	stranger.External = true
	return map[string]question{
		"everybody-may-look":         {bot.Access{User: guest, Verb: "status"}, true},
		"everybody-may-ship":         {bot.Access{User: dev, Verb: "deploy", Environment: "production"}, true},
		"operators-may-operate":      {bot.Access{User: member("op", "operators"), Verb: "delete-project"}, true},
		"admins-may-everything":      {bot.Access{User: member("root", "admins", "guests"), Verb: "delete-project"}, true},
		"the-owner-may-everything":   {bot.Access{User: owner, Verb: "delete-project"}, true},
		"everybody-may-push":         {bot.Access{User: dev, Verb: "push"}, true},
		"yes-skips-the-question":     {bot.Access{User: dev, Verb: "yes", Environment: "staging"}, true},
		"production-is-always-asked": {bot.Access{User: dev, Verb: "yes", Environment: "production"}, false},
		"a-thumb-is-a-yes":           {bot.Access{User: dev, Verb: "react"}, true},
		"no-strangers":               {bot.Access{User: stranger, Verb: "status"}, false},
		"somebody-else-may-approve":  {bot.Access{User: dev, Verb: "approve", Requester: "id-other"}, true},
	}
}

// TestEveryDefaultPolicyDecidesSomething takes each policy out in turn: its question
// is then answered otherwise.
func TestEveryDefaultPolicyDecidesSomething(t *testing.T) {
	t.Parallel()
	each := regexp.MustCompile(`(?s)@id\("([a-z-]+)"\).*?;\n`)
	found := each.FindAllStringSubmatch(Default, -1)
	if len(found) != len(decides()) {
		t.Fatalf("%d policies, %d questions", len(found), len(decides()))
	}
	for _, f := range found {
		q, ok := decides()[f[1]]
		if !ok {
			t.Errorf("no question shows what %s is for", f[1])
			continue
		}
		with := ask(t, parsed(t, Default, nil), q.access)
		without := ask(t, parsed(t, strings.Replace(Default, f[0], "", 1), nil), q.access)
		if with.Allowed != q.want || without.Allowed == q.want {
			t.Errorf("%s: %v with it, %v without, want %v", f[1], with.Allowed, without.Allowed, q.want)
		}
		if len(with.Policies) != 1 || with.Policies[0] != f[1] || !strings.Contains(with.Reason, f[1]) {
			t.Errorf("%s: decided by %v: %s", f[1], with.Policies, with.Reason)
		}
	}
}

// TestDefaultExceptions asks what each unless is about.
func TestDefaultExceptions(t *testing.T) {
	t.Parallel()
	p := parsed(t, Default, nil)
	owner, dev, guest, admin := member("owner"), member("dev"), member("guest", "guests"), member("root", "admins")
	owner.Owner = true
	for _, c := range []struct {
		access bot.Access
		want   bool
	}{
		{bot.Access{User: guest, Verb: "deploy"}, false},
		{bot.Access{User: guest, Verb: "push"}, false},
		{bot.Access{User: guest, Verb: "yes", Environment: "staging"}, false},
		{bot.Access{User: guest, Verb: "approve", Requester: "id-other"}, false},
		{bot.Access{User: dev, Verb: "approve", Requester: dev.ID}, false},
		{bot.Access{User: dev, Verb: "delete-project"}, false},
		{bot.Access{User: admin, Verb: "yes", Environment: "production"}, true},
		{bot.Access{User: owner, Verb: "yes", Environment: "production"}, true},
		{bot.Access{User: member("op", "operators"), Verb: "yes", Environment: "production"}, false},
		{bot.Access{User: dev, Verb: "no-such-verb"}, false},
		{bot.Access{User: bot.User{}, Verb: "deploy", Environment: "production"}, true}, // somebody without any group
	} {
		if d := ask(t, p, c.access); d.Allowed != c.want {
			t.Errorf("%s by %s in %q: %s", c.access.Verb, c.access.User.Name, c.access.Environment, d.Reason)
		}
	}
}

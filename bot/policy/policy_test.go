package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

func TestParseErrorsNameFileAndLine(t *testing.T) {
	t.Parallel()
	for text, parts := range map[string][]string{
		"permit (principal, action, resource);\nallow (x);":                                                    {"test.cedar:2"},
		"// nothing\n\npermit (principal, action, resource)\nwhen { principal. };":                             {"test.cedar:4"},
		"permit (principal, action, resource)":                                                                 {"test.cedar:1"},
		"@id(\"a\")\npermit (principal, action, resource);\n@id(\"a\")\nforbid (principal, action, resource);": {"test.cedar:3", `the id "a" is there twice`},
	} {
		_, err := Parse("test.cedar", text, nil, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q", text, err, part)
			}
		}
	}
}

func TestForbidBeatsPermitAndIsNamed(t *testing.T) {
	t.Parallel()
	p := parsed(t, `@id("all") permit (principal, action, resource);
@id("friday") forbid (principal, action == Action::"deploy", resource) when { resource.environment == "production" };
@id("mallory") forbid (principal, action, resource) when { principal.name == "mallory" };`, nil)
	for _, c := range []struct {
		user, verb, env string
		allowed         bool
		policies        string
		reason          string
	}{
		{"alice", "deploy", "staging", true, "all", "Allowed by all."},
		{"alice", "deploy", "production", false, "friday", "Forbidden by the policy friday."},
		{"mallory", "deploy", "production", false, "friday mallory", "Forbidden by the policy friday, mallory."},
		{"mallory", "status", "", false, "mallory", "Forbidden by the policy mallory."},
	} {
		d := ask(t, p, bot.Access{User: member(c.user), Verb: c.verb, Environment: c.env})
		if d.Allowed != c.allowed || strings.Join(d.Policies, " ") != c.policies || d.Reason != c.reason {
			t.Errorf("%s %s %s: %+v", c.user, c.verb, c.env, d)
		}
	}
}

func TestNothingPermitsByItself(t *testing.T) {
	t.Parallel()
	p := parsed(t, "", nil)
	d := ask(t, p, bot.Access{User: member("alice", "a", "b"), Verb: "status"})
	if d.Allowed || d.Reason != "No policy allows alice to do that (groups: a, b)." {
		t.Errorf("%+v", d)
	}
	if d := ask(t, p, bot.Access{Verb: "status"}); d.Reason != "No policy allows somebody unknown to do that (groups: none)." {
		t.Errorf("%+v", d)
	}
}

// TestEveryAttributeCanBeAsked: what the default file's comment promises.
func TestEveryAttributeCanBeAsked(t *testing.T) {
	t.Parallel()
	access := bot.Access{
		User: member("alice", "devs"), Verb: "deploy", Project: "hello", Team: "red", Environment: "staging", Blueprint: "go-service",
		OwnerName: "acme", Requester: "id-bob", Room: bot.RoomRef{Instance: "console", ID: "ops"},
	}
	for _, condition := range []string{
		`principal.name == "alice"`, `principal.instance == "console"`, `principal.account == "console:alice"`, `principal.id == "id-alice"`, `!principal.owner`,
		`principal in Group::"devs"`, `action in Action::"developer"`, `action == Action::"deploy"`,
		`resource.project == "hello"`, `resource.team == "red"`, `resource.environment == "staging"`, `resource.blueprint == "go-service"`, `resource.owner == "acme"`,
		`context.room == "console:ops"`, `context.requester == "id-bob"`,
	} {
		p := parsed(t, "permit (principal, action, resource) when { "+condition+" };", nil)
		if d := ask(t, p, access); !d.Allowed || d.Policies[0] != "test.cedar:1" {
			t.Errorf("%s: %+v", condition, d)
		}
		if d, err := p.Authorize(t.Context(), bot.Access{User: bot.User{Owner: true}, Verb: "status"}); err != nil || d.Allowed {
			t.Errorf("%s holds for anybody: %+v, %v", condition, d, err)
		}
	}
}

// TestErrorIsARefusal: a policy that can't be evaluated never lets anything
// through, least of all one that forbids.
func TestErrorIsARefusal(t *testing.T) {
	t.Parallel()
	const broken = `(principal, action, resource) when { principal.shoesize > 3 };`
	for name, text := range map[string]string{
		"a permit alone":        `@id("bad") permit ` + broken,
		"a forbid":              `@id("bad") forbid ` + broken,
		"a forbid and a permit": `@id("good") permit (principal, action, resource); @id("bad") forbid ` + broken,
	} {
		d, err := parsed(t, text, nil).Authorize(t.Context(), bot.Access{User: member("alice"), Verb: "status"})
		if err == nil || d.Allowed || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	// One that only fails to permit takes nothing from another that does.
	p := parsed(t, `@id("good") permit (principal, action, resource); @id("bad") permit `+broken, nil)
	if d := ask(t, p, bot.Access{User: member("alice"), Verb: "status"}); !d.Allowed {
		t.Errorf("%+v", d)
	}
	p = parsed(t, `@id("no") forbid (principal, action, resource); @id("bad") permit `+broken, nil)
	if d := ask(t, p, bot.Access{User: member("alice"), Verb: "status"}); d.Allowed || d.Policies[0] != "no" {
		t.Errorf("%+v", d)
	}
	if _, err := parsed(t, `forbid `+broken, nil).Table(t.Context(), specs(t), []string{"x"}); err == nil {
		t.Error("the table hides the error")
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	p := parsed(t, Default, map[string][]string{
		"admins":    {"console:Root", "Alice"},
		"operators": {"slack:T1/U7", "alice", "ALICE"},
		"guests":    nil,
	})
	for _, c := range []struct {
		account bot.Account
		name    string
		want    string
	}{
		{bot.Account{Instance: "console", ID: "root"}, "somebody", "admins"},
		{bot.Account{Instance: "Console", ID: "ROOT"}, "somebody", "admins"},
		{bot.Account{Instance: "mattermost", ID: "root"}, "somebody", ""},
		{bot.Account{Instance: "slack", Workspace: "T1", ID: "U7"}, "x", "operators"},
		{bot.Account{Instance: "slack", Workspace: "T2", ID: "U7"}, "x", ""},
		{bot.Account{Instance: "console", ID: "aLiCe"}, "bob", "admins operators"},
		{bot.Account{Instance: "console", ID: "7"}, "alice", ""},
		{bot.Account{Instance: "slack", Workspace: "T1", ID: "U8", Name: "alice"}, "alice", ""}, // calls itself so
		{bot.Account{}, "", ""},
	} {
		if got := strings.Join(p.GroupsOf(bot.User{Name: c.name, Account: c.account}), " "); got != c.want {
			t.Errorf("%+v %q: %q, want %q", c.account, c.name, got, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.cedar")
	if err := os.WriteFile(path, []byte("\npermit (principal, action == Action::\"help\", resource);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(path, specs(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := ask(t, p, bot.Access{User: member("alice"), Verb: "help"}); !d.Allowed || d.Policies[0] != path+":2" {
		t.Errorf("%+v", d)
	}
	if d := ask(t, p, bot.Access{User: member("alice"), Verb: "status"}); d.Allowed {
		t.Errorf("the default is in force beside the file: %+v", d)
	}
	if _, err := Load(path+".gone", nil, nil); err == nil || !strings.Contains(err.Error(), path+".gone") {
		t.Errorf("%v", err)
	}
	p, err = Load("", specs(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := ask(t, p, bot.Access{User: member("alice"), Verb: "status"}); d.Policies[0] != "everybody-may-look" {
		t.Errorf("%+v", d)
	}
}

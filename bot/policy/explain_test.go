package policy

import (
	"strings"
	"testing"

	"opsbot/bot"
)

func TestClause(t *testing.T) {
	t.Parallel()
	text := "// one; two\n@id(\"a;\")\npermit (principal, action, resource) // why; so\nwhen { resource.team == \"x;y\" };\n\nforbid (principal, action, resource);"
	p, err := Parse("my.cedar", text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := p.Clause("a;")
	want := Clause{ID: "a;", Position: "my.cedar:2:1", Text: "@id(\"a;\")\npermit (principal, action, resource) // why; so\nwhen { resource.team == \"x;y\" };"}
	if got != want {
		t.Errorf("%+v", got)
	}
	if got := p.Clause("my.cedar:6"); !got.Forbids || got.Position != "my.cedar:6:1" || got.Text != "forbid (principal, action, resource);" {
		t.Errorf("%+v", got)
	}
	if got := p.Clause("gone"); got != (Clause{ID: "gone"}) {
		t.Errorf("%+v", got)
	}
}

func TestAllowedTo(t *testing.T) {
	t.Parallel()
	p, err := Parse("default.cedar", Default, []bot.Spec{{Verb: "deploy", Role: bot.RoleDeveloper}, {Verb: "audit", Role: bot.RoleOperator}}, map[string][]string{"friends": {"bob"}})
	if err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{"deploy": "admins friends members operators", "audit": "admins operators", "nothing": "admins"} {
		got, err := p.AllowedTo(t.Context(), bot.Access{User: bot.User{ID: "u", Name: "bob", Groups: []string{"guests"}}, Verb: verb})
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", verb, got, err, want)
		}
	}
}

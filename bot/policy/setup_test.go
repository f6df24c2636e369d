package policy

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"opsbot/bot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// specs are those of all commands, as their own test keeps them.
func specs(t *testing.T) (list []bot.Spec) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "commands", "testdata", "specs.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// parsed makes a policy of a text over the specs.
func parsed(t *testing.T, text string, groups map[string][]string) *Policy {
	t.Helper()
	p, err := Parse("test.cedar", text, specs(t), groups)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(t *testing.T, p *Policy, a bot.Access) bot.Decision {
	t.Helper()
	d, err := p.Authorize(t.Context(), a)
	if err != nil {
		t.Fatalf("%s by %s: %v", a.Verb, a.User.Name, err)
	}
	return d
}

func member(name string, groups ...string) bot.User {
	return bot.User{ID: "id-" + name, Name: name, Groups: groups, Account: bot.Account{Instance: "console", ID: name, Name: name}}
}

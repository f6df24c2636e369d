package commands

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func specs(t *testing.T) []bot.Spec {
	t.Helper()
	var out []bot.Spec
	for _, c := range All(&bot.Services{}) {
		out = append(out, c.Spec())
	}
	return out
}

// TestEverySpecIsComplete holds what help, documentation and policy rely on.
func TestEverySpecIsComplete(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for i, s := range specs(t) {
		for _, name := range append([]string{s.Verb}, s.Aliases...) {
			name = strings.ToLower(name)
			if other, twice := names[name]; twice {
				t.Errorf("%s: the name %q is %s's already", s.Verb, name, other)
			}
			names[name] = s.Verb
		}
		if s.Summary == "" || strings.HasSuffix(s.Summary, ".") {
			t.Errorf("%s: the summary %q must be a line without full stop", s.Verb, s.Summary)
		}
		if !slices.Contains([]bot.Role{bot.RoleViewer, bot.RoleDeveloper, bot.RoleOperator, bot.RoleAdmin}, s.Role) {
			t.Errorf("%s: no role %q", s.Verb, s.Role)
		}
		_, plans := All(&bot.Services{})[i].(bot.Planner)
		if plans != s.Confirm {
			t.Errorf("%s: Confirm is %v, but being a Planner is %v", s.Verb, s.Confirm, plans)
		}
		checkParams(t, s)
	}
}

func checkParams(t *testing.T, s bot.Spec) {
	t.Helper()
	seen, optional := map[string]bool{}, false
	for i, p := range s.Params {
		if seen[p.Name] {
			t.Errorf("%s: the parameter %s is there twice", s.Verb, p.Name)
		}
		seen[p.Name] = true
		if p.Help == "" {
			t.Errorf("%s: the parameter %s has no help", s.Verb, p.Name)
		}
		if !p.Optional && p.Example == "" {
			t.Errorf("%s: the parameter %s is required and has no example", s.Verb, p.Name)
		}
		if p.Keyword == "" && optional && !p.Optional {
			t.Errorf("%s: %s is required, but comes behind an optional one", s.Verb, p.Name)
		}
		optional = optional || p.Optional && p.Keyword == ""
		if p.Type == bot.ParamText && i != len(s.Params)-1 {
			t.Errorf("%s: the free text %s swallows what comes behind it", s.Verb, p.Name)
		}
	}
	for _, f := range s.Flags {
		if f.Help == "" {
			t.Errorf("%s: --%s has no help", s.Verb, f.Name)
		}
	}
}

// TestNothingLivingChangesUnasked names the verbs that change what runs.
func TestNothingLivingChangesUnasked(t *testing.T) {
	t.Parallel()
	var asks []string
	for _, s := range specs(t) {
		if s.Confirm {
			asks = append(asks, s.Verb)
		}
	}
	if got, want := strings.Join(asks, " "), "deploy promote rollback restart undo adopt delete-project link"; got != want {
		t.Errorf("asked before running: %s\nwant: %s", got, want)
	}
}

// TestEveryFolderIsListed compares the folders with the list.
func TestEveryFolderIsListed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("commands.go")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range folders {
		if !f.IsDir() || f.Name() == "testdata" {
			continue
		}
		n++
		if !bytes.Contains(source, []byte("\t\t"+f.Name()+".New(s),\n")) {
			t.Errorf("commands/%s is not in All", f.Name())
		}
	}
	if listed := len(All(&bot.Services{})); listed != n {
		t.Errorf("%d commands in %d folders", listed, n)
	}
}

// TestKindsAreUnique: two kinds of one name would run each other's operations.
func TestKindsAreUnique(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range Kinds(All(&bot.Services{})) {
		names = append(names, k.Kind())
	}
	slices.Sort(names)
	if got, want := strings.Join(names, " "), "abort build delete-project join leave proceed"; got != want {
		t.Errorf("kinds %q, want %q", got, want)
	}
}

// TestSpecsGolden keeps the specs as data: the tests of grammar and policy read
// them, and a changed verb shows in review.
func TestSpecsGolden(t *testing.T) {
	t.Parallel()
	got, err := json.MarshalIndent(specs(t), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "specs.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the specs differ from %s; go test ./commands -update writes it anew", path)
	}
}

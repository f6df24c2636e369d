package bot

import (
	"strings"
	"testing"
)

type plain map[string]any

func (p plain) Get(name string) any { return p[name] }
func (p plain) Names() []string     { return []string{"hub", "lab", "ci", "ci2"} }

type anyPipeline struct{ Pipeline }

func TestForgeOfOwner(t *testing.T) {
	t.Parallel()
	s := &Services{Integrations: plain{"ci": anyPipeline{}, "ci2": anyPipeline{}}, Defaults: Defaults{
		Forge: "hub", Pipeline: "ci", Owner: "foo-org", Owners: []string{"foo-org", "shared"},
		ForgeOwners: map[string][]string{"hub": {"foo-org", "shared"}, "lab": {"team/sub", "shared", "both"}, "tea": {"both"}},
	}}
	for _, c := range []struct{ forge, owner, want string }{
		{"", "", "hub foo-org"},
		{"", "FOO-ORG", "hub foo-org"},
		{"", "shared", "hub shared"}, // the default forge first
		{"", "Team/Sub", "lab team/sub"},
		{"lab", "", "lab team/sub"},
		{"lab", "shared", "lab shared"},
		{"", "both", "Several forges have an owner both: lab, tea. Say which with --forge."},
		{"", "nobody", `There is no owner "nobody" in the configuration; there are: foo-org, shared, team/sub, both.`},
		{"moon", "x", `There is no forge "moon" in the configuration; there are: hub, lab, tea.`},
		{"lab", "foo-org", `lab has no owner "foo-org" in the configuration; there are: team/sub, shared, both.`},
	} {
		forge, owner, err := s.ForgeOf(c.forge, c.owner)
		got := forge + " " + owner
		if err != nil {
			got = MessageOf(err)
		}
		if got != c.want {
			t.Errorf("%q %q: %s, want %s", c.forge, c.owner, got, c.want)
		}
	}
	for name, want := range map[string]string{"": "ci", "ci2": "ci2"} {
		if got, err := s.PipelineOf(name); got != want || err != nil {
			t.Errorf("%q: %s, %v", name, got, err)
		}
	}
	if _, err := s.PipelineOf("hub"); err == nil || !strings.Contains(MessageOf(err), "there are: ci, ci2.") {
		t.Error(err)
	}
}

func TestTeamOf(t *testing.T) {
	t.Parallel()
	s := &Services{}
	if _, err := s.TeamOf("web"); CodeOf(err) != CodeInvalid {
		t.Error(err)
	}
	s.Defaults.Teams = []string{"payments", "web"}
	for name, want := range map[string]string{"": "", "web": "web", "PAYMENTS": "payments"} {
		if got, err := s.TeamOf(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := s.TeamOf("wep"); err == nil || !strings.Contains(MessageOf(err), "there are: payments, web. Did you mean web?") {
		t.Error(err)
	}
}

package jenkins

import (
	"io"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/deploytest"
	fake "opsbot/test/fakes/jenkins"
)

// TestRemoveWithoutJob says what to do; what never was there is absent all the same.
func TestRemoveWithoutJob(t *testing.T) {
	t.Parallel()
	b := deployBench(t, func(c *Config) { c.Deploy.RemoveJob = "" })
	req := deployment("d1", "1.0")
	if err := b.Remove(t.Context(), req.Project, "staging"); err != nil {
		t.Error(err)
	}
	b.observed(t, deployed(t, b, req), ended)
	err := b.Remove(t.Context(), req.Project, "staging")
	wantCode(t, err, bot.CodeUnsupported)
	if text := bot.MessageOf(err); !strings.Contains(text, "remove_job") || !strings.Contains(text, "shop") {
		t.Error(text)
	}
}

// TestRemoveAgain: a removal whose answer was lost is found; one that failed is tried
// anew.
func TestRemoveAgain(t *testing.T) {
	t.Parallel()
	b := deployBench(t, nil)
	fails := true
	b.fake.AddJob("team/remove", fake.Plain{Parameters: deployParameters(), Run: func(map[string]string) *fake.Program {
		if fails {
			return &fake.Program{FailsIn: "Build", Error: "no such app"}
		}
		return &fake.Program{Lasts: 20 * time.Millisecond}
	}})
	req := deployment("d1", "1.0")
	b.observed(t, deployed(t, b, req), ended)
	err := b.Remove(t.Context(), req.Project, "staging")
	wantCode(t, err, bot.CodeUnavailable)
	if text := bot.MessageOf(err); !strings.Contains(text, "no such app") || !strings.Contains(text, "/job/remove/1/") {
		t.Error(text)
	}
	fails = false
	b.fake.AddFault(fake.Fault{Method: "POST", Path: "/job/remove/build", Times: 1, Done: true, Reset: true})
	wantCode(t, b.Remove(t.Context(), req.Project, "staging"), bot.CodeUnknown)
	for range 2 {
		if err := b.Remove(t.Context(), req.Project, "staging"); err != nil {
			t.Fatal(err)
		}
	}
	ran := b.fake.Builds("team/remove")
	if len(ran) != 2 || ran[0].Parameters["DEPLOYMENT"] == ran[1].Parameters["DEPLOYMENT"] || ran[1].Parameters["ENVIRONMENT"] != "staging" {
		t.Errorf("%+v", ran)
	}
}

// TestDeployLog is that of the build that deployed last.
func TestDeployLog(t *testing.T) {
	t.Parallel()
	b := deployBench(t, nil)
	where := bot.LogRef{ProjectID: "0190-shop", Environment: "staging"}
	_, err := b.ReadLog(t.Context(), where, 0)
	wantCode(t, err, bot.CodeNotFound)
	for _, label := range []string{"1.0", "1.1"} {
		b.observed(t, deployed(t, b, deployment("d"+label, label)), ended)
		body, err := b.ReadLog(t.Context(), where, 0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || !strings.Contains(string(text), deploytest.LogLine+" "+label+"\n") {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// TestDeploySection: what is wrong with it is found at the start, by name.
func TestDeploySection(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]DeployConfig{
		"":                                    {Job: "team/{{.Project}}", Parameters: map[string]string{"A": `{{printf "%.7s" .Commit}}`}},
		"deploy.job: is missing":              {Parameters: map[string]string{"A": "x"}},
		"deploy.job: The name":                {Job: "team/a*b"},
		"deploy.parameters.A: The template":   {Job: "x", Parameters: map[string]string{"A": "{{.Versoin}}"}},
		"deploy.parameters.B: \"{{\" is no":   {Job: "x", Parameters: map[string]string{"B": "{{"}},
		"deploy.url: The template":            {Job: "x", URL: "https://{{.Host}}"},
		"deploy.environments.production.remo": {Job: "x", Environments: map[string]DeployOverride{"production": {RemoveJob: "{{.Nothing}}"}}},
	} {
		err := c.validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

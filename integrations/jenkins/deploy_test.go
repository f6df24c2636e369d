package jenkins

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/deploytest"
	fake "opsbot/test/fakes/jenkins"
)

// deployable is the configuration of a team that has a job for deployments.
func deployable(c *Config) {
	c.Deploy = DeployConfig{
		Job: "team/deploy", RemoveJob: "team/remove", URL: "https://{{.Project}}.{{.Environment}}.example.com/",
		Parameters: map[string]string{"APP": "{{.Project}}", "VERSION": "{{.Version}}", "ENVIRONMENT": "{{.Environment}}", "DEPLOYMENT": "{{.DeploymentID}}"},
	}
}

func deployParameters() []fake.Parameter {
	return []fake.Parameter{{Name: "APP"}, {Name: "VERSION"}, {Name: "ENVIRONMENT"}, {Name: "DEPLOYMENT"}}
}

// deployBench has the jobs; what a run does depends on the version's label.
func deployBench(t *testing.T, change func(c *Config)) *bench {
	t.Helper()
	b := setup(t, func(c *Config) {
		deployable(c)
		if change != nil {
			change(c)
		}
	})
	b.fake.AddJob("team/deploy", fake.Plain{Parameters: deployParameters(), Run: func(p map[string]string) *fake.Program {
		does := &fake.Program{Stages: []string{"Fetch", "Switch"}, Lines: []string{deploytest.LogLine + " " + p["VERSION"]}, Lasts: 20 * time.Millisecond}
		switch {
		case strings.HasSuffix(p["VERSION"], string(deploytest.Bad)):
			does.FailsIn, does.Error = "Switch", "script returned exit code 7"
		case strings.HasSuffix(p["VERSION"], string(deploytest.Slow)):
			does.Waits = true
		}
		return does
	}})
	b.fake.AddJob("team/remove", fake.Plain{Parameters: deployParameters(), Run: func(map[string]string) *fake.Program { return &fake.Program{} }})
	return b
}

// answers is what the jobs have left running.
func (b *bench) answers(_ context.Context, p bot.Project, environment string) (label, instance string) {
	type ran struct {
		fake.Ran
		removes bool
	}
	var all []ran
	for job, removes := range map[string]bool{"team/deploy": false, "team/remove": true} {
		for _, r := range b.fake.Builds(job) {
			if r.Result == "SUCCESS" && r.Parameters["APP"] == p.Slug && r.Parameters["ENVIRONMENT"] == environment {
				all = append(all, ran{r, removes})
			}
		}
	}
	slices.SortFunc(all, func(a, b ran) int { return a.Ended.Compare(b.Ended) })
	if len(all) == 0 || all[len(all)-1].removes {
		return "", ""
	}
	last := all[len(all)-1]
	return strings.Split(last.Parameters["VERSION"], "+")[0], fmt.Sprint(last.Number)
}

// labelled is a version; what it does is in its label for those that need to know.
func labelled(label string, does deploytest.App) bot.Version {
	if does != deploytest.Good {
		label += "+" + string(does)
	}
	return bot.Version{ID: "v-" + label, Label: label, Commit: strings.Repeat("c", 40), Branch: "main", Number: 7}
}

func TestDeployConformance(t *testing.T) {
	t.Parallel()
	deploytest.Run(t, func(t *testing.T) deploytest.Rig {
		t.Helper()
		b := deployBench(t, nil)
		return deploytest.Rig{Deployer: b.Service, Answers: b.answers, Version: labelled}
	})
}

func deployment(id, label string) bot.DeployRequest {
	return bot.DeployRequest{
		DeploymentID: id, Verb: "deploy", Project: bot.Project{ID: "0190-shop", Slug: "shop"}, Environment: "staging",
		Version: labelled(label, deploytest.Good),
	}
}

func (b *bench) apply(t *testing.T, req bot.DeployRequest) {
	t.Helper()
	if _, err := b.Apply(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// observed waits until a deployment is as wanted.
func (b *bench) observed(t *testing.T, req bot.DeployRequest, ok func(bot.Observation) bool) bot.Observation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		o, err := b.Observe(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if ok(o) {
			return o
		}
		if !b.pause(ctx, 5*time.Millisecond) {
			t.Fatalf("the deployment is %+v", o)
		}
	}
}

func ended(o bot.Observation) bool { return o.State.Final() }

// TestDeployLostAnswer: a run whose answer was lost is found by the deployment's id,
// else by who asked for what, and is never asked for twice.
func TestDeployLostAnswer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"by id":    nil,
		"by cause": func(c *Config) { delete(c.Deploy.Parameters, "DEPLOYMENT") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := deployBench(t, change)
			b.observed(t, deployed(t, b, deployment("d0", "1.0")), ended)
			b.fake.AddFault(fake.Fault{Method: "POST", Path: "/job/deploy/build", Times: 1, Done: true, Reset: true})
			req := deployment("d1", "1.0")
			_, err := b.Apply(t.Context(), req)
			wantCode(t, err, bot.CodeUnknown)
			_, err = b.Observe(t.Context(), req)
			wantCode(t, err, bot.CodeNotFound)
			again := *b
			again.Service = b.service(t, nil) // after a restart, without the section
			if o := again.observed(t, deployed(t, &again, req), ended); o.State != bot.DeploymentSucceeded {
				t.Errorf("%+v", o)
			}
			if ran := b.fake.Builds("team/deploy"); len(ran) != 2 || ran[1].Parameters["APP"] != "shop" {
				t.Errorf("%+v", ran)
			}
		})
	}
}

func deployed(t *testing.T, b *bench, req bot.DeployRequest) bot.DeployRequest {
	t.Helper()
	b.apply(t, req)
	return req
}

// TestDeployValues are those of the version, and of its one artifact.
func TestDeployValues(t *testing.T) {
	t.Parallel()
	b := deployBench(t, func(c *Config) {
		c.Deploy.Parameters["VERSION"] = "{{.Owner}} {{.Team}} {{.Number}} {{.Branch}} {{.Commit}} {{.Verb}} {{.ArtifactURL}} {{.ArtifactDigest}}"
	})
	req := deployment("d1", "1.0")
	req.Project.Owner, req.Project.Team = "acme", "web"
	req.Version.Commit = "abc"
	req.Version.Artifacts = []bot.Artifact{{Name: "a.tgz", URI: "https://x/a.tgz", Digest: "sha256:1"}}
	for i, want := range []string{"acme web 7 main abc deploy https://x/a.tgz sha256:1", "acme web 7 main abc promote https://x/b.tgz sha256:2"} {
		b.observed(t, deployed(t, b, req), ended)
		if got := b.fake.Builds("team/deploy")[i].Parameters["VERSION"]; got != want {
			t.Errorf("%q", got)
		}
		req.DeploymentID, req.Verb, req.Version.Spec.Artifact = "d2", "promote", "b.tgz"
		req.Version.Artifacts = append(req.Version.Artifacts, bot.Artifact{Name: "b.tgz", URI: "https://x/b.tgz", Digest: "sha256:2"})
	}
}

func TestDeployPlan(t *testing.T) {
	t.Parallel()
	b := deployBench(t, nil)
	req := deployment("", "1.0")
	plan, err := b.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"run the Jenkins job team/deploy", "with APP = shop", "with DEPLOYMENT = (its id)", "with ENVIRONMENT = staging", "with VERSION = 1.0"}
	if !slices.Equal(plan.Effects, want) || plan.URL != "https://shop.staging.example.com/" || plan.Strategy == "" {
		t.Errorf("%+v", plan)
	}
}

// TestDeployRefused: what Jenkins would drop without a word is named before.
func TestDeployRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		job    string
		params []fake.Parameter
		code   bot.Code
		says   string
	}{
		"missing job":         {"team/none", nil, bot.CodeNotFound, "no job team/none"},
		"a folder":            {"team", nil, bot.CodeInvalid, "holds other jobs"},
		"no parameters":       {"team/x", nil, bot.CodeInvalid, "APP, DEPLOYMENT, ENVIRONMENT, VERSION"},
		"missing parameters":  {"team/x", []fake.Parameter{{Name: "APP"}, {Name: "VERSION"}}, bot.CodeInvalid, "lacks the parameters DEPLOYMENT, ENVIRONMENT"},
		"no such environment": {"team/x", append(deployParameters()[:2:2], fake.Parameter{Name: "DEPLOYMENT"}, fake.Parameter{Name: "ENVIRONMENT", Choices: []string{"test", "production"}}), bot.CodeInvalid, `"staging" is no value of the parameter ENVIRONMENT`},
		"a password":          {"team/x", append(deployParameters()[1:4:4], fake.Parameter{Name: "APP", Password: true}), bot.CodeInvalid, "APP of the Jenkins job team/x is a PasswordParameter"},
		"disabled":            {"team/off", deployParameters(), bot.CodeConflict, "team/off is disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := deployBench(t, func(conf *Config) { conf.Deploy.Job = c.job })
			b.fake.AddJob("team/x", fake.Plain{Parameters: c.params})
			b.fake.AddJob("team/off", fake.Plain{Parameters: c.params})
			b.fake.Disable("team/off", true)
			_, err := b.Plan(t.Context(), deployment("", "1.0"))
			wantCode(t, err, c.code)
			if text := bot.MessageOf(err); !strings.Contains(text, c.says) {
				t.Error(text)
			}
			_, err = b.Apply(t.Context(), deployment("d1", "1.0"))
			wantCode(t, err, c.code)
			if ran := b.fake.Builds(c.job); len(ran) > 0 {
				t.Errorf("ran all the same: %+v", ran)
			}
		})
	}
	none := setup(t, nil)
	_, err := none.Plan(t.Context(), deployment("", "1.0"))
	wantCode(t, err, bot.CodeUnsupported)
	if none.DeploysCommits() || !deployBench(t, nil).DeploysCommits() {
		t.Error("who deploys commits is mixed up")
	}
}

// TestDeployByEnvironment: jobs and parameters may differ, for going back, too.
func TestDeployByEnvironment(t *testing.T) {
	t.Parallel()
	b := deployBench(t, func(c *Config) {
		c.Deploy.RollbackJob = "team/back"
		c.Deploy.Environments = map[string]DeployOverride{"production": {Job: "{{.Project}}-production", Parameters: map[string]string{"VERSION": "v{{.Version}} of {{.Branch}} after {{.Previous}}"}}}
	})
	b.fake.AddJob("shop-production", fake.Plain{Freestyle: true, Parameters: deployParameters(), Run: func(map[string]string) *fake.Program { return &fake.Program{Result: "FAILURE"} }})
	b.fake.AddJob("team/back", fake.Plain{Parameters: deployParameters(), Run: func(map[string]string) *fake.Program { return &fake.Program{} }})
	req := deployment("d1", "1.0")
	req.Environment, req.Previous = "production", &bot.Version{Label: "0.9"}
	o := b.observed(t, deployed(t, b, req), ended)
	if o.State != bot.DeploymentFailed || o.Message != "shop-production #1 ended as FAILURE: Build step 'Execute shell' marked build as failure" || len(o.Steps) != 0 || o.URL != b.fake.URL+"/job/shop-production/1/" {
		t.Errorf("%+v", o)
	}
	if got := b.fake.Builds("shop-production"); len(got) != 1 || got[0].Parameters["VERSION"] != "v1.0 of main after 0.9" {
		t.Errorf("%+v", got)
	}
	back := deployment("d2", "0.9")
	back.Verb = "rollback"
	if o := b.observed(t, deployed(t, b, back), ended); o.State != bot.DeploymentSucceeded || o.URL != "https://shop.staging.example.com/" || len(b.fake.Builds("team/back")) != 1 {
		t.Errorf("%+v", o)
	}
	if b.noStages.known(b.env.Clock.Now()) {
		t.Error("a job without a pipeline is taken for a Jenkins without stage view")
	}
}

// TestDeployObserved: how it waits, runs, asks and ends is told with a link, and the
// end outlives the build.
func TestDeployObserved(t *testing.T) {
	t.Parallel()
	b := deployBench(t, func(c *Config) { c.Deploy.URL = "" })
	b.fake.AddJob("team/deploy", fake.Plain{Parameters: deployParameters(), Run: func(map[string]string) *fake.Program {
		return &fake.Program{Stages: []string{"Fetch", "Switch"}, Input: &fake.Input{Message: "Sure?"}, Lasts: time.Hour}
	}})
	b.fake.QuietDown(true)
	req := deployed(t, b, deployment("d1", "1.0"))
	if o := b.observed(t, req, func(bot.Observation) bool { return true }); o.State != bot.DeploymentApplying || o.Message != "team/deploy waits in Jenkins' queue: Jenkins is about to shut down" {
		t.Errorf("%+v", o)
	}
	b.fake.Restart(0, 0)
	b.fake.QuietDown(false)
	asked := b.observed(t, req, func(o bot.Observation) bool { return o.State == bot.DeploymentWatching })
	if asked.Message != "team/deploy #1 waits for input: Sure?" || asked.URL != b.fake.URL+"/job/team/job/deploy/1/" {
		t.Errorf("%+v", asked)
	}
	calls := len(b.fake.Calls())
	if again, err := b.Observe(t.Context(), req); err != nil || again.Message != asked.Message || len(b.fake.Calls()) != calls {
		t.Errorf("looked again at once: %+v, %v", again, err)
	}
	b.fake.Answer("team/deploy", 1)
	b.observed(t, req, func(o bot.Observation) bool { return o.Message == "team/deploy #1 runs: Fetch" })
	b.fake.Finish("team/deploy", 1, "SUCCESS")
	done := b.observed(t, req, ended)
	if done.State != bot.DeploymentSucceeded || !slices.Equal(done.Steps, []string{"Fetch", "Switch"}) || done.URL != asked.URL {
		t.Errorf("%+v", done)
	}
	b.fake.Discard("team/deploy", 1)
	if o := b.observed(t, req, ended); o.State != done.State || !slices.Equal(o.Steps, done.Steps) {
		t.Errorf("%+v", o)
	}
}

// TestDeployEnds that are none of the usual ones.
func TestDeployEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		does  func(b *bench)
		state bot.DeploymentState
		says  string
	}{
		"unstable":  {func(b *bench) { b.fake.Finish("team/deploy", 1, "UNSTABLE") }, bot.DeploymentFailed, "team/deploy #1 ended as UNSTABLE"},
		"aborted":   {func(b *bench) { b.fake.Finish("team/deploy", 1, "ABORTED") }, bot.DeploymentFailed, "team/deploy #1 ended as ABORTED"},
		"discarded": {func(b *bench) { b.fake.Discard("team/deploy", 1) }, bot.DeploymentUnknown, "the build of team/deploy is gone from Jenkins"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := deployBench(t, nil)
			req := deployment("d1", "1.0")
			req.Version = labelled("1.0", deploytest.Slow)
			b.observed(t, deployed(t, b, req), func(o bot.Observation) bool { return o.State == bot.DeploymentWatching })
			c.does(b)
			if o := b.observed(t, req, ended); o.State != c.state || !strings.HasPrefix(o.Message, c.says) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestDeploySteps: of stages that run side by side the later may end first; what was
// told keeps its place.
func TestDeploySteps(t *testing.T) {
	t.Parallel()
	d := &deployDoc{}
	for _, stages := range [][]bot.Stage{
		{{Name: "A", Status: statusRunning}, {Name: "B", Status: "SUCCESS"}},
		{{Name: "A", Status: "SUCCESS"}, {Name: "B", Status: "SUCCESS"}, {Name: "B", Status: "UNSTABLE"}, {Name: "C", Status: "NOT_EXECUTED"}},
	} {
		before := slices.Clone(d.Steps)
		d.complete(stages)
		if !slices.Equal(d.Steps[:len(before)], before) {
			t.Errorf("%q became %q", before, d.Steps)
		}
	}
	if !slices.Equal(d.Steps, []string{"B", "A", "B"}) {
		t.Errorf("%q", d.Steps)
	}
}

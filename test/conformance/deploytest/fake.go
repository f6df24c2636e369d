package deploytest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"opsbot/bot"
)

// Fake is a deployer in memory that passes the suite, for tests of what works with
// deployers. Its deployments go one step further each time that somebody looks at
// one: no test has to wait. The zero value is ready. Safe for concurrent use.
type Fake struct {
	mu          sync.Mutex
	instances   int
	deployments map[string]*fakeDeployment
	apps        map[string]*fakeApp // by project/environment
}

type fakeDeployment struct {
	bot.Observation
	req  bot.DeployRequest
	left int // looks until it is healthy
}

type fakeApp struct {
	label, instance, log string
}

var (
	_ bot.Deployer  = (*Fake)(nil)
	_ bot.Locator   = (*Fake)(nil)
	_ bot.LogReader = (*Fake)(nil)
)

// NewRig gives a fresh Fake with all that the suite needs.
func NewRig() (Rig, *Fake) {
	f := &Fake{}
	return Rig{Deployer: f, Version: FakeVersion, Answers: f.Answers}, f
}

// FakeVersion is a version that a Fake can deploy, which does as its spec says.
func FakeVersion(label string, does App) bot.Version {
	return bot.Version{ID: "v-" + label, Label: label, Spec: bot.RunSpec{Run: []string{string(does)}}}
}

func appOf(p bot.Project, environment string) string { return p.ID + "/" + environment }

// Answers tells the label of what runs, and which instance of it.
func (f *Fake) Answers(_ context.Context, p bot.Project, environment string) (label, instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.apps[appOf(p, environment)]; a != nil {
		return a.label, a.instance
	}
	return "", ""
}

// AppURL implements bot.Locator.
func (f *Fake) AppURL(p bot.Project, environment string) string {
	return "https://" + p.Slug + "." + environment + ".example.com/"
}

// Plan implements bot.Deployer.
func (f *Fake) Plan(_ context.Context, req bot.DeployRequest) (bot.DeployPlan, error) {
	return bot.DeployPlan{
		Effects: []string{"start " + req.Version.Label}, Strategy: "blue/green", URL: f.AppURL(req.Project, req.Environment),
	}, nil
}

// Apply implements bot.Deployer.
func (f *Fake) Apply(_ context.Context, req bot.DeployRequest) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deployments == nil {
		f.deployments, f.apps = map[string]*fakeDeployment{}, map[string]*fakeApp{}
	}
	if f.deployments[req.DeploymentID] == nil {
		d := &fakeDeployment{req: req, left: 1, Observation: bot.Observation{State: bot.DeploymentApplying, URL: f.AppURL(req.Project, req.Environment)}}
		if slices.Contains(req.Version.Spec.Run, string(Slow)) {
			d.left = 100
		}
		f.deployments[req.DeploymentID] = d
	}
	return "fake-" + req.DeploymentID, nil
}

// Observe implements bot.Deployer. The deployment goes on after each look.
func (f *Fake) Observe(_ context.Context, req bot.DeployRequest) (bot.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.deployments[req.DeploymentID]
	if d == nil {
		return bot.Observation{}, bot.Errorf(bot.CodeNotFound, "The deployment %s was never applied.", req.DeploymentID)
	}
	seen := d.Observation
	seen.Steps = slices.Clone(seen.Steps)
	f.step(d)
	return seen, nil
}

func (f *Fake) step(d *fakeDeployment) {
	switch {
	case d.State.Final():
	case d.left > 0:
		d.left--
	case slices.Contains(d.req.Version.Spec.Run, string(Bad)):
		d.State, d.Message = bot.DeploymentFailed, "it ended with status 3"
	case d.State == bot.DeploymentApplying:
		d.State, d.Steps = bot.DeploymentWatching, append(d.Steps, "Start")
	default:
		f.instances++
		key := appOf(d.req.Project, d.req.Environment)
		app := &fakeApp{label: d.req.Version.Label, instance: fmt.Sprint(f.instances)}
		if before := f.apps[key]; before != nil {
			app.log = before.log
		}
		app.log += LogLine + " " + app.label + "\n"
		f.apps[key], d.State, d.Steps = app, bot.DeploymentSucceeded, append(d.Steps, "Switch")
	}
}

// Remove implements bot.Deployer.
func (f *Fake) Remove(_ context.Context, p bot.Project, environment string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.apps, appOf(p, environment))
	return nil
}

// ReadLog implements bot.LogReader.
func (f *Fake) ReadLog(_ context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.apps[ref.ProjectID+"/"+ref.Environment]
	if a == nil {
		return nil, bot.Errorf(bot.CodeNotFound, "Nothing has run in %s yet.", ref.Environment)
	}
	return io.NopCloser(strings.NewReader(a.log[min(int(offset), len(a.log)):])), nil
}

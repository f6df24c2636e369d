// Package deploytest is the conformance suite of bot.Deployer and its optional
// ports, and an in-memory deployer that passes it. Every orchestrator integration
// runs the suite; each rule has a deliberately broken deployer that the suite
// rejects.
package deploytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
)

// App is how a version behaves when it runs.
type App string

// The apps that a Rig can make a version of.
const (
	Good App = "good" // gets healthy and stays so; writes LogLine at its start
	Bad  App = "bad"  // ends at its start
	Slow App = "slow" // takes so long to get healthy that a test sees it on its way
)

// LogLine is in a line that a Good app writes to its log.
const LogLine = "hello from"

// Rig is a deployer under test and what the contract's ports cannot do themselves.
type Rig struct {
	Deployer bot.Deployer
	// Version makes a version, with an id of its own for each label.
	Version func(label string, does App) bot.Version
	// Answers tells the label of the version that answers for an app, and which
	// instance of it does; "" if none.
	Answers func(ctx context.Context, p bot.Project, environment string) (label, instance string)
}

// Rule is one promise of the contract. Check returns nil when the deployer keeps
// it, or cannot be asked.
type Rule = conformance.Rule[Rig]

// Run checks every rule on a fresh deployer that carries out what is applied.
func Run(t *testing.T, fresh func(t *testing.T) Rig) {
	t.Helper()
	conformance.Run(t, Rules(), 90*time.Second, fresh)
}

// Rules are the promises of bot.Deployer, bot.Locator and bot.LogReader.
func Rules() []Rule {
	return []Rule{
		{"a plan says what would be done", planSays},
		{"a plan changes nothing and is the same again", planOnly},
		{"what was never applied is not found", neverApplied},
		{"an applied version answers where it is said", applied},
		{"applying returns before the end", applyReturns},
		{"applying again is the same deployment", applyAgain},
		{"applying at once is one deployment", applyRace},
		{"an old deployment applied again does not come back", applyOld},
		{"completed steps are only added to", stepsGrow},
		{"a later version takes the place of the one before", upgrade},
		{"a restart starts the same version afresh", restart},
		{"a failed deployment says why and leaves what ran", failure},
		{"a removed app does not answer, and removing again succeeds", removal},
		{"removing one environment leaves the other", removeOnlyOne},
		{"a log holds what the app wrote, from an offset on", logRead},
		{"there is no log of what never ran", logMissing},
	}
}

func project(name string) bot.Project { return bot.Project{ID: "0190-" + name, Slug: name} }

func (r Rig) request(id, env, label string, does App) bot.DeployRequest {
	return bot.DeployRequest{DeploymentID: id, Project: project("shop"), Environment: env, Version: r.Version(label, does)}
}

func (r Rig) apply(ctx context.Context, req bot.DeployRequest) (string, error) {
	id, err := r.Deployer.Apply(ctx, req)
	if err != nil {
		return id, fmt.Errorf("Apply %s: %w", req.DeploymentID, err)
	}
	return id, nil
}

// until looks at a deployment until it is as wanted, or ctx ends. What runs are
// processes elsewhere: there is nothing to wait on.
func (r Rig) until(ctx context.Context, req bot.DeployRequest, look func(bot.Observation) (done bool, err error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		o, err := r.Deployer.Observe(ctx, req)
		if err != nil {
			return fmt.Errorf("Observe %s: %w", req.DeploymentID, err)
		}
		if done, err := look(o); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the deployment %s is %s: %w", req.DeploymentID, o.State, ctx.Err())
		}
	}
}

// ends waits for the end of a deployment, which must be one of those wanted.
func (r Rig) ends(ctx context.Context, req bot.DeployRequest, want ...bot.DeploymentState) (end bot.Observation, err error) {
	err = r.until(ctx, req, func(o bot.Observation) (bool, error) {
		end = o
		return o.State.Final(), nil
	})
	if err != nil {
		return end, err
	}
	for _, s := range want {
		if end.State == s {
			return end, nil
		}
	}
	return end, fmt.Errorf("the deployment %s ended as %s (%s), want %s", req.DeploymentID, end.State, end.Message, want)
}

// deploy applies a good version and waits for its end.
func (r Rig) deploy(ctx context.Context, id, env, label string) (bot.DeployRequest, error) {
	req := r.request(id, env, label, Good)
	if _, err := r.apply(ctx, req); err != nil {
		return req, err
	}
	_, err := r.ends(ctx, req, bot.DeploymentSucceeded)
	return req, err
}

// answers reports an error if not that version answers; "" = none.
func (r Rig) answers(ctx context.Context, env, want string) error {
	if got, _ := r.Answers(ctx, project("shop"), env); got != want {
		return fmt.Errorf("in %s the version %q answers, want %q", env, got, want)
	}
	return nil
}

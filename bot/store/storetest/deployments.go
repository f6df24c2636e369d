package storetest

import (
	"context"
	"testing"

	"opsbot/bot"
)

func deploymentRules() []rule {
	return []rule{
		{"deployments/come back whole and change", deploymentWhole},
		{"deployments/find", deploymentFind},
		{"environments/a zero row when there is none", environmentZero},
		{"environments/kept", environmentKept},
	}
}

func (e *env) deploy(d bot.Deployment) bot.Deployment {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Deployments.Put(ctx, d) })
	return d
}

func deploymentWhole(t *testing.T, e *env) {
	d := bot.Deployment{
		ID: "1", ProjectID: "p", Environment: "e", Verb: "deploy", VersionID: "v", PreviousID: "w",
		State: bot.DeploymentPlanned, ExternalID: "x", URL: "u", Message: "m", By: "u", OperationID: "o", StartedAt: e.now(),
		FinishedAt: e.now(), Cause: bot.Cause{Cause: "c", Root: "r"},
	}
	byID := func(ctx context.Context, tx *bot.Tx) (bot.Deployment, error) { return tx.Deployments.ByID(ctx, "1") }
	e.deploy(d)
	same(t, get(e, byID), d)
	d.State = bot.DeploymentSucceeded
	e.deploy(d)
	same(t, get(e, byID), d)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Deployments.ByID(ctx, "2")
		return err
	})
}

func deploymentFind(t *testing.T, e *env) {
	e.version("v1", "b1", "l1", "abc")
	e.version("v2", "b2", "l2", "def")
	a := e.deploy(bot.Deployment{ID: "z", ProjectID: "p", Environment: "staging", VersionID: "v1", State: bot.DeploymentSucceeded})
	b := e.deploy(bot.Deployment{ID: "y", ProjectID: "p", Environment: "production", VersionID: "v1", State: bot.DeploymentWatching})
	c := e.deploy(bot.Deployment{ID: "x", ProjectID: "q", Environment: "staging", VersionID: "v2", State: bot.DeploymentPlanned})
	e.deploy(a) // an update leaves its place
	for _, x := range []struct {
		filter bot.DeploymentFilter
		want   []bot.Deployment
	}{
		{bot.DeploymentFilter{}, []bot.Deployment{c, b, a}},
		{bot.DeploymentFilter{ProjectID: "p"}, []bot.Deployment{b, a}},
		{bot.DeploymentFilter{Environment: "staging", Limit: 1}, []bot.Deployment{c}},
		{bot.DeploymentFilter{Commit: "abc"}, []bot.Deployment{b, a}},
		{bot.DeploymentFilter{Commit: "abc", ProjectID: "q"}, nil},
		{bot.DeploymentFilter{State: bot.DeploymentSucceeded}, []bot.Deployment{a}},
		{bot.DeploymentFilter{Open: true}, []bot.Deployment{c, b}},
	} {
		got := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Deployment, error) {
			return tx.Deployments.Find(ctx, x.filter)
		})
		same(t, got, x.want)
	}
	for state := range map[bot.DeploymentState]bool{
		bot.DeploymentPlanned: true, bot.DeploymentWaiting: true, bot.DeploymentApplying: true,
		bot.DeploymentWatching: true, bot.DeploymentSucceeded: true, bot.DeploymentFailed: true, bot.DeploymentRolledBack: true,
		bot.DeploymentSuperseded: true, bot.DeploymentUnknown: true,
	} {
		a.State = state
		e.deploy(a)
		got := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Deployment, error) {
			return tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: "p", Environment: "staging", Open: true})
		})
		if open := len(got) == 1; open == state.Final() {
			t.Errorf("%s: open is %v", state, open)
		}
	}
}

func environment(project, name string) func(ctx context.Context, tx *bot.Tx) (bot.EnvironmentState, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.EnvironmentState, error) {
		return tx.Environments.Get(ctx, project, name)
	}
}

func environmentZero(t *testing.T, e *env) {
	same(t, get(e, environment("p", "staging")), bot.EnvironmentState{ProjectID: "p", Environment: "staging"})
}

func environmentKept(t *testing.T, e *env) {
	s := bot.EnvironmentState{
		ProjectID: "p", Environment: "staging", DesiredID: "d", ObservedID: "o", Health: "healthy", URL: "u",
		LockedBy: "l", LockReason: "r", LockedAt: e.now(), UpdatedAt: e.now(),
	}
	other := bot.EnvironmentState{ProjectID: "q", Environment: "staging"}
	for _, state := range []bot.EnvironmentState{{ProjectID: "p", Environment: "staging", Health: "old"}, s, other} {
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Environments.Put(ctx, state) })
	}
	same(t, get(e, environment("p", "staging")), s)
	of := func(project string) []bot.EnvironmentState {
		return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.EnvironmentState, error) {
			return tx.Environments.Of(ctx, project)
		})
	}
	same(t, of("p"), []bot.EnvironmentState{s})
	same(t, of(""), []bot.EnvironmentState{s, other})
	same(t, of("none"), nil)
}

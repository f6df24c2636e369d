package delivery

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"opsbot/bot"
)

// built stores build n of commit n as the source reported it, tells the service,
// and returns the build. The source itself has truth, where given.
func (r *rig) built(n int, branch string, truth ...func(*bot.Build)) bot.Build {
	r.t.Helper()
	b := bot.Build{
		ProjectID: r.project.ID, Instance: "ci", Ref: bot.BuildRef{Job: "hello", Branch: branch, Number: n}, State: bot.BuildFinished,
		Result: bot.ResultSuccess, Commit: id(n), Sequence: 9, Artifacts: []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "dist/app.tar.gz", Digest: "sha256:" + id(n)}},
		Cause: bot.Cause{Root: "root"},
	}
	atSource := b
	for _, change := range truth {
		change(&atSource)
	}
	r.ci.mu.Lock()
	if _, known := r.ci.builds[n]; !known {
		r.ci.builds[n] = atSource
	}
	r.ci.mu.Unlock()
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if _, err = tx.Changes.Ensure(ctx, bot.Change{ProjectID: r.project.ID, Branch: branch, Commit: id(n), Title: "x"}); err != nil {
			return err
		}
		if b, err = tx.Builds.Put(ctx, b); err != nil {
			return err
		}
		return r.process.service.HandleEvent(ctx, tx, &bot.Event{Type: bot.EventBuildFinished, ProjectID: r.project.ID, Build: &b}, nil)
	})
	return b
}

// state reads what should run in an environment, by label.
func (r *rig) state(env string) (label string, s bot.EnvironmentState) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		if s, err = tx.Environments.Get(ctx, r.project.ID, env); err != nil || s.DesiredID == "" {
			return err
		}
		v, err := tx.Versions.ByID(ctx, s.DesiredID)
		label = v.Label
		return err
	})
	return label, s
}

// notes reads what was said in the thread of commit n's card.
func (r *rig) notes(b bot.Build) string {
	r.t.Helper()
	var text string
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		row, err := tx.Posts.Get(ctx, r.project.Room, "op:"+b.ID+":note")
		if err != nil || row.Content == nil {
			return ignore(err, bot.CodeNotFound)
		}
		changes, err := tx.Changes.ByCommit(ctx, r.project.ID, b.Commit)
		if err == nil && row.Content.Under != "change:"+changes[0].ID {
			return fmt.Errorf("the note is under %s", row.Content.Under)
		}
		for _, l := range row.Content.Text {
			text += bot.Unescape(l)
		}
		return err
	})
	return text
}

func (r *rig) versions() (labels []string) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Versions.Recent(ctx, r.project.ID, 0)
		for _, v := range all {
			labels = append(labels, v.Label)
		}
		return err
	})
	return labels
}

// settled waits until no operation is under way.
func (r *rig) settled() {
	r.t.Helper()
	r.await("rest", func(ctx context.Context, tx *bot.Tx) (bool, error) {
		all, err := tx.Operations.Find(ctx, bot.OperationFilter{Open: true})
		for _, op := range all {
			if op.State != bot.OperationFailed {
				return false, err
			}
		}
		return true, err
	})
}

func TestBuildBecomesAVersionAndIsDeployed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.forge.tags[id(4)] = "v1.2.3"
	r.start(nil)
	b := r.built(4, "main")
	r.settled()
	if label, s := r.state("staging"); label != "1.2.3-4-gc400000" || s.ObservedID != s.DesiredID || s.Health != "healthy" || s.URL != "http://hello.staging" {
		t.Errorf("staging runs %q: %+v", label, s)
	}
	if label, _ := r.state("production"); label != "" {
		t.Errorf("production runs %s unasked", label)
	}
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		v, err := tx.Versions.ByBuild(ctx, b.ID)
		if err != nil || v.Spec.Artifact != "dist/app.tar.gz" || v.Spec.PortEnv != "PORT" || v.Artifacts[0].Digest != "sha256:"+id(4) || v.Branch != "main" || v.Number != 4 || v.Cause.Root != "root" {
			t.Errorf("the version: %+v", v)
		}
		done, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: r.project.ID})
		if err != nil || len(done) != 1 || done[0].By != bot.SystemUser().ID || done[0].Verb != "deploy" || done[0].State != bot.DeploymentSucceeded {
			t.Errorf("deployments: %+v", done)
		}
		return err
	})
	if text := r.notes(b); text != "" {
		t.Errorf("said: %s", text)
	}
}

func TestSameEventTwiceMakesOneVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.built(4, "main")
	r.built(4, "main")
	r.settled()
	r.built(4, "main")
	r.settled()
	if got := r.versions(); len(got) != 1 || r.deploy.applies() != got[0] {
		t.Errorf("versions %v, applied %s", got, r.deploy.applies())
	}
}

// TestLiesAreReadBack: an event alone makes nothing.
func TestLiesAreReadBack(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(*bot.Build){
		"result":     func(b *bot.Build) { b.Result = bot.ResultFailure },
		"commit":     func(b *bot.Build) { b.Commit = id(1) },
		"still runs": func(b *bot.Build) { b.State = bot.BuildRunning },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.start(nil)
			b := r.built(4, "main", lie)
			if op := r.ended(b.ID); op.State != bot.OperationFailed {
				t.Fatalf("the release %s", op.State)
			}
			if got := r.versions(); len(got) != 0 || r.deploy.applies() != "" {
				t.Errorf("versions %v, applied %s", got, r.deploy.applies())
			}
			if text := r.notes(b); !strings.Contains(text, "No version was made of build #4") || !strings.Contains(text, "does not confirm") {
				t.Errorf("said: %q", text)
			}
		})
	}
}

func TestBuildsThatMakeNoVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	for _, b := range []*bot.Build{
		nil,
		{State: bot.BuildFinished, Result: bot.ResultUnstable},
		{State: bot.BuildRunning},
		{State: bot.BuildFinished, Result: bot.ResultSuccess, Instance: "ci", Ref: bot.BuildRef{Number: 99}},
	} {
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			return r.process.service.HandleEvent(ctx, tx, &bot.Event{Type: bot.EventBuildFinished, Build: b}, nil)
		})
	}
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		ops, err := tx.Operations.Find(ctx, bot.OperationFilter{})
		if len(ops) != 0 {
			t.Errorf("filed %+v", ops)
		}
		return err
	})
}

// TestWhatCannotRunIsSaid: the version is there, the deployment is not, and the
// card's thread says why.
func TestWhatCannotRunIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*rig)
		say     string
	}{
		"no file":     {func(r *rig) { delete(r.forge.files, id(4)) }, "Not deployed to staging: there is no .opsbot/project.yaml."},
		"bad file":    {func(r *rig) { r.forge.files[id(4)] = "version: 2\n" }, "Not deployed to staging: .opsbot/project.yaml: version is 2"},
		"no artifact": {func(r *rig) { r.forge.files[id(4)] = "version: 1\nartifact: other.zip\nstatic: .\n" }, `the build archived no artifact named "other.zip"`},
		"locked": {func(r *rig) {
			r.write(func(ctx context.Context, tx *bot.Tx) error {
				return tx.Environments.Put(ctx, bot.EnvironmentState{ProjectID: r.project.ID, Environment: "staging", LockedBy: "x", LockReason: "an audit"})
			})
		}, "was not deployed to staging: it is locked (an audit)."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.prepare(r)
			r.start(nil)
			b := r.built(4, "main")
			r.settled()
			if text := r.notes(b); !strings.Contains(text, c.say) {
				t.Errorf("said %q, want %q", text, c.say)
			}
			if len(r.versions()) != 1 || r.deploy.applies() != "" {
				t.Errorf("versions %v, applied %q", r.versions(), r.deploy.applies())
			}
		})
	}
}

func TestOnlyItsBranchDeploysByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	b := r.built(4, "topic")
	r.settled()
	if len(r.versions()) != 1 || r.deploy.applies() != "" || r.notes(b) != "" {
		t.Errorf("versions %v, applied %q, said %q", r.versions(), r.deploy.applies(), r.notes(b))
	}
}

// TestOlderBuildThatFinishedLate does not replace a newer one: neither one that
// runs nor one that is on its way.
func TestOlderBuildThatFinishedLate(t *testing.T) {
	t.Parallel()
	newer, older := Label("", 4, id(4)), Label("", 3, id(3))
	for name, held := range map[string]bool{"running": false, "on its way": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deploy.held[newer] = held
			r.start(nil)
			first := r.built(4, "main")
			r.ended(first.ID)
			if !held {
				r.settled()
			}
			late := r.built(3, "main")
			r.ended(late.ID)
			r.deploy.release(newer)
			r.settled()
			if label, _ := r.state("staging"); label != newer || r.deploy.applies() != newer {
				t.Errorf("staging runs %s, applied %s", label, r.deploy.applies())
			}
			if text := r.notes(late); text != older+" was not deployed to staging: a newer build runs there." {
				t.Errorf("said %q", text)
			}
		})
	}
}

// TestForcedBackBranch: the head of the branch is deployed, whatever its number.
func TestForcedBackBranch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.built(4, "main")
	r.settled()
	r.forge.heads["main"] = id(3)
	r.built(3, "main")
	r.settled()
	if label, _ := r.state("staging"); label != Label("", 3, id(3)) {
		t.Errorf("staging runs %s", label)
	}
}

func TestObservedIsKeptApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	r.ran("deploy", "staging", v1, bot.DeploymentSucceeded)
	s := r.service(r.db)
	tell := func(e bot.Event) bot.EnvironmentState {
		t.Helper()
		e.ProjectID, e.Environment = r.project.ID, "staging"
		r.write(func(ctx context.Context, tx *bot.Tx) error { return s.HandleEvent(ctx, tx, &e, nil) })
		_, state := r.state("staging")
		return state
	}
	now := r.clock.Now()
	if got := tell(bot.Event{Type: bot.EventServiceUpgraded, VersionID: v2.ID, Health: "unhealthy", URL: "http://x", OccurredAt: now}); got.DesiredID != v1.ID || got.ObservedID != v2.ID || got.Health != "unhealthy" || got.URL != "http://x" {
		t.Errorf("%+v", got)
	}
	if got := tell(bot.Event{Type: bot.EventServiceDeployed, VersionID: v1.ID, OccurredAt: now.Add(-1e9)}); got.ObservedID != v2.ID {
		t.Errorf("an old event counts: %+v", got)
	}
	if got := tell(bot.Event{Type: bot.EventServiceRemoved, OccurredAt: now.Add(1e9)}); got.ObservedID != "" || got.DesiredID != v1.ID {
		t.Errorf("%+v", got)
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tag, commit, want string }{
		{"", id(1), "0.1.0-7-gc100000"},
		{"v1.2.3", id(1), "1.2.3-7-gc100000"},
		{"release/1.0 beta", id(1), "release-1.0-beta-7-gc100000"},
		{"../..", id(1), "0.1.0-7-gc100000"},
		{"-rc.", id(1), "rc-7-gc100000"},
		{"v", id(1), "0.1.0-7-gc100000"},
		{"ü", "abc", "0.1.0-7-gabc"},
	} {
		if got := Label(c.tag, 7, c.commit); got != c.want {
			t.Errorf("%q: %s, want %s", c.tag, got, c.want)
		}
	}
}

package delivery

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/operation"
)

// filed plans a delivery and files it, as a confirmed command does.
func (r *rig) filed(req bot.DeliveryRequest) *bot.Operation {
	r.t.Helper()
	plan, err := r.process.service.Plan(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	var op *bot.Operation
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		op, err = r.process.service.Start(ctx, tx, req, plan)
		return err
	})
	return op
}

// deployment reads the row of an operation's deployment, and what was said at its end.
func (r *rig) deployment(op *bot.Operation) (d bot.Deployment, said string) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: r.project.ID})
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.OperationID == op.ID {
				d = one
			}
		}
		row, err := tx.Posts.Get(ctx, r.project.Room, "op:"+op.ID+":done")
		if err != nil {
			return ignore(err, bot.CodeNotFound)
		}
		said = bot.Unescape(row.Content.Text[0])
		return nil
	})
	return d, said
}

func TestDeploySucceeds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	r.ran("deploy", "staging", v1, bot.DeploymentSucceeded)
	r.start(nil)
	op := r.ended(r.filed(r.request("deploy", "staging", "")).ID)
	d, said := r.deployment(op)
	if op.State != bot.OperationSucceeded || d.State != bot.DeploymentSucceeded || d.PreviousID != v1.ID || d.VersionID != v2.ID ||
		d.By != r.user.ID || !strings.HasPrefix(d.ExternalID, "ext-") || d.FinishedAt.Before(d.StartedAt) || d.Cause.Root != "root" {
		t.Errorf("%s: %+v", op.State, d)
	}
	if said != "Success! hello "+v2.Label+" runs in staging: http://hello.staging" {
		t.Errorf("said %q", said)
	}
	if got := r.deploy.applied[d.ID]; got.Previous == nil || got.Previous.ID != v1.ID || got.Restart {
		t.Errorf("the deployer got %+v", got)
	}
	if _, s := r.state("staging"); s.DesiredID != v2.ID || s.UpdatedAt != d.FinishedAt {
		t.Errorf("%+v", s)
	}
}

func TestDeployEndsBadly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   bot.Observation
		fail  error
		blind error
		state bot.DeploymentState
		said  string
	}{
		"failed":        {end: bot.Observation{State: bot.DeploymentFailed, Message: "it *never* got healthy"}, state: bot.DeploymentFailed, said: "The deployment failed: it *never* got healthy"},
		"rolled back":   {end: bot.Observation{State: bot.DeploymentRolledBack, Message: "unhealthy after 3 s"}, state: bot.DeploymentRolledBack, said: "The deployment was rolled back: unhealthy after 3 s"},
		"unknown":       {end: bot.Observation{State: bot.DeploymentUnknown}, state: bot.DeploymentUnknown, said: "How the deployment ended can't be told."},
		"out of sight":  {blind: bot.Errorf(bot.CodeForbidden, "No."), state: bot.DeploymentUnknown, said: "How the deployment ended can't be told: No."},
		"apply refused": {fail: bot.Errorf(bot.CodeInvalid, "The archive is damaged."), state: bot.DeploymentFailed, said: "The deployment failed: The archive is damaged."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			v1, v2 := r.version(1, "main"), r.version(2, "main")
			r.ran("deploy", "staging", v1, bot.DeploymentSucceeded)
			if r.deploy.fail[v2.Label], r.deploy.blind[v2.Label] = c.fail, c.blind; c.end.State != "" {
				r.deploy.ends[v2.Label] = c.end
			}
			r.start(nil)
			filed := r.filed(r.request("deploy", "staging", ""))
			op := r.ended(filed.ID)
			d, said := r.deployment(op)
			if op.State != bot.OperationFailed || d.State != c.state || d.FinishedAt.IsZero() {
				t.Errorf("the operation %s, the deployment %+v", op.State, d)
			}
			verdict := " is not in staging. "
			if c.state == bot.DeploymentUnknown {
				verdict = " may run in staging. "
			}
			if want := "hello " + v2.Label + verdict + c.said; said != want {
				t.Errorf("said %q, want %q", said, want)
			}
			if _, s := r.state("staging"); s.DesiredID != v1.ID || s.ObservedID != v1.ID {
				t.Errorf("what should run changed: %+v", s)
			}
		})
	}
}

// TestFailureRenewsTheCard: a deployment that could not even begin is seen to have ended.
func TestFailureRenewsTheCard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.version(4, "main")
	var change bot.Change
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		change, err = tx.Changes.Ensure(ctx, bot.Change{ProjectID: r.project.ID, Branch: "main", Commit: v.Commit})
		return err
	})
	wanted := func() (n int64) {
		r.read(func(ctx context.Context, tx *bot.Tx) error {
			row, err := tx.Posts.Get(ctx, r.project.Room, "change:"+change.ID)
			n = row.Wanted
			return ignore(err, bot.CodeNotFound)
		})
		return n
	}
	r.deploy.fail[v.Label] = bot.Errorf(bot.CodeInvalid, "no")
	atFailure := make(chan int64, 1)
	r.start(func(_ *process, point string) {
		if point == "deploy/deploy/applied" {
			atFailure <- wanted()
		}
	})
	r.ended(r.filed(r.request("deploy", "staging", "")).ID)
	if before, after := <-atFailure, wanted(); after <= before || before == 0 {
		t.Errorf("the card was wanted %d times at the failure, %d after it", before, after)
	}
}

// TestWhatRanBeforeIsRenewed: the card of what is taken away has to say so.
func TestWhatRanBeforeIsRenewed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	var change bot.Change
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		change, err = tx.Changes.Ensure(ctx, bot.Change{ProjectID: r.project.ID, Branch: "main", Commit: v2.Commit})
		return err
	})
	r.start(nil)
	wanted := func() (n int64) {
		r.read(func(ctx context.Context, tx *bot.Tx) error {
			row, err := tx.Posts.Get(ctx, r.project.Room, "change:"+change.ID)
			n = row.Wanted
			return err
		})
		return n
	}
	r.ended(r.filed(r.request("deploy", "staging", v1.Label)).ID)
	r.ended(r.filed(r.request("deploy", "staging", v2.Label)).ID)
	before := wanted()
	r.ended(r.filed(r.request("rollback", "staging", "")).ID)
	if wanted() <= before {
		t.Error("the card of what was rolled back from was not wanted anew")
	}
}

func TestPromoteRollbackRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	r.start(nil)
	do := func(verb, env, version string) string {
		t.Helper()
		op := r.ended(r.filed(r.request(verb, env, version)).ID)
		if op.State != bot.OperationSucceeded {
			t.Fatalf("%s: %s", verb, op.Error)
		}
		title := (&deployKind{}).Title(op)
		if string(title) == "" || !strings.Contains(string(title), env) {
			t.Errorf("title %q", title)
		}
		var steps []bot.StepRow
		r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
			steps, err = tx.Steps.Of(ctx, op.ID)
			return err
		})
		label, _ := r.state(env)
		return label + " " + bot.Unescape(title) + ": " + steps[0].Title
	}
	for _, c := range []struct{ verb, env, version, want string }{
		{"deploy", "staging", v1.Label, v1.Label + " Deploying hello " + v1.Label + " to staging: Deploy to staging"},
		{"promote", "production", "", v1.Label + " Promoting hello " + v1.Label + " to production: Promote to production"},
		{"deploy", "staging", "", v2.Label + " Deploying hello " + v2.Label + " to staging: Deploy to staging"},
		{"promote", "production", "", v2.Label + " Promoting hello " + v2.Label + " to production: Promote to production"},
		{"restart", "production", "", v2.Label + " Restarting hello " + v2.Label + " in production: Restart in production"},
		{"rollback", "production", "", v1.Label + " Rolling back hello in production to " + v1.Label + ": Roll back production to " + v1.Label},
	} {
		if got := do(c.verb, c.env, c.version); got != c.want {
			t.Errorf("%s: %q, want %q", c.verb, got, c.want)
		}
	}
	restarts := 0
	for _, req := range r.deploy.applied {
		if req.Restart {
			restarts++
		}
	}
	if restarts != 1 {
		t.Errorf("%d restarts", restarts)
	}
}

// TestOneAtATimePerEnvironment: the second waits for the first, and goes on from it.
func TestOneAtATimePerEnvironment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	r.deploy.held[v1.Label] = true
	r.start(nil)
	first := r.filed(r.request("deploy", "staging", v1.Label))
	r.await("the first to be applied", func(context.Context, *bot.Tx) (bool, error) { return r.deploy.applies() != "", nil })
	second := r.filed(r.request("deploy", "staging", v2.Label))
	if got := r.deploy.applies(); got != v1.Label {
		t.Errorf("applied %s", got)
	}
	r.deploy.release(v1.Label)
	r.ended(first.ID)
	r.ended(second.ID)
	d, _ := r.deployment(second)
	if got := r.deploy.applied[d.ID]; r.deploy.applies() != v1.Label+" "+v2.Label || got.Previous == nil || got.Previous.ID != v1.ID {
		t.Errorf("applied %s, the second on top of %+v", r.deploy.applies(), got.Previous)
	}
}

// TestKilledAtEveryBoundary: whenever the process dies, build and deployment have
// one effect, under one deployment id.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"release/fetch", "release/release", "deploy/deploy"} {
		for _, b := range []operation.Boundary{operation.BoundaryIntent, operation.BoundaryApplied, operation.BoundaryJournaled} {
			point := step + "/" + string(b)
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				killed := make(chan struct{})
				r.start(func(p *process, at string) {
					if at == point && !p.dead.Load() {
						p.kill()
						close(killed)
					}
				})
				r.built(4, "main")
				<-killed
				r.start(nil)
				r.settled()
				label, s := r.state("staging")
				if label != Label("", 4, id(4)) || s.Health != "healthy" || len(r.versions()) != 1 || r.deploy.applies() != label || len(r.deploy.applied) != 1 {
					t.Errorf("staging runs %q, versions %v, applied %q", label, r.versions(), r.deploy.applies())
				}
				r.read(func(ctx context.Context, tx *bot.Tx) error {
					all, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: r.project.ID})
					if len(all) != 1 || all[0].State != bot.DeploymentSucceeded {
						t.Errorf("deployments: %+v", all)
					}
					return err
				})
			})
		}
	}
}

// TestBrokenInputIsNoCrash: rows of another version of the program.
func TestBrokenInputIsNoCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.service(r.db)
	op := &bot.Operation{ID: "x", Subject: "hel*lo", Input: []byte("{")}
	for _, k := range s.Kinds() {
		if _, err := k.Steps(op); bot.CodeOf(err) != bot.CodeInternal {
			t.Errorf("%s: %v", k.Kind(), err)
		}
		if title := k.Title(op); !strings.Contains(string(title), `hel\*lo`) {
			t.Errorf("%s: %q", k.Kind(), title)
		}
	}
	for input, want := range map[string]string{
		"{": "deploy hello to staging.", `{"verb":"promote"}`: "promote hello to staging.", `{"verb":"rollback"}`: "rollback hello in staging.",
	} {
		if text := (&deployKind{s}).Instead(&bot.Operation{Subject: "hello", Environment: "staging", Input: []byte(input)}); !strings.HasSuffix(text, "Once it is mended: "+want) {
			t.Errorf("instead of %s: %s", input, text)
		}
	}
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		if _, err := s.Start(ctx, tx, r.request("deploy", "staging", ""), &bot.Plan{Content: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
			t.Errorf("%v", err)
		}
		return nil
	})
}

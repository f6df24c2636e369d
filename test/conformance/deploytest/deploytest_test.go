package deploytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance"
	"opsbot/test/conformance/deploytest"
)

func TestFake(t *testing.T) {
	t.Parallel()
	deploytest.Run(t, func(*testing.T) deploytest.Rig {
		r, _ := deploytest.NewRig()
		return r
	})
}

// broken is a deployer that breaks one promise each. A nil field leaves the promise.
type broken struct {
	*deploytest.Fake
	calls   atomic.Int32
	plan    func(bot.DeployRequest, *bot.DeployPlan)
	request func(*bot.DeployRequest)
	id      func(string) string
	observe func(*bot.Observation, error) error
	remove  func(p bot.Project, environment string) error
	url     func(string) string
	offset  func(int64) int64
	log     func(io.ReadCloser, error) (io.ReadCloser, error)
}

func (b *broken) Plan(ctx context.Context, req bot.DeployRequest) (bot.DeployPlan, error) {
	p, err := b.Fake.Plan(ctx, req)
	if b.plan != nil {
		b.plan(req, &p)
	}
	return p, err
}

func (b *broken) Apply(ctx context.Context, req bot.DeployRequest) (string, error) {
	if b.request != nil {
		b.request(&req)
	}
	id, err := b.Fake.Apply(ctx, req)
	if b.id != nil {
		id = b.id(id)
	}
	return id, err
}

func (b *broken) Observe(ctx context.Context, req bot.DeployRequest) (bot.Observation, error) {
	o, err := b.Fake.Observe(ctx, req)
	if b.observe != nil {
		err = b.observe(&o, err)
	}
	return o, err
}

func (b *broken) Remove(ctx context.Context, p bot.Project, environment string) error {
	if b.remove != nil {
		return b.remove(p, environment)
	}
	return b.Fake.Remove(ctx, p, environment)
}

func (b *broken) AppURL(p bot.Project, environment string) string {
	u := b.Fake.AppURL(p, environment)
	if b.url != nil {
		u = b.url(u)
	}
	return u
}

func (b *broken) ReadLog(ctx context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	if b.offset != nil {
		offset = b.offset(offset)
	}
	body, err := b.Fake.ReadLog(ctx, ref, offset)
	if b.log != nil {
		return b.log(body, err)
	}
	return body, err
}

// finish carries a deployment to its end.
func (b *broken) finish(req bot.DeployRequest) {
	for range 10 {
		_, _ = b.Fake.Observe(context.Background(), req)
	}
}

// afresh carries out a deployment under an id of its own.
func (b *broken) afresh(req bot.DeployRequest) {
	req.DeploymentID += fmt.Sprint("-", b.calls.Add(1))
	_, _ = b.Fake.Apply(context.Background(), req)
	b.finish(req)
}

// cases name the rule that each broken deployer must be caught by.
func cases() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"a plan says what would be done": func(b *broken) {
			b.plan = func(_ bot.DeployRequest, p *bot.DeployPlan) { p.Effects = nil }
		},
		"a plan changes nothing and is the same again": func(b *broken) {
			b.plan = func(req bot.DeployRequest, _ *bot.DeployPlan) { _, _ = b.Fake.Apply(context.Background(), req) }
		},
		"what was never applied is not found": func(b *broken) {
			b.observe = func(o *bot.Observation, err error) error {
				if err != nil {
					o.State = bot.DeploymentUnknown
				}
				return nil
			}
		},
		"an applied version answers where it is said": func(b *broken) { b.url = func(u string) string { return u + "app" } },
		"applying returns before the end": func(b *broken) {
			b.observe = func(o *bot.Observation, err error) error { o.State = bot.DeploymentSucceeded; return err }
		},
		"applying again is the same deployment": func(b *broken) {
			b.request = func(req *bot.DeployRequest) {
				if b.calls.Load() > 0 {
					b.afresh(*req)
				}
				b.calls.Add(1)
			}
		},
		"applying at once is one deployment": func(b *broken) {
			b.id = func(id string) string { return id + fmt.Sprint(b.calls.Add(1)) }
		},
		"an old deployment applied again does not come back": func(b *broken) {
			b.request = func(req *bot.DeployRequest) {
				if b.calls.Add(1); b.calls.Load() > 2 {
					b.afresh(*req)
				}
			}
		},
		"completed steps are only added to": func(b *broken) {
			b.observe = func(o *bot.Observation, err error) error {
				if o.State.Final() {
					o.Steps = o.Steps[1:]
				}
				return err
			}
		},
		"a later version takes the place of the one before": func(b *broken) {
			b.request = func(req *bot.DeployRequest) { req.Version.Label = "1.0" }
		},
		"a restart starts the same version afresh": func(b *broken) {
			b.request = func(req *bot.DeployRequest) {
				if req.Restart { // nothing to do, for that version runs
					req.Project.ID = "elsewhere"
				}
			}
		},
		"a failed deployment says why and leaves what ran": func(b *broken) {
			b.observe = func(o *bot.Observation, err error) error {
				if o.State == bot.DeploymentFailed {
					_ = b.Fake.Remove(context.Background(), bot.Project{ID: "0190-shop"}, "staging")
				}
				return err
			}
		},
		"a removed app does not answer, and removing again succeeds": func(b *broken) {
			b.remove = func(p bot.Project, environment string) error {
				if l, _ := b.Answers(context.Background(), p, environment); l == "" {
					return errors.New("there is no such app")
				}
				return b.Fake.Remove(context.Background(), p, environment)
			}
		},
		"removing one environment leaves the other": func(b *broken) {
			b.remove = func(p bot.Project, _ string) error {
				return errors.Join(b.Fake.Remove(context.Background(), p, "staging"), b.Fake.Remove(context.Background(), p, "production"))
			}
		},
		"a log holds what the app wrote, from an offset on": func(b *broken) { b.offset = func(int64) int64 { return 0 } },
		"there is no log of what never ran": func(b *broken) {
			b.log = func(body io.ReadCloser, err error) (io.ReadCloser, error) {
				if err != nil {
					return io.NopCloser(strings.NewReader("")), nil
				}
				return body, nil
			}
		},
	}
}

// TestBrokenDeployersAreRejected: every rule has a deployer that breaks it and is
// caught.
func TestBrokenDeployersAreRejected(t *testing.T) {
	t.Parallel()
	conformance.Reject(t, deploytest.Rules(), func(breakIt func(*broken)) deploytest.Rig {
		rig, fake := deploytest.NewRig()
		b := &broken{Fake: fake}
		breakIt(b)
		rig.Deployer = b
		return rig
	}, cases())
}

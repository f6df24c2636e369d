package engine

import (
	"context"
	"errors"

	"opsbot/bot/jenkinsfile"
)

// The names of the stages that Jenkins adds.
const (
	nameCheckout = "Declarative: Checkout SCM"
	namePost     = "Declarative: Post Actions"
)

type agentPlace int

const (
	agentOfPipeline agentPlace = iota
	agentOfStage
)

// withAgent runs body where the agent says, with the default checkout done. An
// agent of the pipeline shows the checkout as a stage.
func (f frame) withAgent(a *jenkinsfile.Agent, place agentPlace, body func(frame) error) error {
	if a == nil || a.Type == "none" {
		return body(f)
	}
	req, err := f.workspaceRequest(a)
	if err != nil {
		return err
	}
	return f.allocate(req, func(f frame) error {
		if f.run.skipCheckout {
			return body(f)
		}
		f, err := f.defaultCheckout(place)
		if err != nil {
			return err
		}
		return body(f)
	})
}

func (f frame) workspaceRequest(a *jenkinsfile.Agent) (WorkspaceRequest, error) {
	var req WorkspaceRequest
	label := a.Value
	if a.Type == "node" && label == nil {
		label = a.Field("label")
	}
	for x, to := range map[jenkinsfile.Expr]*string{label: &req.Label, a.Field("customWorkspace"): &req.Custom} {
		if x == nil {
			continue
		}
		v, err := f.eval(x)
		if err != nil {
			return req, err
		}
		*to = toString(v)
	}
	return req, nil
}

// allocate runs body in a workspace. Without a node that has the label the build
// waits until it is stopped.
func (f frame) allocate(req WorkspaceRequest, body func(frame) error) error {
	r := f.run
	if !r.build.hasLabel(req.Label) {
		return f.waitForNode()
	}
	var ws Workspace
	var release func()
	err := f.outside(func(ctx context.Context) error {
		var err error
		ws, release, err = r.host.Allocate(ctx, req)
		return err
	})
	if release != nil {
		defer release()
	}
	if err != nil {
		return err
	}
	f = f.inNode(ws)
	if req.Custom != "" {
		r.console.say("Running in " + ws.Path())
	}
	return body(f)
}

func (f frame) waitForNode() error {
	r := f.run
	ctx, end, err := f.begin("Stopping part of "+r.build.Job+" » "+r.build.Branch+" "+r.outcome.DisplayName, true)
	if err != nil {
		return err
	}
	r.console.say("Still waiting to schedule task")
	<-ctx.Done()
	end()
	var why *Failure
	if errors.As(context.Cause(ctx), &why) {
		return why
	}
	return ErrCutOff
}

// defaultCheckout puts the tree into the workspace and the GIT_ variables into
// the environment.
func (f frame) defaultCheckout(place agentPlace) (frame, error) {
	inner := f
	if place == agentOfPipeline {
		inner.stage = f.open(nameCheckout, "PRE")
	}
	dir := f.node.dir
	if sub := f.run.subdirectory; sub != "" {
		dir = f.absolute(sub)
		f.run.console.say("Running in " + dir)
	}
	rev, err := inner.checkout(dir)
	if place == agentOfPipeline {
		f.run.close(inner.stage, err)
	}
	if err != nil {
		return f, err
	}
	f.env = f.env.with(f.run.build.checkoutEnvironment(rev))
	return f, nil
}

package engine

import (
	"errors"
	"time"

	"opsbot/bot/jenkinsfile"
)

// pipeline runs a declarative pipeline. What fails first is what the build fails
// with; post runs whatever has happened before.
func (r *run) pipeline(f frame, p *jenkinsfile.Pipeline) error {
	f.vars = newVars(f.vars)
	if err := r.readOptions(f, p.Options); err != nil {
		return err
	}
	var first error
	posted, before := false, r.outcome.Result
	err := f.withAgent(p.Agent, agentOfPipeline, func(f frame) error {
		f, err := f.withEnvironment(p.Environment)
		if err != nil {
			return err
		}
		return f.withOptions(p.Options, func(f frame) error {
			r.outcome.Result = before // an attempt that is retried counts no more
			first = f.runStages(p.Stages, nil)
			if errors.Is(first, ErrCutOff) {
				return first
			}
			posted = true
			if err := f.pipelinePost(p.Post); first == nil {
				first = err
			}
			return first
		})
	})
	if first == nil {
		first = err
	}
	if err == nil || posted || errors.Is(err, ErrCutOff) {
		return first
	}
	r.worsenFor(err)
	if err := f.pipelinePost(p.Post); errors.Is(err, ErrCutOff) {
		return err
	}
	return first
}

// readOptions takes the options that are switches.
func (r *run) readOptions(f frame, options *jenkinsfile.Calls) error {
	r.skipAfterUnstable = options.Find("skipStagesAfterUnstable") != nil
	r.failFast = options.Find("parallelsAlwaysFailFast") != nil
	r.skipCheckout = skipsCheckout(options)
	if call := options.Find("checkoutToSubdirectory"); call != nil {
		v, err := f.eval(call.Argument("subdirectory", true))
		if err != nil {
			return err
		}
		r.subdirectory = toString(v)
	}
	return nil
}

func skipsCheckout(options *jenkinsfile.Calls) bool {
	call := options.Find("skipDefaultCheckout")
	if call == nil {
		return false
	}
	x := call.Argument("skipDefaultCheckout", true)
	return x == nil || truth(constant(x))
}

// withOptions wraps body in the options that are steps with a block, the first
// outermost.
func (f frame) withOptions(options *jenkinsfile.Calls, body func(frame) error) error {
	if options == nil {
		return body(f)
	}
	return f.wrapped(options.Calls, body)
}

func (f frame) wrapped(calls []*jenkinsfile.Call, body func(frame) error) error {
	if len(calls) == 0 {
		return body(f)
	}
	inner := func(f frame) error { return f.wrapped(calls[1:], body) }
	switch calls[0].Method() {
	case "timestamps":
		f.run.console.stamp(1)
		defer f.run.console.stamp(-1)
	case "timeout":
		a, err := f.evalArgs(calls[0])
		if err != nil {
			return err
		}
		d, err := duration(a, time.Minute)
		if err != nil {
			return err
		}
		return f.withTimeout(d, inner)
	case "retry":
		a, err := f.evalArgs(calls[0])
		if err != nil {
			return err
		}
		v, _ := a.value("count", true)
		count, _ := v.(int64)
		return f.retrying(count, func() error { return inner(f) })
	}
	return inner(f)
}

// pipelinePost is the stage at the end, which isn't there when no block applies.
func (f frame) pipelinePost(p *jenkinsfile.Post) error {
	if p == nil || !f.anyApplies(p) {
		return nil
	}
	s := f.open(namePost, "POST")
	f.stage = s
	f.env = f.env.with(map[string]string{"STAGE_NAME": s.Name})
	err := f.runPost(p, f.run.worsen)
	f.run.close(s, nil)
	return err
}

// anyApplies reports whether some block of the section would run now.
func (f frame) anyApplies(p *jenkinsfile.Post) bool {
	for _, b := range p.Blocks {
		if f.applies(b.Condition) {
			return true
		}
	}
	return false
}

// applies decides a post condition by the worse of the stage and the build.
func (f frame) applies(condition string) bool {
	now := f.result()
	before := f.run.build.Previous
	switch condition {
	case "always", "cleanup":
		return true
	case "changed":
		return before == nil || before.Result != now
	case "fixed":
		return before != nil && now == Success && (before.Result == Failed || before.Result == Unstable)
	case "regression":
		return before != nil && now.Worse(before.Result)
	case "aborted":
		return now == Aborted
	case "success":
		return now == Success
	case "unsuccessful":
		return now != Success
	case "unstable":
		return now == Unstable
	case "failure":
		return now == Failed
	case "notBuilt":
		return now == NotBuilt
	}
	return false
}

// result is the worse of the build's result and, in a stage's post, the stage's.
func (f frame) result() Result {
	return worst(worst(Success, f.run.outcome.Result), f.stageResult)
}

// runPost runs the blocks in Jenkins' order. An error in one is logged there and,
// by worsen, changes which of the others apply.
func (f frame) runPost(p *jenkinsfile.Post, worsen func(Result)) error {
	f.post = true
	var first error
	for _, condition := range jenkinsfile.PostConditions() {
		for _, b := range p.Blocks {
			if b.Condition != condition || !f.applies(condition) {
				continue
			}
			err := f.runSteps(b.Steps)
			if errors.Is(err, ErrCutOff) {
				return err
			}
			if err == nil {
				continue
			}
			failure := asFailure(err)
			f.run.console.say("Error when executing " + condition + " post condition:")
			f.run.console.say(failure.java())
			f.run.console.say("")
			worsen(failure.result())
			f.stageResult = worst(f.stageResult, failure.result())
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// runSteps runs a block of steps.
func (f frame) runSteps(steps *jenkinsfile.Steps) error {
	f.vars = newVars(f.vars)
	_, err := f.body(steps.Body)
	return err
}

package engine

import (
	"errors"
	"slices"

	"opsbot/bot/jenkinsfile"
)

// open starts a stage inside the frame's.
func (f frame) open(name, synthetic string) *Stage {
	s := &Stage{Name: name, Synthetic: synthetic, Status: StatusRunning, Started: f.run.clock.Now()}
	if parent := f.stage; parent != nil {
		s.Path = append(slices.Clone(parent.Path), name)
		parent.Children = append(parent.Children, s)
	} else {
		s.Path = []string{name}
		f.run.outcome.Stages = append(f.run.outcome.Stages, s)
	}
	f.run.host.Stage(s)
	return s
}

// close ends a stage with what it failed with, nil if it didn't.
func (r *run) close(s *Stage, err error) {
	s.Status = StatusSuccess
	if s.warned != "" && s.warned != StatusSuccess {
		s.Status = s.warned
	}
	if err != nil {
		s.Status, s.Error = r.failedStatus(err)
	}
	r.end(s)
}

func (r *run) end(s *Stage) {
	s.Ended = r.clock.Now()
	r.host.Stage(s)
}

func (r *run) failedStatus(err error) (Status, string) {
	f := asFailure(err)
	if f.Stopped != nil {
		return StatusAborted, ""
	}
	return StatusFailed, r.console.mask(f.Message)
}

// runStages runs stages one after the other; after a failure the rest is listed
// but not run. It returns the first failure.
func (f frame) runStages(list *jenkinsfile.Stages, skip *skipped) error {
	var first error
	for _, s := range list.Stages {
		why := skip
		switch {
		case why != nil:
		case first != nil:
			why = &skipped{kind: "failure", stage: s.Name, because: first}
		case f.run.skipAfterUnstable && f.run.outcome.Result == Unstable:
			why = &skipped{kind: "unstable", stage: s.Name}
		}
		err := f.runStage(s, why)
		if errors.Is(err, ErrCutOff) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// skipped is why a stage is not run; stage is the one that was to be, which may
// be around this one.
type skipped struct {
	kind    string
	stage   string
	because error
}

func (s *skipped) line() string {
	reason := map[string]string{
		"failure": "earlier failure(s)", "conditional": "when conditional",
		"unstable": "earlier stage(s) marking the build as unstable",
	}[s.kind]
	return `Stage "` + s.stage + `" skipped due to ` + reason
}

// skipStage lists a stage, with all inside it, as skipped.
func (f frame) skipStage(st *jenkinsfile.Stage, s *Stage, why *skipped) {
	f.run.console.say(why.line())
	s.Skipped = why.kind
	switch why.kind {
	case "failure":
		s.Status, s.Error = f.run.failedStatus(why.because)
	case "conditional":
		s.Status = StatusNotExecuted
	default:
		s.Status = StatusSuccess
	}
	for _, inner := range innerStages(st) {
		child := f
		child.stage = s
		child.skipStage(inner, child.open(inner.Name, ""), why)
	}
	f.run.end(s)
}

func innerStages(st *jenkinsfile.Stage) []*jenkinsfile.Stage {
	switch {
	case st.Stages != nil:
		return st.Stages.Stages
	case st.Parallel != nil:
		return st.Parallel.Stages
	}
	return nil
}

// runStage runs one stage: its options, agent, when, environment, steps and post,
// each inside the one before.
func (f frame) runStage(st *jenkinsfile.Stage, why *skipped) error {
	s := f.open(st.Name, "")
	f.env = f.env.with(map[string]string{"STAGE_NAME": st.Name})
	outer := f
	f.stage = s
	if why != nil {
		outer.skipStage(st, s, why)
		return nil
	}
	run := &stageRun{def: st, stage: s}
	err := f.decide(run, st.When != nil && st.When.BeforeOptions, func(f frame) error {
		return f.withOptions(st.Options, run.inOptions)
	})
	if err != nil {
		f.run.worsenFor(err)
	}
	switch {
	case run.skipped:
		outer.skipStage(st, s, &skipped{kind: "conditional", stage: st.Name})
	case run.inner != nil && errors.Is(err, run.inner):
		// Jenkins shows the stage around a failed one as fine.
		f.run.close(s, nil)
	default:
		f.run.close(s, err)
	}
	return err
}

// stageRun is what is known of a stage while it runs.
type stageRun struct {
	def     *jenkinsfile.Stage
	stage   *Stage
	decided bool
	skipped bool
	inner   error // the failure of a stage inside
}

// decide asks the stage's when, if now is its time.
func (f frame) decide(run *stageRun, now bool, body func(frame) error) error {
	if now && !run.decided {
		run.decided = true
		meets, err := f.meets(run.def.When)
		if err != nil {
			return err
		}
		if run.skipped = !meets; run.skipped {
			return nil
		}
	}
	return body(f)
}

// inOptions runs what stands inside the stage's options: its question comes before
// when, unless when says otherwise, and before the agent.
func (run *stageRun) inOptions(f frame) error {
	when := run.def.When
	return f.decide(run, when != nil && when.BeforeInput, func(f frame) error {
		return f.withInput(run.def.Input, func(f frame) error {
			return f.decide(run, when != nil && when.BeforeAgent, func(f frame) error {
				return f.withStageAgent(run.def, run.inAgent)
			})
		})
	})
}

func (f frame) withStageAgent(st *jenkinsfile.Stage, body func(frame) error) error {
	if st.Agent == nil || st.Agent.Type == "none" {
		return body(f)
	}
	if skipsCheckout(st.Options) {
		req, err := f.workspaceRequest(st.Agent)
		if err != nil {
			return err
		}
		return f.allocate(req, body)
	}
	return f.withAgent(st.Agent, agentOfStage, body)
}

// inAgent runs what stands inside the stage's agent.
func (run *stageRun) inAgent(f frame) error {
	return f.decide(run, run.def.When != nil, func(f frame) error {
		f, err := f.withEnvironment(run.def.Environment)
		if err == nil {
			err = f.stageContent(run)
		}
		if errors.Is(err, ErrCutOff) {
			return err
		}
		return f.stagePost(run.def.Post, err)
	})
}

func (f frame) stageContent(run *stageRun) error {
	st := run.def
	switch {
	case st.Steps != nil && len(st.Steps.Branches) > 0:
		return f.runBranches(st)
	case st.Steps != nil:
		return f.runSteps(st.Steps)
	case st.Stages != nil:
		run.inner = f.runStages(st.Stages, nil)
	case st.Parallel != nil:
		run.inner = f.runParallel(st.Parallel.Stages, st.FailFast || f.run.failFast)
	case st.Matrix != nil:
		run.inner = f.runMatrix(st)
	}
	return run.inner
}

// stagePost runs the stage's own post; it returns the first failure of both.
func (f frame) stagePost(p *jenkinsfile.Post, failed error) error {
	if failed != nil {
		f.stageResult = asFailure(failed).result()
	}
	if p == nil || !f.anyApplies(p) {
		return failed
	}
	f.run.console.say("Post stage")
	err := f.runPost(p, func(Result) {})
	if failed != nil && !errors.Is(err, ErrCutOff) {
		return failed
	}
	return err
}

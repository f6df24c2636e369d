package jenkins

import (
	"context"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
	"opsbot/test/conformance/pipelinetest"
	fake "opsbot/test/fakes/jenkins"
)

// cannot are the rules that no Jenkins can keep, and why.
func cannot() map[string]string {
	return map[string]string{
		"a build is of the commit asked for": "a multibranch job builds the newest commit of a branch and no other; TestOtherCommit holds that this is said",
	}
}

// TestConformance runs the suite; Executors stays 0, for a pipeline of Jenkins
// starts whether or not there is an executor: it is its node step that waits.
func TestConformance(t *testing.T) {
	t.Parallel()
	rules := pipelinetest.Rules()
	for name := range cannot() {
		before := len(rules)
		rules = slices.DeleteFunc(rules, func(r pipelinetest.Rule) bool { return r.Name == name })
		if len(rules) != before-1 {
			t.Errorf("the suite has no rule %q", name)
		}
	}
	conformance.Run(t, rules, 60*time.Second, rig)
}

func rig(t *testing.T) pipelinetest.Rig {
	t.Helper()
	b := setup(t, nil)
	b.repo.Commit("main", program(pipelinetest.Succeeds, fake.Parameter{Name: "GREETING", Default: "hi"}))
	return pipelinetest.Rig{
		Pipeline: b.Service, Source: bot.CloneSource{URL: repoURL},
		Commit: func(_ context.Context, branch string, does pipelinetest.Program) (string, error) {
			return b.repo.Commit(branch, program(does)), nil
		},
	}
}

func program(does pipelinetest.Program, params ...fake.Parameter) *fake.Program {
	p := &fake.Program{Lines: []string{pipelinetest.LogLine}, Lasts: 20 * time.Millisecond, Parameters: params}
	switch does {
	case pipelinetest.Fails:
		p.FailsIn, p.Error = "Build", "script returned exit code 1"
	case pipelinetest.Waits:
		p.Waits = true
	case pipelinetest.Succeeds:
	}
	return p
}

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// answering answers every question with yes, by ada, with the values.
func answering(questions *[]bot.Input, values map[string]string) func(context.Context, bot.Input) (bot.InputAnswer, error) {
	return func(_ context.Context, q bot.Input) (bot.InputAnswer, error) {
		*questions = append(*questions, q)
		return bot.InputAnswer{Proceed: true, By: "ada", Values: values}, nil
	}
}

// TestInputReturns: nothing, the one value, or a map; what was left out has its default.
func TestInputReturns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ call, want string }{
		"nothing":    {"input 'Go?'", "null"},
		"one":        {"input message: 'Go?', parameters: [string(name: 'A', defaultValue: 'x')]", "given"},
		"a default":  {"input message: 'Go?', parameters: [string(name: 'B', defaultValue: 'x')]", "x"},
		"submitter":  {"input message: 'Go?', submitterParameter: 'WHO'", "ada"},
		"boolean":    {"input(message: 'Go?', parameters: [booleanParam(name: 'B', defaultValue: true)]) ? 'yes' : 'no'", "yes"},
		"no default": {"input message: 'Go?', parameters: [password(name: 'P')]", ""},
		"choice":     {"input message: 'Go?', parameters: [choice(name: 'C', choices: 'p\\nq')]", "p"},
		"by class":   {"input message: 'Go?', parameters: [[$class: 'ChoiceParameterDefinition', name: 'C', choices: 'p\\nq']]", "p"},
		"several": {
			"input message: 'Go?', submitterParameter: 'WHO', parameters: [string(name: 'A'), choice(name: 'C', choices: ['p', 'q'])]",
			"[A:given, C:p, WHO:ada]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []bot.Input
			h := &fakeHost{ask: answering(&asked, map[string]string{"A": "given"})}
			out := runOn(t, h, steps("script { def v = "+c.call+"\necho \"[${v}]\" }"))
			if out.Result != "SUCCESS" || !slices.Contains(h.lines, "["+c.want+"]") || !slices.Contains(h.lines, "Approved by ada") {
				t.Errorf("%+v, log %q", out.Failure, h.lines)
			}
		})
	}
}

// TestInputIsShown: the question as the person sees it, and the log as on Jenkins.
func TestInputIsShown(t *testing.T) {
	t.Parallel()
	var asked []bot.Input
	h := &fakeHost{ask: answering(&asked, nil)}
	out := runOn(t, h, steps("input message: \"Ship ${env.BUILD_NUMBER}?\", ok: 'Ship', id: 'ship', submitter: 'ada, bob,', cancel: 'No'",
		"input message: 'With?', parameters: [text(name: 'T', description: 'd'), password(name: 'P', defaultValue: 'hush')]"))
	want := []bot.Input{
		{ID: "ship", Message: "Ship 3?", Proceed: "Ship", Submitters: []string{"ada", "bob"}},
		{Message: "With?", Proceed: "Proceed", Parameters: []bot.InputParameter{{Name: "T", Kind: "text", Description: "d"}, {Name: "P", Kind: "password"}}},
	}
	if out.Result != "SUCCESS" || fmt.Sprintf("%+v", asked) != fmt.Sprintf("%+v", want) {
		t.Errorf("asked %+v, want %+v (%+v)", asked, want, out.Failure)
	}
	wantLines(t, h.lines, "Ship 3?", "Ship or No", "Approved by ada", "With?", "Input requested", "Approved by ada", "Finished: SUCCESS")
}

// TestInputSection: the question comes after the options and before agent and when; the
// stage's environment has the answers.
func TestInputSection(t *testing.T) {
	t.Parallel()
	const section = "input { message 'Go?'; submitterParameter 'WHO'; parameters { string(name: 'A', defaultValue: 'x'); booleanParam(name: 'B') } }"
	for name, c := range map[string]struct {
		stage string
		asked int
		log   []string
	}{
		"answers in the environment": {
			section + "\nsteps { echo \"${A} ${env.B} ${WHO}\" }", 1,
			[]string{"Go?", "Input requested", "Approved by ada", "x false ada"},
		},
		"when sees the answers": {
			section + "\nwhen { environment name: 'A', value: 'y' }\nsteps { echo 'never' }", 1,
			[]string{"Go?", "Input requested", "Approved by ada", `Stage "S" skipped due to when conditional`},
		},
		"when before it": {
			section + "\nwhen { beforeInput true; branch 'none' }\nsteps { echo 'never' }", 0,
			[]string{`Stage "S" skipped due to when conditional`},
		},
		"when before the agent is behind it": {
			section + "\nwhen { beforeAgent true; branch 'none' }\nagent any\nsteps { echo 'never' }", 1,
			[]string{"Go?", "Input requested", "Approved by ada", `Stage "S" skipped due to when conditional`},
		},
		"asked again by a retry": {
			"options { retry(2) }\n" + section + "\nsteps { error 'no' }", 2,
			[]string{
				"Go?", "Input requested", "Approved by ada", "ERROR: no", "Retrying", "Go?", "Input requested", "Approved by ada", "ERROR: no",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []bot.Input
			h := &fakeHost{ask: answering(&asked, nil)}
			out := runOn(t, h, "pipeline { agent none\nstages { stage('S') { "+c.stage+" } } }")
			if len(asked) != c.asked {
				t.Errorf("asked %d times: %+v", len(asked), out.Failure)
			}
			wantLines(t, h.lines, append(c.log, "Finished: "+string(out.Result))...)
		})
	}
}

// TestInputIsRefused: a no ends the build as aborted, without the stage's own post; it is
// neither retried nor softened.
func TestInputIsRefused(t *testing.T) {
	t.Parallel()
	no := func(context.Context, bot.Input) (bot.InputAnswer, error) { return bot.InputAnswer{By: "eve"}, nil }
	h := &fakeHost{ask: no}
	out := runOn(t, h, pipeline("stage('S') { input { message 'Go?' }\nsteps { echo 's' }\npost { always { echo 'own' } } }\nstage('T') { steps { echo 't' } }",
		"post { aborted { echo 'aborted' }; failure { echo 'failure' } }"))
	if out.Result != "ABORTED" || tree(out.Stages[1:3]) != "S=ABORTED T=ABORTED" {
		t.Errorf("result %s, stages %s", out.Result, tree(out.Stages))
	}
	wantLines(t, h.lines, "Go?", "Proceed or Abort", `Stage "T" skipped due to earlier failure(s)`, "aborted", "Rejected by eve", "Finished: ABORTED")
	h = &fakeHost{ask: no}
	out = runOn(t, h, steps("retry(3) { catchError(catchInterruptions: false) { input 'Go?' } }", "echo 'never'"))
	if out.Result != "ABORTED" || strings.Count(strings.Join(h.lines, "\n"), "Go?") != 1 || slices.Contains(h.lines, "never") {
		t.Errorf("result %s, log %q", out.Result, h.lines)
	}
	h = &fakeHost{ask: func(context.Context, bot.Input) (bot.InputAnswer, error) {
		return bot.InputAnswer{}, errors.New("no room")
	}}
	if out = runOn(t, h, steps("input 'Go?'")); out.Result != "FAILURE" || out.Failure.Message != "no room" {
		t.Errorf("%+v", out.Failure)
	}
}

// TestSuperseded: a build whose place a later one takes was not built.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	h := &fakeHost{ask: func(ctx context.Context, _ bot.Input) (bot.InputAnswer, error) {
		cancel(&engine.Stop{Superseded: 4})
		<-ctx.Done()
		return bot.InputAnswer{}, ctx.Err()
	}}
	out := engine.Run(ctx, parse(t, pipeline("stage('S') { steps { input 'Go?' } }", "post { notBuilt { echo 'not built' } }")), someBuild(), h, &stubClock{never: true})
	if out.Result != "NOT_BUILT" {
		t.Errorf("result %s", out.Result)
	}
	wantLines(t, h.lines, "Go?", "Proceed or Abort", "not built", "Superseded by #4", "Finished: NOT_BUILT")
}

// TestWithoutSonar: the steps for SonarQube do nothing, and say so.
func TestWithoutSonar(t *testing.T) {
	t.Parallel()
	h := &fakeHost{}
	out := runOn(t, h, steps("withSonarQubeEnv('sonar') { sh 'scan' }", "timeout(time: 1, unit: 'HOURS') { waitForQualityGate abortPipeline: true }",
		"script { def gate = waitForQualityGate(); if (gate.status != 'OK') { error gate.status } }", "echo 'on'"))
	if out.Result != "SUCCESS" || slices.Contains(h.lines, "ran scan in /ws") || !slices.Contains(h.lines, "on") {
		t.Errorf("%+v, log %q", out.Failure, h.lines)
	}
	if text := strings.Join(h.lines, "\n"); strings.Count(text, "does nothing, there is no SonarQube here") != 3 {
		t.Errorf("log\n%s", text)
	}
}

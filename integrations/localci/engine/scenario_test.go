package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// waiting is a script that runs until it is told to end, then ends by TERM.
func waiting(ctx context.Context, _ engine.Script) (engine.Exit, error) {
	<-ctx.Done()
	return engine.Exit{Code: 143, Signal: 15}, nil
}

// failing exits with the number that is the script.
func failing(_ context.Context, s engine.Script) (engine.Exit, error) {
	if s.Text == "ok" {
		return engine.Exit{}, nil
	}
	return engine.Exit{Code: 7}, nil
}

const threeStages = `
stage('A') { steps { sh 'ok' } }
stage('B') { steps { sh 'bad'; echo 'never' }; post { failure { echo 'B failed' } } }
stage('C') { steps { echo 'c' } }`

// TestStageEvents: a live card hears of each stage as it starts and ends.
func TestStageEvents(t *testing.T) {
	t.Parallel()
	h := &fakeHost{shell: failing}
	out := runOn(t, h, pipeline(threeStages, "post { always { echo 'end' } }"))
	want := []string{
		"Declarative: Checkout SCM IN_PROGRESS", "Declarative: Checkout SCM SUCCESS", "A IN_PROGRESS", "A SUCCESS",
		"B IN_PROGRESS", "B FAILED", "C IN_PROGRESS", "C FAILED",
		"Declarative: Post Actions IN_PROGRESS", "Declarative: Post Actions SUCCESS",
	}
	if !slices.Equal(h.stages, want) {
		t.Errorf("events %q, want %q", h.stages, want)
	}
	wantLines(t, h.lines, "Post stage", "B failed", `Stage "C" skipped due to earlier failure(s)`, "end",
		"ERROR: script returned exit code 7", "Finished: FAILURE")
	if c := out.Stages[3]; c.Skipped != "failure" || c.Error != "script returned exit code 7" {
		t.Errorf("stage C is %+v", c)
	}
}

// TestStop: a person's stop ends the running step; post runs untouched.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]string{"sh": "sh 'x'", "sleep": "sleep 60"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			h := &fakeHost{shell: func(ctx context.Context, s engine.Script) (engine.Exit, error) {
				if s.Text == "post" {
					return engine.Exit{}, ctx.Err()
				}
				cancel(&engine.Stop{By: "ada"})
				return waiting(ctx, s)
			}}
			h.onLine = func(line string) {
				if strings.HasPrefix(line, "Sleeping") {
					cancel(&engine.Stop{By: "ada"})
				}
			}
			src := pipeline("stage('S') { steps { "+step+"; echo 'never' } }\nstage('T') { steps { echo 't' } }",
				"post { aborted { sh 'post'; echo 'aborted' }; failure { echo 'failure' }; always { echo 'always' } }")
			out := engine.Run(ctx, parse(t, src), someBuild(), h, &stubClock{never: true})
			if out.Result != "ABORTED" || out.Failure.Stopped == nil || out.Failure.Stopped.By != "ada" {
				t.Errorf("result %s, failure %+v", out.Result, out.Failure)
			}
			tail := h.lines[slices.Index(h.lines, `Stage "T" skipped due to earlier failure(s)`):]
			wantLines(t, tail, `Stage "T" skipped due to earlier failure(s)`, "always", "aborted", "Finished: ABORTED")
			if !slices.Contains(h.lines, "Aborted by ada") {
				t.Errorf("nobody is named: %q", h.lines)
			}
		})
	}
}

// TestCutOff: a run that is cut off has no result and runs nothing more.
func TestCutOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h := &fakeHost{shell: func(ctx context.Context, s engine.Script) (engine.Exit, error) {
		cancel()
		return waiting(ctx, s)
	}}
	src := pipeline("stage('S') { steps { catchError { sh 'x' } } }", "post { always { echo 'always' } }")
	out := engine.Run(ctx, parse(t, src), someBuild(), h, &stubClock{never: true})
	if !out.Incomplete || out.Result != "" {
		t.Errorf("outcome %+v", out)
	}
	if slices.Contains(h.lines, "always") || h.held != 0 {
		t.Errorf("went on: %q, %d workspaces held", h.lines, h.held)
	}
}

// TestHostCutsOff: what the host can't go on with ends the run as well, past all that
// catches failures, and ends the other branches' steps.
func TestHostCutsOff(t *testing.T) {
	t.Parallel()
	gone := fmt.Errorf("%w: the disk is full", engine.ErrCutOff)
	caught := "try { catchError { warnError('w') { retry(3) { %s } } } } catch (e) { echo 'never' } finally { echo 'never' }"
	for name, step := range map[string]string{
		"script":   "sh 'x'",
		"message":  "slackSend message: 'm'",
		"parallel": "parallel a: { sh 'x' }, b: { sh 'other' }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := make(chan struct{})
			h := &fakeHost{send: gone, shell: func(ctx context.Context, s engine.Script) (engine.Exit, error) {
				if s.Text == "other" {
					close(began)
					return waiting(ctx, s)
				}
				if name == "parallel" {
					<-began
				}
				return engine.Exit{}, gone
			}}
			src := pipeline("stage('S') { steps { script { "+fmt.Sprintf(caught, step)+" }; echo 'never' }\npost { always { echo 'never' } } }\n"+
				"stage('T') { steps { echo 'never' } }", "post { always { echo 'never' } }")
			out := engine.Run(t.Context(), parse(t, src), someBuild(), h, &stubClock{never: true})
			if !out.Incomplete || out.Result != "" {
				t.Errorf("outcome %+v", out)
			}
			if slices.Contains(h.lines, "never") || slices.Contains(h.lines, "Retrying") || h.held != 0 {
				t.Errorf("went on: %q, %d workspaces held", h.lines, h.held)
			}
		})
	}
}

// TestTimeouts in simulated time: which one strikes, and what goes on after it.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src    string
		result engine.Result
		want   []string
	}{
		"stage": {
			pipeline("stage('S') { options { timeout(time: 5, unit: 'MINUTES') }\nsteps { sh 'x' }\npost { aborted { echo 'a' } } }\nstage('T') { steps { echo 't' } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 5 min 0 sec", "Cancelling nested steps due to timeout", "Sending interrupt signal to process",
				"Terminated", "script returned exit code 143", "Post stage", "a", `Stage "T" skipped due to earlier failure(s)`,
				"Timeout has been exceeded", "Finished: ABORTED",
			},
		},
		"inner first": {
			pipeline("stage('S') { steps { catchError(buildResult: 'SUCCESS') { timeout(time: 1, unit: 'HOURS') { sleep time: 2, unit: 'HOURS' } }; echo 'on' } }", "options { timeout(time: 1, unit: 'DAYS') }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 day 0 hr", "Timeout set to expire in 1 hr 0 min", "Sleeping for 2 hr 0 min",
				"Cancelling nested steps due to timeout", "Timeout has been exceeded", "Setting overall build result to ABORTED", "on", "Finished: ABORTED",
			},
		},
		"outer first": {
			steps("timeout(time: 1, unit: 'MINUTES') { timeout(5) { sleep 600 } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 min 0 sec", "Timeout set to expire in 5 min 0 sec", "Sleeping for 10 min",
				"Cancelling nested steps due to timeout", "Timeout has been exceeded", "Finished: ABORTED",
			},
		},
		"between steps": {
			steps("timeout(time: 1, unit: 'SECONDS') { script { while (true) { echo 'x'; sleep 3 } } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 sec", "x", "Sleeping for 3 sec", "Cancelling nested steps due to timeout",
				"Timeout has been exceeded", "Finished: ABORTED",
			},
		},
		"not retried inside of it": {
			steps("timeout(time: 1, unit: 'SECONDS') { retry(3) { sleep 3 } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 sec", "Sleeping for 3 sec", "Cancelling nested steps due to timeout",
				"Timeout has been exceeded", "Finished: ABORTED",
			},
		},
		"retried around it": {
			steps("retry(2) { timeout(time: 1, unit: 'SECONDS') { sleep 3 } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 sec", "Sleeping for 3 sec", "Cancelling nested steps due to timeout",
				"Timeout has been exceeded", "Retrying",
				"Timeout set to expire in 1 sec", "Sleeping for 3 sec", "Cancelling nested steps due to timeout",
				"Timeout has been exceeded", "Finished: ABORTED",
			},
		},
		"caught around it": {
			steps("catchError(catchInterruptions: false) { timeout(time: 1, unit: 'SECONDS') { sleep 3 } }", "echo 'on'"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 sec", "Sleeping for 3 sec", "Cancelling nested steps due to timeout",
				"Timeout has been exceeded", "Setting overall build result to ABORTED", "on", "Finished: ABORTED",
			},
		},
		"in post": {
			pipeline("stage('S') { steps { echo 's' } }", "options { timeout(time: 1, unit: 'MINUTES') }", "post { always { sleep 90 }; cleanup { echo 'c' } }"),
			"ABORTED",
			[]string{
				"Timeout set to expire in 1 min 0 sec", "s", "Sleeping for 1 min 30 sec", "Cancelling nested steps due to timeout",
				"Error when executing always post condition:", "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException", "", "c",
				"Timeout has been exceeded", "Finished: ABORTED",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &fakeHost{shell: waiting}
				out := engine.Run(t.Context(), parse(t, c.src), someBuild(), h, bot.SystemClock{})
				if out.Result != c.result {
					t.Errorf("result %s, want %s", out.Result, c.result)
				}
				wantLines(t, h.lines, c.want...)
			})
		})
	}
}

// TestParallel: branches run side by side; what fails first counts.
func TestParallel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHost{}
		src := pipeline(`stage('All') { failFast true
parallel {
  stage('Fast') { steps { sleep 1; error 'broke' } }
  stage('Slow') { steps { sleep 60; echo 'never' }; post { aborted { echo 'slow aborted' } } }
  stage('Done') { steps { echo 'done' } }
} }`)
		started := time.Now()
		out := engine.Run(t.Context(), parse(t, src), someBuild(), h, bot.SystemClock{})
		if took := time.Since(started); took != time.Second {
			t.Errorf("took %v, want a second", took)
		}
		if out.Result != "FAILURE" || out.Failure.Message != "broke" {
			t.Errorf("result %s, failure %+v", out.Result, out.Failure)
		}
		status := map[string]engine.Status{}
		for _, s := range out.Stages[1].Children {
			status[s.Name] = s.Status
		}
		if got := fmt.Sprint(status); got != "map[Done:SUCCESS Fast:FAILED Slow:ABORTED]" || out.Stages[1].Status != "SUCCESS" {
			t.Errorf("branches %s in %s", got, out.Stages[1].Status)
		}
		if !slices.Contains(h.lines, "slow aborted") || !slices.Contains(h.lines, "Failed in branch Fast") {
			t.Errorf("log %q", h.lines)
		}
	})
}

// TestMessages: chat steps become messages; a chat that is down fails the step
// only when asked to.
func TestMessages(t *testing.T) {
	t.Parallel()
	h := &fakeHost{}
	out := runOn(t, h, steps("slackSend channel: '#ops', color: 'good', message: \"built ${env.BUILD_NUMBER}\"", "mattermostSend message: 'plain'"))
	want := []engine.Message{
		{Step: "slackSend", Channel: "#ops", Color: "good", Text: "built 3"}, {Step: "mattermostSend", Text: "plain"},
	}
	if !slices.Equal(h.messages, want) || out.Result != "SUCCESS" {
		t.Errorf("messages %+v, result %s", h.messages, out.Result)
	}
	h = &fakeHost{send: errors.New("no room")}
	if out := runOn(t, h, steps("slackSend message: 'a'", "echo 'on'")); out.Result != "SUCCESS" || !slices.Contains(h.lines, "on") {
		t.Errorf("result %s, log %q", out.Result, h.lines)
	}
	if out := runOn(t, h, steps("slackSend message: 'a', failOnError: true")); out.Result != "FAILURE" {
		t.Errorf("result %s", out.Result)
	}
}

// TestSecrets: a credential is in the environment and nowhere in the log.
func TestSecrets(t *testing.T) {
	t.Parallel()
	h := &fakeHost{shell: func(_ context.Context, s engine.Script) (engine.Exit, error) {
		fmt.Fprintf(s.Stdout, "token is %s\n", s.Env[slices.IndexFunc(s.Env, func(e string) bool { return strings.HasPrefix(e, "TOKEN=") })])
		return engine.Exit{}, nil
	}}
	build := someBuild()
	build.Secrets = map[string]engine.Secret{"deploy": {Kind: engine.SecretText, Value: "hunter2"}}
	src := pipeline("stage('S') { steps { sh 'x'; echo \"and ${TOKEN}\" } }", "environment { TOKEN = credentials('deploy') }")
	out := engine.Run(t.Context(), parse(t, src), build, h, &stubClock{})
	if out.Result != "SUCCESS" {
		t.Errorf("result %s", out.Result)
	}
	wantLines(t, h.lines, "Masking supported pattern matches of $TOKEN", "token is TOKEN=****", "and ****", "Finished: SUCCESS")
}

// TestHostErrors: an error of the host fails the build; it does not end the engine.
func TestHostErrors(t *testing.T) {
	t.Parallel()
	h := &fakeHost{broken: errors.New("no such repository")}
	out := runOn(t, h, pipeline("stage('S') { steps { echo 'never' } }", "post { always { echo 'post' } }"))
	wantLines(t, h.lines, "post", "java.io.IOException: no such repository", "Finished: FAILURE")
	if len(out.Stages) != 2 || out.Stages[0].Status != "FAILED" {
		t.Errorf("stages %+v", out.Stages)
	}
	h = &fakeHost{shell: func(context.Context, engine.Script) (engine.Exit, error) {
		return engine.Exit{}, errors.New("no shell")
	}}
	if out := runOn(t, h, steps("sh 'x'")); out.Result != "FAILURE" || out.Failure.Message != "no shell" {
		t.Errorf("outcome %+v", out)
	}
}

// TestEnvironment is what a script gets.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	var env []string
	h := &fakeHost{shell: func(_ context.Context, s engine.Script) (engine.Exit, error) {
		env = s.Env
		return engine.Exit{}, nil
	}}
	src := pipeline("stage('S') { environment { B = 'stage' }\nsteps { script { env.C = 'set' }; withEnv(['PATH+X=/x', 'D=']) { sh 'x' } } }",
		"environment { A = \"${B}!\"\nB = 'pipeline'\nD = 'd'\nE = '' }")
	if out := runOn(t, h, src); out.Result != "SUCCESS" {
		t.Fatalf("outcome %+v", out.Failure)
	}
	for _, want := range []string{
		"A=pipeline!", "B=stage", "C=set", "PATH=/x:/bin", "HOME=/root", "STAGE_NAME=S", "WORKSPACE=/ws", "GIT_COMMIT=c0ffee",
		"GIT_BRANCH=feature/login", "JOB_NAME=shop/feature%2Flogin", "BUILD_TAG=jenkins-shop-feature%2Flogin-3",
		"BUILD_URL=http://ci.example.com/job/shop/job/feature%252Flogin/3/", "CI=true", "NODE_NAME=built-in",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	for _, entry := range env {
		if strings.HasPrefix(entry, "D=") || strings.HasPrefix(entry, "E=") || strings.HasPrefix(entry, "TAG_NAME=") {
			t.Errorf("%s is set", entry)
		}
	}
}

// TestParameterDefaults: scripts see them from the second build on, params always.
func TestParameterDefaults(t *testing.T) {
	t.Parallel()
	src := pipeline("stage('S') { steps { echo \"${params.WHO} ${env.WHO} ${params.LOUD} ${env.LOUD} ${env.NONE}\" } }",
		"parameters { string(name: 'WHO', defaultValue: \"to ${'you'}\"); booleanParam(name: 'LOUD', defaultValue: true); string(name: 'NONE') }")
	for number, want := range map[int]string{1: "to you null true null null", 2: "to you to you true true null"} {
		h, build := &fakeHost{}, someBuild()
		build.Number = number
		engine.Run(t.Context(), parse(t, src), build, h, &stubClock{})
		wantLines(t, h.lines, want, "Finished: SUCCESS")
	}
	h, build := &fakeHost{}, someBuild()
	build.Number, build.Parameters = 1, map[string]string{"WHO": "ada", "LOUD": "false"}
	engine.Run(t.Context(), parse(t, src), build, h, &stubClock{})
	wantLines(t, h.lines, "ada ada false false null", "Finished: SUCCESS")
}

// TestPostConditions: which blocks run after which two results, in which order.
func TestPostConditions(t *testing.T) {
	t.Parallel()
	blocks := "cleanup { echo 'cleanup' }\nfixed { echo 'fixed' }\nchanged { echo 'changed' }\nregression { echo 'regression' }\n" +
		"success { echo 'success' }\nunstable { echo 'unstable' }\nfailure { echo 'failure' }\nunsuccessful { echo 'unsuccessful' }\nnotBuilt { echo 'notBuilt' }"
	for _, c := range []struct {
		before engine.Result
		step   string
		want   string
	}{
		{"", "echo 'x'", "changed success cleanup"},
		{"SUCCESS", "echo 'x'", "success cleanup"},
		{"FAILURE", "echo 'x'", "changed fixed success cleanup"},
		{"UNSTABLE", "echo 'x'", "changed fixed success cleanup"},
		{"ABORTED", "echo 'x'", "changed success cleanup"},
		{"SUCCESS", "unstable 'x'", "changed regression unsuccessful unstable cleanup"},
		{"FAILURE", "unstable 'x'", "changed unsuccessful unstable cleanup"},
		{"UNSTABLE", "error 'x'", "changed regression unsuccessful failure cleanup"},
		{"FAILURE", "error 'x'", "unsuccessful failure cleanup"},
		{"SUCCESS", "script { currentBuild.result = 'NOT_BUILT' }", "changed regression unsuccessful notBuilt cleanup"},
	} {
		t.Run(string(c.before)+" "+c.step, func(t *testing.T) {
			t.Parallel()
			h, build := &fakeHost{}, someBuild()
			if c.before != "" {
				build.Previous = &engine.Previous{Number: 2, Result: c.before}
			}
			engine.Run(t.Context(), parse(t, pipeline("stage('S') { steps { "+c.step+" } }", "post { "+blocks+" }")), build, h, &stubClock{})
			var got []string
			for _, line := range h.lines {
				if strings.Contains(blocks, "'"+line+"'") && line != "" {
					got = append(got, line)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("ran %q, want %s", got, c.want)
			}
		})
	}
}

package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

// TestOptionFlows: of retry, timestamps and the rest of options.
func TestOptionFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"retry of the pipeline": {
			"def n = 0\n" + pipeline("stage('S') { steps { script { n++; if (n < 3) { error \"try ${n}\" } } } }\nstage('T') { steps { echo 't' } }",
				"options { retry(3) }", "post { success { echo 'success' }; failure { echo 'failure' } }"),
			"SUCCESS", "",
			[]string{
				`Stage "T" skipped due to earlier failure(s)`, "failure", "ERROR: try 1", "Retrying",
				`Stage "T" skipped due to earlier failure(s)`, "failure", "ERROR: try 2", "Retrying", "t", "success",
			},
		},
		"retry of the pipeline in vain": {
			pipeline("stage('S') { steps { error 'no' } }", "options { retry(2) }"), "FAILURE", "",
			[]string{"ERROR: no", "Retrying", "ERROR: no"},
		},
		"retry of a stage that throws": {
			"def n = 0\n" + pipeline("stage('S') { options { retry(2) }\nsteps { script { n++; if (n < 2) { throw new RuntimeException('once') } } } }"), "SUCCESS", "",
			[]string{"ERROR: Execution failed", "java.lang.RuntimeException: once", "Retrying"},
		},
		"accepted": {
			pipeline("stage('S') { options { skipDefaultCheckout() }\nsteps { echo 's' } }",
				"options { disableConcurrentBuilds(); buildDiscarder(logRotator(numToKeepStr: '5', daysToKeepStr: '3')) }"),
			"SUCCESS", "",
			[]string{"s"},
		},
	})
}

// TestTimestamps: before each line inside, and before no other.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)}
	const stamp = "[2026-03-04T05:06:07.008Z] "
	h := &fakeHost{}
	engine.Run(t.Context(), parse(t, pipeline("stage('S') { steps { sh 'x'; error 'no' } }", "options { timestamps() }", "post { always { echo 'p' } }")), someBuild(), h, clock)
	wantLines(t, h.lines, stamp+"ran x in /ws", stamp+"p", "ERROR: no", "Finished: FAILURE")
	h = &fakeHost{}
	engine.Run(t.Context(), parse(t, steps("timestamps { echo 'a' }", "echo 'b'")), someBuild(), h, clock)
	wantLines(t, h.lines, stamp+"a", "b", "Finished: SUCCESS")
}

// TestConditionFlows: of when with parameters, and of what a computed default is.
func TestConditionFlows(t *testing.T) {
	t.Parallel()
	const declared = "parameters { booleanParam(name: 'SHIP', defaultValue: true); choice(name: 'TO', choices: \"${'p'}\\nq\"); string(name: 'WHO', defaultValue: 'ada') }"
	const skipped = `Stage "S" skipped due to when conditional`
	for when, runs := range map[string]bool{
		"expression { params.SHIP }": true,
		"expression { return params.TO == 'p' && params.WHO.startsWith('a') }":                   true,
		"not { expression { params.SHIP } }":                                                     false,
		"allOf { expression { params.SHIP }; branch 'feature/*' }":                               true,
		"allOf { expression { params.SHIP }; branch 'main' }":                                    false,
		"anyOf { branch 'main'; environment name: 'CI', value: 'true' }":                         true,
		"anyOf { branch 'main'; not { environment name: 'CI', value: 'true' } }":                 false,
		"equals expected: 'p', actual: params.TO":                                                true,
		"not { anyOf { branch 'main'; equals expected: 3, actual: currentBuild.number } }":       false,
		"beforeAgent true; expression { params.NONE }":                                           false,
		"environment ignoreCase: true, name: 'BRANCH_NAME', value: 'FEATURE/LOGIN'":              true,
		"allOf { not { not { branch 'feature/login' } }; expression { 'text' }; buildingTag() }": false,
	} {
		log := []string{skipped}
		if runs {
			log = []string{"ran"}
		}
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			flow{pipeline("stage('S') { when { "+when+" }\nsteps { echo 'ran' } }", declared), "SUCCESS", "", log}.run(t)
		})
	}
}

// TestSoftenedFlows: catchError, warnError and unstable, in stages and side by side.
func TestSoftenedFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"stage fails, build is unstable": {
			steps("catchError(buildResult: 'UNSTABLE', stageResult: 'FAILURE', message: 'soft') { error 'x' }", "echo 'on'"),
			"UNSTABLE", "Declarative: Checkout SCM=SUCCESS S=FAILED",
			[]string{"ERROR: soft", "ERROR: x", "Setting overall build result to UNSTABLE", "on"},
		},
		"build stays as it is": {
			steps("catchError(buildResult: 'SUCCESS', stageResult: 'UNSTABLE') { error 'x' }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=UNSTABLE",
			[]string{"ERROR: x"},
		},
		"wrong result": {
			steps("catchError(buildResult: 'FINE') { error 'x' }"), "FAILURE", "",
			[]string{"java.lang.IllegalArgumentException: buildResult is invalid: FINE"},
		},
		"unstable stage, later post": {
			pipeline("stage('A') { steps { unstable 'hm' } }\nstage('B') { steps { echo 'b' }\npost { success { echo 'no' }; unstable { echo 'yes' } } }"),
			"UNSTABLE", "Declarative: Checkout SCM=SUCCESS A=UNSTABLE B=SUCCESS",
			[]string{"WARNING: hm", "b", "Post stage", "yes"},
		},
		"warnError around a timeout's abort": {
			steps("warnError('late') { error '' }"), "UNSTABLE", "Declarative: Checkout SCM=SUCCESS S=UNSTABLE",
			[]string{"ERROR: late", "ERROR: ", "Setting overall build result to UNSTABLE"},
		},
	})
}

// TestMatrixFailFast: the cells beside one that failed are interrupted, and the build
// is still a failure.
func TestMatrixFailFast(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	h := &fakeHost{shell: func(ctx context.Context, s engine.Script) (engine.Exit, error) {
		if s.Text == "wait" {
			close(started)
			return waiting(ctx, s)
		}
		<-started
		return engine.Exit{Code: 1}, nil
	}}
	out := runOn(t, h, pipeline("stage('M') { failFast true\nmatrix { axes { axis { name 'A'; values 'wait', 'fail' } }\nstages { stage('C') { steps { sh \"${A}\" } } }\npost { aborted { echo \"aborted ${A}\" } } } }"))
	cells := tree(out.Stages[1].Children)
	if out.Result != "FAILURE" || !strings.Contains(cells, "A = 'wait'=SUCCESS(C=ABORTED)") && !strings.Contains(cells, "A = 'wait'=ABORTED") ||
		!slices.Contains(h.lines, "aborted wait") {
		t.Errorf("result %s, cells %s, log %q", out.Result, cells, h.lines)
	}
}

// FuzzRun: whatever a Jenkinsfile does, the engine ends and says how.
func FuzzRun(f *testing.F) {
	files, err := filepath.Glob("testdata/corpus/*/Jenkinsfile")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Add(steps("script { def v = input(message: 'x', parameters: [choice(name: 'A', choices: [])]); echo \"${v}\" }"))
	f.Add(steps("withCredentials([string(credentialsId: 'token', variable: 'A')]) { sh A }"))
	f.Fuzz(func(t *testing.T, src string) {
		file, errs := jenkinsfile.Parse([]byte(src))
		if len(errs) > 0 {
			return
		}
		h := &fakeHost{
			files: map[string]string{},
			tests: func(engine.TestStep) (engine.Totals, error) { return engine.Totals{Total: 1, Failed: 1}, nil },
			ask: func(context.Context, bot.Input) (bot.InputAnswer, error) {
				return bot.InputAnswer{Proceed: len(src)%2 == 0, By: "ada"}, nil
			},
		}
		// Cut off by its host if it goes on for long: the bounds of the engine are wider
		// than a fuzzer's patience.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		out := engine.Run(ctx, file, withSecrets(), h, &stubClock{})
		if out.Incomplete && ctx.Err() == nil || !out.Incomplete && out.Result == "" {
			t.Errorf("outcome %+v", out)
		}
		if h.held != 0 {
			t.Errorf("%d workspaces are still held", h.held)
		}
	})
}

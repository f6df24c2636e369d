package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"opsbot/integrations/localci/engine"
)

// tree writes stages with their status, inner ones in parentheses.
func tree(stages []*engine.Stage) string {
	parts := make([]string, len(stages))
	for i, s := range stages {
		parts[i] = s.Name + "=" + string(s.Status)
		if len(s.Children) > 0 {
			parts[i] += "(" + tree(s.Children) + ")"
		}
	}
	return strings.Join(parts, " ")
}

// flow is a pipeline with what stages run, what they come to and what the build comes
// to; no stages or no log means that they are not compared.
type flow struct {
	src    string
	result engine.Result
	stages string
	log    []string
}

// run runs the flow on a host whose scripts pass and whose tests fail once.
func (c flow) run(t *testing.T) {
	t.Helper()
	h := &fakeHost{tests: func(engine.TestStep) (engine.Totals, error) {
		return engine.Totals{Total: 3, Passed: 2, Failed: 1}, nil
	}}
	out := runOn(t, h, c.src)
	if out.Result != c.result {
		t.Errorf("result %s, want %s: %+v", out.Result, c.result, out.Failure)
	}
	if got := tree(out.Stages); c.stages != "" && got != c.stages {
		t.Errorf("stages %s, want %s", got, c.stages)
	}
	if c.log != nil {
		wantLines(t, h.lines, append(slices.Clone(c.log), "Finished: "+string(c.result))...)
	}
}

func runFlows(t *testing.T, flows map[string]flow) {
	t.Helper()
	for name, c := range flows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// TestScriptedFlows: around a pipeline, and without one.
func TestScriptedFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"empty file":    {"", "SUCCESS", "", nil},
		"only comments": {"// nothing\n/* here */", "SUCCESS", "", nil},
		"code around": {
			"def v = 'x'\necho 'before'\n" + strings.TrimSuffix(steps("echo v"), "\n") + "\necho 'after'\n", "SUCCESS",
			"Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"before", "x", "after"},
		},
		"failure before the pipeline": {"error 'no'\n" + steps("echo 'x'"), "FAILURE", "", []string{"ERROR: no"}},
		"failure ends the code behind": {
			steps("error 'no'") + "echo 'after'\n", "FAILURE", "Declarative: Checkout SCM=SUCCESS S=FAILED", []string{"ERROR: no"},
		},
		"scripted": {
			"node('built-in') {\nstage('A') { checkout scm\n sh 'a' }\nstage('B') { stage('C') { echo 'c' } }\n}", "SUCCESS",
			"A=SUCCESS B=SUCCESS(C=SUCCESS)",
			[]string{"ran a in /ws", "c"},
		},
		"return before the pipeline": {
			"if (env.BRANCH_NAME.startsWith('feature')) {\n  echo 'not here'\n  return\n}\n" + steps("echo 'x'"), "SUCCESS", "",
			[]string{"not here"},
		},
		"scripted failure": {
			"node { stage('A') { error 'no' }\nstage('B') { echo 'b' } }", "FAILURE", "A=FAILED", []string{"ERROR: no"},
		},
		"scripted sh without node": {
			"sh 'a'", "FAILURE", "",
			[]string{
				"org.jenkinsci.plugins.workflow.steps.MissingContextVariableException: Required context class hudson.FilePath is missing",
				"Perhaps you forgot to surround the step with a step that provides this, such as: node",
			},
		},
		"scripted parallel": {
			"parallel a: { echo 'a' }, b: { echo 'b' }", "SUCCESS", "", nil,
		},
	})
}

// TestStageFlows: of stages inside and after one another.
func TestStageFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"nested failure": {
			pipeline("stage('O') { stages { stage('I') { steps { error 'no' } }\nstage('J') { steps { echo 'j' } } }\npost { failure { echo 'of O' } } }\nstage('N') { steps { echo 'n' } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS O=SUCCESS(I=FAILED J=FAILED) N=FAILED",
			[]string{`Stage "J" skipped due to earlier failure(s)`, "Post stage", "of O", `Stage "N" skipped due to earlier failure(s)`, "ERROR: no"},
		},
		"skipped with inner ones after a failure": {
			pipeline("stage('F') { steps { error 'no' } }\nstage('O') { parallel { stage('L') { steps { echo 'l' } }\nstage('R') { steps { echo 'r' } } } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS F=FAILED O=FAILED(L=FAILED R=FAILED)",
			[]string{`Stage "O" skipped due to earlier failure(s)`, `Stage "O" skipped due to earlier failure(s)`, `Stage "O" skipped due to earlier failure(s)`, "ERROR: no"},
		},
		"failure in a stage's post": {
			pipeline("stage('A') { steps { echo 'a' }\npost { success { error 'late' }\n failure { echo 'then failure' } } }\nstage('B') { steps { echo 'n' } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS A=FAILED B=FAILED",
			[]string{
				"a", "Post stage", "Error when executing success post condition:", "hudson.AbortException: late", "", "then failure",
				`Stage "B" skipped due to earlier failure(s)`, "ERROR: late",
			},
		},
		"when fails": {
			pipeline("stage('A') { when { expression { error 'cannot tell' } }\nsteps { echo 'a' }\npost { always { echo 'p' } } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS A=FAILED",
			[]string{"ERROR: cannot tell"},
		},
		"when sees no environment of its stage": {
			pipeline("stage('A') { environment { M = 'x' }\nwhen { environment name: 'M', value: 'x' }\nsteps { echo 'a' } }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS A=NOT_EXECUTED",
			[]string{`Stage "A" skipped due to when conditional`},
		},
		"when with comparators": {
			pipeline("stage('A') { when { branch pattern: 'feat.*', comparator: 'REGEXP' }\nsteps { echo 'a' } }\nstage('B') { when { branch pattern: 'feature/*', comparator: 'EQUALS' }\nsteps { echo 'b' } }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS A=SUCCESS B=NOT_EXECUTED",
			[]string{"a", `Stage "B" skipped due to when conditional`},
		},
		"when never for a branch": {
			pipeline("stage('A') { when { anyOf { buildingTag(); tag 'v*'; changeRequest() } }\nsteps { echo 'a' } }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS A=NOT_EXECUTED",
			[]string{`Stage "A" skipped due to when conditional`},
		},
		"matrix": {
			pipeline("stage('M') { matrix {\naxes { axis { name 'A'; values '1', '2' }\naxis { name 'B'; values 'x', 'y' } }\nexcludes { exclude { axis { name 'A'; values '1' }\naxis { name 'B'; notValues 'x' } } }\nwhen { not { environment name: 'B', value: 'y' } }\nstages { stage('C') { steps { sh \"${A}${B}\" } } } } }"),
			"SUCCESS", "", nil,
		},
	})
}

// TestVariableFlows: of environment, parameters and the build's own properties.
func TestVariableFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"environment fails": {
			pipeline("stage('A') { steps { echo 'a' } }", "environment { X = \"${NOPE}\" }", "post { always { echo 'p' } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS Declarative: Post Actions=SUCCESS",
			[]string{"p", "groovy.lang.MissingPropertyException: No such property: NOPE for class: groovy.lang.Binding"},
		},
		"stage's environment fails": {
			pipeline("stage('A') { environment { X = \"${NOPE}\" }\nsteps { echo 'a' }\npost { always { echo 'p' } } }"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS A=FAILED",
			[]string{"Post stage", "p", "groovy.lang.MissingPropertyException: No such property: NOPE for class: groovy.lang.Binding"},
		},
		"circular environment": {
			pipeline("stage('A') { steps { echo \"${X}\" } }", "environment { X = \"${env.Y}x\"\nY = \"${env.X}y\" }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS A=SUCCESS",
			[]string{"nullyx"},
		},
		"description": {
			steps("script { currentBuild.displayName = 'v1'; currentBuild.description = 'note' }", "echo \"${currentBuild.displayName} ${currentBuild.description}\""),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"v1 note"},
		},
		"result is only made worse": {
			steps("script { currentBuild.result = 'FAILURE'; currentBuild.result = 'UNSTABLE' }", "echo currentBuild.result"),
			"FAILURE", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"FAILURE"},
		},
		"parameters": {
			pipeline("stage('S') { steps { echo \"${params.A} ${params.B} ${params.C} ${params.D} ${params.E}\" } }",
				"parameters { string(name: 'A', defaultValue: 'a'); booleanParam(name: 'B', defaultValue: true); choice(name: 'C', choices: ['x', 'y']); choice(name: 'D', choices: 'p\\nq'); text(name: 'E') }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"a true x p "},
		},
	})
}

// TestStepFlows: of steps.
func TestStepFlows(t *testing.T) {
	t.Parallel()
	runFlows(t, map[string]flow{
		"unstable then failure": {
			steps("unstable 'hm'", "error 'no'"), "FAILURE", "Declarative: Checkout SCM=SUCCESS S=FAILED", []string{"WARNING: hm", "ERROR: no"},
		},
		"warning without result": {
			steps("catchError(buildResult: null, stageResult: 'UNSTABLE') { error 'x' }", "warnError('careful') { echo 'fine' }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=UNSTABLE",
			[]string{"ERROR: x", "fine"},
		},
		"retry": {
			steps("script { def n = 0\nretry(3) { n++\nif (n < 3) { error \"try ${n}\" } else { echo 'made it' } } }"),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"ERROR: try 1", "Retrying", "ERROR: try 2", "Retrying", "made it"},
		},
		"dir": {
			steps("dir('a/b') { sh 'x'; dir('../c') { sh 'y' } }", "sh 'z'"), "SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"Running in /ws/a/b", "ran x in /ws/a/b", "Running in /ws/a/c", "ran y in /ws/a/c", "ran z in /ws"},
		},
		"files": {
			steps("writeFile file: 'd/a.txt', text: 'hi'", "echo \"${readFile('d/a.txt')} ${fileExists 'd/a.txt'} ${fileExists('b')}\"", "dir('d') { deleteDir() }",
				"echo \"${fileExists('d/a.txt')} ${pwd()} ${isUnix()}\""),
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"hi true false", "Running in /ws/d", "false /ws true"},
		},
		"custom workspace": {
			"pipeline { agent { node { label 'built-in'; customWorkspace 'corner' } }\nstages { stage('S') { steps { sh 'x' } } } }",
			"SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"Running in /corner", "ran x in /corner"},
		},
		"empty script": {
			steps("sh ''", "echo \"[${sh script: '', returnStatus: true}]\""), "SUCCESS", "Declarative: Checkout SCM=SUCCESS S=SUCCESS",
			[]string{"Warning: was asked to run an empty script", "Warning: was asked to run an empty script", "[0]"},
		},
		"tests and artifacts": {
			steps("junit 'a.xml'", "archiveArtifacts 'b.txt,a.txt'", "archiveArtifacts artifacts: 'a.txt'"), "UNSTABLE",
			"Declarative: Checkout SCM=SUCCESS S=UNSTABLE",
			[]string{"Recording test results", "Archiving artifacts", "Archiving artifacts"},
		},
	})
}

// TestMatrixCells: excludes take cells out, and a cell's when skips it.
func TestMatrixCells(t *testing.T) {
	t.Parallel()
	h := &fakeHost{}
	out := runOn(t, h, pipeline("stage('M') { matrix {\naxes { axis { name 'A'; values '1', '2' }\naxis { name 'B'; values 'x', 'y' } }\n"+
		"excludes { exclude { axis { name 'A'; values '1' }\naxis { name 'B'; notValues 'x' } } }\n"+
		"when { not { environment name: 'B', value: 'y' } }\nstages { stage('C') { steps { sh \"${A}${B}\" } } } } }"))
	cells := map[string]engine.Status{}
	for _, s := range out.Stages[1].Children {
		cells[s.Name] = s.Status
	}
	want := "map[M - A = '1', B = 'x':SUCCESS M - A = '2', B = 'x':SUCCESS M - A = '2', B = 'y':NOT_EXECUTED]"
	if got := fmt.Sprint(cells); got != want {
		t.Errorf("cells %s, want %s", got, want)
	}
}

// TestOutcomeAddsUp: several steps of a kind add up.
func TestOutcomeAddsUp(t *testing.T) {
	t.Parallel()
	h := &fakeHost{tests: func(s engine.TestStep) (engine.Totals, error) {
		return engine.Totals{Total: len(s.Pattern), Passed: len(s.Pattern)}, nil
	}}
	out := runOn(t, h, steps("junit 'a'", "junit testResults: 'bcd', allowEmptyResults: true", "archiveArtifacts 'z,a'", "archiveArtifacts 'a'"))
	if out.Tests == nil || out.Tests.Total != 4 || !slices.Equal(out.Artifacts, []string{"a", "z"}) || out.Result != "SUCCESS" {
		t.Errorf("outcome %+v, tests %+v", out, out.Tests)
	}
}

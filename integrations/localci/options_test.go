package localci

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
)

const alone = `pipeline {
    agent none
    options { disableConcurrentBuilds(OPTION); buildDiscarder(logRotator(numToKeepStr: '1')) }
    stages { stage('Ask') { steps { input 'Go on?' } } }
}`

// A branch that wants its builds one after the other has them so, and keeps no more
// of them than it asks for.
func TestBuildsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, strings.Replace(alone, "OPTION", "", 1))
	serve(t, b.Service)
	q := b.asked(t, 1)
	b.build(t, "main")
	b.store.await(t, "the word on why #2 waits", func() bool {
		build := b.status(t, "main", 2)
		return build.State == bot.BuildQueued && strings.Contains(build.Message, "Waiting for build #1 to end")
	})
	if err := b.AnswerInput(t.Context(), b.ref("main", 1), bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob"}); err != nil {
		t.Fatal(err)
	}
	q = b.asked(t, 2)
	if first := b.status(t, "main", 1); first.Result != bot.ResultSuccess {
		t.Errorf("#1 is %s %s", first.State, first.Result)
	}
	if err := b.AnswerInput(t.Context(), b.ref("main", 2), bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob"}); err != nil {
		t.Fatal(err)
	}
	b.finished(t, "main", 2)
	if _, err := b.Status(t.Context(), b.ref("main", 1)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("#1 is still kept: %v", err)
	}
}

// With abortPrevious a new build ends the one before.
func TestBuildIsSuperseded(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, strings.Replace(strings.Replace(alone, "OPTION", "abortPrevious: true", 1), "'1'", "'9'", 1))
	serve(t, b.Service)
	b.asked(t, 1)
	b.build(t, "main")
	first := b.finished(t, "main", 1)
	if first.Result != bot.ResultNotBuilt || first.Message != "Superseded by #2" || !strings.Contains(b.logOf(t, "main", 1), "Superseded by #2\nFinished: NOT_BUILT\n") {
		t.Errorf("#1 is %s: %s", first.Result, first.Message)
	}
	b.asked(t, 2)
}

// Parameters are checked before a build is queued.
func TestParametersAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": `pipeline {
    agent any
    parameters {
        string(name: 'WHO', defaultValue: 'world')
        booleanParam(name: 'LOUD', defaultValue: true)
        choice(name: 'COLOUR', choices: ['red', 'green'])
    }
    stages { stage('S') { steps { echo 's' } } }
}`})
	b.repo.commit(t, "plain", map[string]string{"Jenkinsfile": "pipeline {\n agent any\n stages { stage('S') { steps { echo 's' } } }\n}\n"})
	b.repo.commit(t, "broken", map[string]string{"Jenkinsfile": "pipeline {"})
	for _, c := range []struct{ branch, name, value, want string }{
		{"main", "WHO", "ada = x", ""},
		{"main", "LOUD", "Yes", ""},
		{"main", "COLOUR", "green", ""},
		{"broken", "ANY", "x", ""},
		{"main", "COLOR", "red", "The Jenkinsfile of main has no parameter COLOR; it has WHO, LOUD (true or false), COLOUR (red or green). Did you mean COLOUR?"},
		{"main", "COLOUR", "blue", `COLOUR takes red or green; "blue" is none of them.`},
		{"main", "LOUD", "maybe", `LOUD takes true or false, not "maybe".`},
		{"plain", "WHO", "ada", "The Jenkinsfile of plain has no parameters, so there is no WHO to set."},
		{"main", "WHO", strings.Repeat("x", maxValues), "The parameters are larger than 64 KiB."},
	} {
		ref, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job, Branch: c.branch, Parameters: map[string]string{c.name: c.value}})
		if c.want != "" {
			if bot.MessageOf(err) != c.want {
				t.Errorf("%s %s=%.20s gives %q, want %q", c.branch, c.name, c.value, bot.MessageOf(err), c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s=%s: %v", c.branch, c.name, c.value, err)
			continue
		}
		want := strings.Replace(c.value, "Yes", "true", 1)
		if build := b.status(t, ref.Branch, ref.Number); build.Parameters[c.name] != want {
			t.Errorf("%s is %q, want %q", c.name, build.Parameters[c.name], want)
		}
	}
}

// Builds older than the Jenkinsfile wants them are not kept.
func TestBuildsGetOld(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, "pipeline {\n agent none\n options { buildDiscarder(logRotator(daysToKeepStr: '3')) }\n stages { stage('S') { steps { echo 's' } } }\n}\n")
	serve(t, b.Service)
	b.finished(t, "main", 1)
	for number := 2; number <= 3; number++ {
		b.clock.advance(2 * 24 * time.Hour)
		b.build(t, "main")
		b.finished(t, "main", number)
	}
	if _, err := b.Status(t.Context(), b.ref("main", 1)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("#1 is still kept: %v", err)
	}
	if build := b.status(t, "main", 2); build.Result != bot.ResultSuccess {
		t.Errorf("#2 is %s", build.Result)
	}
}

// TestOptions reads what holds for a branch.
func TestOptions(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]branchOptions{
		"timestamps()":                                  {},
		"disableConcurrentBuilds()":                     {Exclusive: true},
		"disableConcurrentBuilds(abortPrevious: true)":  {Exclusive: true, AbortPrevious: true},
		"disableConcurrentBuilds(abortPrevious: false)": {Exclusive: true},
		"buildDiscarder(logRotator(numToKeepStr: '5'))": {KeepBuilds: 5},
		"buildDiscarder(logRotator(numToKeepStr: '-1', daysToKeepStr: '7', artifactNumToKeepStr: '1'))": {KeepDays: 7},
		"buildDiscarder(logRotator(numToKeepStr: \"${env.N}\"))":                                        {},
	} {
		file, errs := jenkinsfile.Parse([]byte("pipeline {\n agent any\n options { " + options + " }\n stages { stage('S') { steps { echo 's' } } }\n}\n"))
		if len(errs) > 0 {
			t.Errorf("%s: %v", options, errs)
			continue
		}
		if got := optionsOf(file); got != want {
			t.Errorf("%s: %+v, want %+v", options, got, want)
		}
	}
}

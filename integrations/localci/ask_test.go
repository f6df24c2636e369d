package localci

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// pipelineBench is an instance whose branch main has the Jenkinsfile, built as #1.
func pipelineBench(t *testing.T, jenkinsfile string) *bench {
	t.Helper()
	b := &bench{store: newMemory(), clock: newStubClock(), blobs: &blobs{kept: map[string]string{}}, repo: newRepository(t)}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": jenkinsfile})
	b.Service = b.start(t, "node1:1", t.TempDir())
	if err := b.runner.Available(); err != nil {
		t.Skipf("NOT TESTED, no sandbox: %v", err)
	}
	job, err := b.EnsureJob(t.Context(), b.spec())
	if err != nil {
		t.Fatal(err)
	}
	b.job = job
	return b
}

// asked waits until the build asks something, and gives the newest question.
func (b *bench) asked(t *testing.T, number int) bot.Input {
	t.Helper()
	b.store.await(t, fmt.Sprintf("a question of #%d", number), func() bool {
		build, err := b.Status(t.Context(), b.ref("main", number))
		return err == nil && len(build.Inputs) > 0
	})
	pending, err := b.PendingInputs(t.Context(), b.ref("main", number))
	if err != nil || len(pending) == 0 {
		t.Fatalf("pending %v, %v", pending, err)
	}
	return pending[len(pending)-1]
}

func (b *bench) build(t *testing.T, branch string) {
	t.Helper()
	if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job, Branch: branch}); err != nil {
		t.Fatal(err)
	}
}

const questions = `pipeline {
    agent any
    stages {
        stage('Ask') {
            steps {
                sh 'echo before'
                script {
                    def v = input(id: 'Ship', message: 'Ship it?', ok: 'Ship', submitter: 'alice, bob', submitterParameter: 'WHO', parameters: [
                        choice(name: 'WHERE', choices: ['north', 'south'], description: 'the shore'),
                        booleanParam(name: 'LOUD', defaultValue: true), password(name: 'PIN'), string(name: 'NOTE', defaultValue: 'none')])
                    echo "${v.WHO} ${v.WHERE} ${v.LOUD} ${v.PIN} ${v.NOTE}"
                }
                sh 'echo after'
            }
        }
    }
}`

// A question is on the build while it waits; only those who may answer it, and only
// with what fits, once.
func TestInputIsAnswered(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, questions)
	serve(t, b.Service)
	q := b.asked(t, 1)
	if q.Message != "Ship it?" || q.Proceed != "Ship" || strings.Join(q.Submitters, " ") != "alice bob" || len(q.Parameters) != 4 {
		t.Errorf("the question is %+v", q)
	}
	if p := q.Parameters[0]; p.Kind != "choice" || p.Default != "north" || p.Description != "the shore" {
		t.Errorf("the choice is %+v", p)
	}
	ref := b.ref("main", 1)
	for want, a := range map[bot.Code]bot.InputAnswer{
		bot.CodeForbidden: {ID: q.ID, Proceed: true, By: "carol"},
		bot.CodeNotFound:  {ID: "Ship-7-7", Proceed: true, By: "alice"},
		bot.CodeInvalid:   {ID: q.ID, Proceed: true, By: "alice", Values: map[string]string{"WHERE": "west"}},
	} {
		if err := b.AnswerInput(t.Context(), ref, a); bot.CodeOf(err) != want {
			t.Errorf("%+v: %v, want %s", a, err, want)
		}
	}
	answer := bot.InputAnswer{ID: q.ID, Proceed: true, By: "Alice", Values: map[string]string{"WHERE": "south", "LOUD": "no", "PIN": "hush-4711"}}
	if err := b.AnswerInput(t.Context(), ref, answer); err != nil {
		t.Fatal(err)
	}
	if err := b.AnswerInput(t.Context(), ref, answer); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("the second answer gives %v", err)
	}
	build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1)
	want := "Ship it?\nInput requested\nApproved by Alice\nAlice south false **** none\n+ echo after\nafter\n"
	if build.Result != bot.ResultSuccess || len(build.Inputs) > 0 || !strings.Contains(text, want) {
		t.Errorf("build %+v, log\n%s", build, text)
	}
	b.keepsNot(t, "hush-4711")
	if b.AnswerInput(t.Context(), ref, answer) == nil {
		t.Error("a build that has ended takes an answer")
	}
}

// keepsNot fails if a value stands in the store, in an event or in what is archived.
func (b *bench) keepsNot(t *testing.T, value string) {
	t.Helper()
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	all := []any{b.store.inbox, b.blobs.kept}
	for _, doc := range b.store.docs {
		all = append(all, string(doc.Body))
	}
	for _, one := range all {
		if text, err := json.Marshal(one); err != nil || strings.Contains(string(text), value) {
			t.Errorf("%q is kept: %s %v", value, text, err)
		}
	}
}

const goOn = `pipeline {
    agent any
    stages {
        stage('Ask') {
            input { message 'Go on?'; parameters { string(name: 'WHY', defaultValue: 'because') } }
            steps { sh 'echo went $WHY' }
            post { always { echo 'stage post' } }
        }
    }
    post { aborted { echo 'was aborted' } }
}`

// While a build waits for a person its executor builds others.
func TestInputHoldsNoExecutor(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, goOn)
	b.config.Executors = 1
	b.repo.commit(t, "other", map[string]string{"Jenkinsfile": "pipeline {\n agent any\n stages { stage('S') { steps { sh 'true' } } }\n}\n"})
	serve(t, b.Service)
	q := b.asked(t, 1)
	b.build(t, "other")
	if other := b.finished(t, "other", 1); other.Result != bot.ResultSuccess {
		t.Errorf("the other build is %s: %s", other.Result, other.Message)
	}
	if err := b.AnswerInput(t.Context(), b.ref("main", 1), bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob"}); err != nil {
		t.Fatal(err)
	}
	if build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1); build.Result != bot.ResultSuccess || !strings.Contains(text, "\nwent because\n") {
		t.Errorf("build %+v, log\n%s", build, text)
	}
}

// What ends a question besides a yes.
func TestInputEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end     func(t *testing.T, b *bench, q bot.Input)
		message string
	}{
		"no": {func(t *testing.T, b *bench, q bot.Input) {
			t.Helper()
			if err := b.AnswerInput(t.Context(), b.ref("main", 1), bot.InputAnswer{ID: q.ID, By: "carol"}); err != nil {
				t.Error(err)
			}
		}, "Rejected by carol"},
		"abort": {func(t *testing.T, b *bench, _ bot.Input) {
			t.Helper()
			if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
				t.Error(err)
			}
		}, "Aborted by bob"},
		"timeout": {func(_ *testing.T, b *bench, _ bot.Input) { b.clock.advance(2 * time.Hour) }, "Timeout has been exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := pipelineBench(t, strings.Replace(goOn, "input {", "options { timeout(time: 1, unit: 'HOURS') }\n input {", 1))
			serve(t, b.Service)
			q := b.asked(t, 1)
			c.end(t, b, q)
			build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1)
			if build.Result != bot.ResultAborted || build.Message != c.message || len(build.Inputs) > 0 {
				t.Errorf("build %+v", build)
			}
			if !strings.Contains(text, "\nwas aborted\n") || !strings.Contains(text, c.message+"\n") || strings.Contains(text, "went") ||
				strings.Contains(text, "stage post") {
				t.Errorf("log\n%s", text)
			}
			err := b.AnswerInput(t.Context(), b.ref("main", 1), bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob"})
			if bot.CodeOf(err) != bot.CodeNotFound {
				t.Errorf("an answer afterwards gives %v", err)
			}
		})
	}
}

// A build that waits when OpsBot ends begins again, asks again, and says so; however
// often that happens.
func TestInputAfterRestart(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, goOn)
	dir, seen := b.env.Dir, map[string]bool{}
	var first bot.Input
	for attempt := 1; attempt <= 5; attempt++ {
		stop := serve(t, b.Service)
		q := b.asked(t, 1)
		if seen[q.ID] {
			t.Errorf("the question %s was asked before", q.ID)
		}
		seen[q.ID] = true
		if attempt == 1 {
			first = q
		} else if build := b.status(t, "main", 1); build.Message != askedAgain || build.Attempt != attempt {
			t.Errorf("attempt %d, message %q", build.Attempt, build.Message)
		}
		if attempt < 5 {
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			b.Service = b.start(t, fmt.Sprintf("node1:%d", attempt+1), dir)
			if err := b.resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ref := b.ref("main", 1)
	if err := b.AnswerInput(t.Context(), ref, bot.InputAnswer{ID: first.ID, Proceed: true, By: "bob"}); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("a button of the first attempt gives %v", err)
	}
	if w := b.get(t, b.status(t, "main", 1).URL); !strings.Contains(w.Body.String(), "waiting for an answer") ||
		!strings.Contains(w.Body.String(), "Go on?") || !strings.Contains(w.Body.String(), "proceed shop main #1") || !strings.Contains(w.Body.String(), askedAgain) {
		t.Errorf("the page is %s", w.Body)
	}
	if err := b.AnswerInput(t.Context(), ref, bot.InputAnswer{ID: b.asked(t, 1).ID, Proceed: true, By: "bob"}); err != nil {
		t.Fatal(err)
	}
	if build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1); build.Result != bot.ResultSuccess ||
		strings.Count(text, askedAgain) != 4 || strings.Count(text, "Approved by bob") != 1 {
		t.Errorf("build %+v, log\n%s", build, text)
	}
}

// Two branches of a build ask at once, each gets its own answer.
func TestInputsSideBySide(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, `pipeline {
    agent none
    stages { stage('All') { parallel {
        stage('A') { steps { echo "A ${input(message: 'A?', parameters: [string(name: 'X')])}" } }
        stage('B') { steps { echo "B ${input(message: 'B?', parameters: [string(name: 'X')])}" } }
    } } }
}`)
	serve(t, b.Service)
	ref := b.ref("main", 1)
	b.store.await(t, "both questions", func() bool { return len(b.status(t, "main", 1).Inputs) == 2 })
	for _, q := range b.status(t, "main", 1).Inputs {
		err := b.AnswerInput(t.Context(), ref, bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob", Values: map[string]string{"X": "to " + q.Message}})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.finished(t, "main", 1)
	if text := b.logOf(t, "main", 1); !strings.Contains(text, "A to A?\n") || !strings.Contains(text, "B to B?\n") {
		t.Errorf("log\n%s", text)
	}
}

// Another node may answer, but not with what must not go through the store.
func TestInputFromAnotherNode(t *testing.T) {
	t.Parallel()
	b := pipelineBench(t, questions)
	serve(t, b.Service)
	q := b.asked(t, 1)
	other := b.start(t, "node2:1", t.TempDir())
	ref := b.ref("main", 1)
	answer := bot.InputAnswer{ID: q.ID, Proceed: true, By: "bob", Values: map[string]string{"PIN": "hush-4711"}}
	if err := other.AnswerInput(t.Context(), ref, answer); bot.CodeOf(err) != bot.CodeUnavailable {
		t.Errorf("a password from another node gives %v", err)
	}
	answer.Values["PIN"] = ""
	if err := other.AnswerInput(t.Context(), ref, answer); err != nil {
		t.Fatal(err)
	}
	if build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1); build.Result != bot.ResultSuccess || !strings.Contains(text, "bob north true  none\n") {
		t.Errorf("build %+v, log\n%s", build, text)
	}
}

package jenkins

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

func asks(b bot.Build) bool { return b.State == bot.BuildRunning && len(b.Inputs) > 0 }

// everyKind is a question with a parameter of each kind.
func everyKind() *fake.Input {
	return &fake.Input{Message: "Deploy?", OK: "Yes", Parameters: []fake.Parameter{
		{Name: "WHO", Default: "me", Description: "whose it is"},
		{Name: "LOUD", Boolean: true, Default: "true"},
		{Name: "ENV", Choices: []string{"dev", "prod"}},
		{Name: "NOTES", Text: true, Default: "none"},
		{Name: "PIN", Password: true, Default: "1234"},
	}}
}

// TestInput: a build that waits says for what, in every report, and goes on when it
// is answered.
func TestInput(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Input: everyKind()})
	waiting := b.until(t, b.build(t, job, "main", "k1"), asks)
	want := []bot.Input{{ID: waiting.Inputs[0].ID, Message: "Deploy?", Proceed: "Yes", Parameters: []bot.InputParameter{
		{Name: "WHO", Kind: "string", Description: "whose it is", Default: "me"},
		{Name: "LOUD", Kind: "boolean", Default: "true"},
		{Name: "ENV", Kind: "choice", Default: "dev", Choices: []string{"dev", "prod"}},
		{Name: "NOTES", Kind: "text", Default: "none"},
		{Name: "PIN", Kind: "password"},
	}}}
	if waiting.Message != "" || !reflect.DeepEqual(waiting.Inputs, want) || waiting.Stages[0].Status != "IN_PROGRESS" {
		t.Errorf("%+v", waiting)
	}
	all, err := b.PendingInputs(t.Context(), waiting.Ref)
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Fatalf("%+v, %v", all, err)
	}
	answer := bot.InputAnswer{ID: want[0].ID, Proceed: true, By: "alice"}
	for _, c := range []struct {
		values map[string]string
		says   string
	}{
		{map[string]string{"WHOM": "x"}, "Did you mean WHO?"},
		{map[string]string{"ENV": "prd"}, "Did you mean prod?"},
		{map[string]string{"LOUD": "perhaps"}, "true or false"},
	} {
		answer.Values = c.values
		err := b.AnswerInput(t.Context(), waiting.Ref, answer)
		wantCode(t, err, bot.CodeInvalid)
		if text := bot.MessageOf(err); !strings.Contains(text, c.says) {
			t.Error(text)
		}
	}
	answer.Values = map[string]string{"WHO": "alice & bob", "ENV": "prod"}
	if err := b.AnswerInput(t.Context(), waiting.Ref, answer); err != nil {
		t.Fatal(err)
	}
	done := b.until(t, waiting.Ref, finished)
	if done.Result != bot.ResultSuccess || done.Sequence <= waiting.Sequence || done.Inputs != nil {
		t.Errorf("%+v", done)
	}
	log := readLog(t, b, done.Ref, 0)
	for _, line := range []string{"WHO=alice & bob", "LOUD=true", "ENV=prod", "NOTES=none", "PIN=<DEFAULT>"} {
		if !strings.Contains(log, "Answered "+line+"\n") {
			t.Errorf("no %s in %s", line, log)
		}
	}
	wantCode(t, b.AnswerInput(t.Context(), waiting.Ref, answer), bot.CodeNotFound)
	wantCode(t, b.AnswerInput(t.Context(), waiting.Ref, bot.InputAnswer{ID: "../stop"}), bot.CodeNotFound)
}

// TestInputRejected tells who did it, which Jenkins does not know.
func TestInputRejected(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Input: &fake.Input{Message: "Deploy?"}})
	waiting := b.until(t, b.build(t, job, "main", "k1"), asks)
	if err := b.AnswerInput(t.Context(), waiting.Ref, bot.InputAnswer{ID: waiting.Inputs[0].ID, By: "carol"}); err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, waiting.Ref, finished); got.Result != bot.ResultAborted || got.Message != "Rejected by carol" {
		t.Errorf("%+v", got)
	}
}

// TestInputOfOthers: who may answer is Jenkins' to say.
func TestInputOfOthers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Input: &fake.Input{Message: "Deploy?", Submitter: "dora"}})
	waiting := b.until(t, b.build(t, job, "main", "k1"), asks)
	err := b.AnswerInput(t.Context(), waiting.Ref, bot.InputAnswer{ID: waiting.Inputs[0].ID, Proceed: true, By: "carol"})
	wantCode(t, err, bot.CodeForbidden)
	if text := bot.MessageOf(err); !strings.Contains(text, "You need to be dora") || !strings.Contains(text, waiting.URL+"input/") {
		t.Error(text)
	}
}

// TestPollSeesQuestions: each one, and that it was answered, though the stage it is
// asked in looks the same as before.
func TestPollSeesQuestions(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Lasts: time.Hour, Input: &fake.Input{Message: "One?", Next: &fake.Input{Message: "Two?"}}})
	ref := b.until(t, b.build(t, job, "main", "k"), asks).Ref
	var told []string
	last := int64(0)
	for _, want := range []string{"One?", "Two?", ""} {
		events := b.polled(t)
		e := events[len(events)-1]
		if e.Type != bot.EventBuildProgress || e.Sequence <= last {
			t.Errorf("%v", says(events))
		}
		last = e.Sequence
		told = append(told, "")
		if len(e.Build.Inputs) > 0 {
			told[len(told)-1] = e.Build.Inputs[0].Message
			if err := b.AnswerInput(t.Context(), ref, bot.InputAnswer{ID: e.Build.Inputs[0].ID, Proceed: true}); err != nil {
				t.Fatal(err)
			}
		}
		if got := told[len(told)-1]; got != want {
			t.Errorf("told of %q, want %q", got, want)
		}
	}
	if again := b.polled(t); len(again) != 0 {
		t.Errorf("told again: %v", says(again))
	}
}

// TestInputWithoutStageView: that a build waits is in its log; it is answered in
// Jenkins.
func TestInputWithoutStageView(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, fake.Without("pipeline-stage-view"))
	job := b.job(t, &fake.Program{Lasts: time.Hour, Input: &fake.Input{Message: "Deploy?", Next: everyKind()}})
	waiting := b.until(t, b.build(t, job, "main", "k"), func(g bot.Build) bool { return g.Message != "" })
	if waiting.Inputs != nil || waiting.Message != "Waits for input at "+waiting.URL+"input/ : Deploy?" {
		t.Errorf("%+v", waiting)
	}
	_, err := b.PendingInputs(t.Context(), waiting.Ref)
	wantCode(t, err, bot.CodeUnsupported)
	err = b.AnswerInput(t.Context(), waiting.Ref, bot.InputAnswer{ID: "X", Proceed: true})
	wantCode(t, err, bot.CodeUnsupported)
	if text := bot.MessageOf(err); !strings.Contains(text, waiting.URL+"input/") {
		t.Error(text)
	}
	b.fake.Answer("shop/main", 1) // by somebody in Jenkins
	second, err := b.Status(t.Context(), waiting.Ref)
	if err != nil || second.Sequence <= waiting.Sequence || !strings.HasSuffix(second.Message, "/input/ : Input requested") {
		t.Errorf("%+v, %v", second, err)
	}
	b.fake.Answer("shop/main", 1)
	if got, err := b.Status(t.Context(), waiting.Ref); err != nil || got.Message != "" || got.Sequence <= second.Sequence {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRecordedInput reads what a real Jenkins said.
func TestRecordedInput(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/pendingInputActions.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []inputJSON
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	got := inputsOf(all)
	if len(got) != 1 || got[0].Message != "Deploy?" || got[0].Proceed != "Yes" || !slices.Equal(got[0].Parameters[0].Choices, nil) ||
		got[0].Parameters[0].Name != "WHO" || got[0].Parameters[0].Kind != "string" || got[0].Parameters[0].Default != "me" {
		t.Errorf("%+v", got)
	}
	if form, err := all[0].form(nil); err != nil || form != `{"parameter":[{"name":"WHO","value":"me"}]}` {
		t.Errorf("%s, %v", form, err)
	}
}

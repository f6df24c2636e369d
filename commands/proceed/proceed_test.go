package proceed

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func setup(t *testing.T) (*commandtest.Rig, *Command) {
	t.Helper()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	return r, c
}

// asks has a running build wait for answers.
func asks(r *commandtest.Rig, number int, questions ...bot.Input) {
	b := r.Build(number, "main", "")
	b.Inputs, b.Sequence = questions, 2
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Builds.Put(ctx, b)
		return err
	})
}

func release() bot.Input {
	return bot.Input{ID: "Go", Message: "Release?", Proceed: "Ship it", Parameters: []bot.InputParameter{
		{Name: "WHERE", Kind: "choice", Choices: []string{"eu", "us"}},
		{Name: "DRY", Kind: "boolean", Default: "true"},
		{Name: "note", Kind: "string", Default: "none", Description: "for the log"},
	}}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Refused(c, bot.CodeNotFound, "No build of hello waits for an answer.", "name=hello")
	r.Build(1, "main", bot.ResultSuccess)
	r.Refused(c, bot.CodeConflict, "Build #1 of main does not wait for an answer (any more).", "name=hello", "number=1")
	r.Refused(c, bot.CodeNotFound, "There is no build #7 of hello; there is: #1.", "name=hello", "number=7")
	asks(r, 2, release())
	r.Refused(c, bot.CodeInvalid, `WHERE can't be "mars"; there are: eu, us.`, "name=hello", "+WHERE=mars")
	r.Refused(c, bot.CodeInvalid, "DRY must be true or false.", "name=hello", "+DRY=maybe")
	r.Refused(c, bot.CodeInvalid, "The build does not ask for WHEN; there are: WHERE, DRY, note.", "name=hello", "+WHEN=now")
	r.Refused(c, bot.CodeNotFound, `Build #2 does not ask "Stop"; there is: Go.`, "name=hello", "--input=Stop")
	r.Said(c, "name=hello", "+WHERE=us")
	op := r.Ended("proceed")
	if got := strings.Join(r.CI.Calls(), ";"); op.State != bot.OperationSucceeded || got != "Answer main #2 Go true map[DRY:true WHERE:us note:none] by alice" {
		t.Errorf("%s %s: %s", op.State, op.Error, got)
	}
	if title := (&kind{c}).Title(op); title != `Letting build \#2 of hello/main go on` {
		t.Error(title)
	}
}

func TestSeveralQuestions(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	asks(r, 2, bot.Input{ID: "A"}, bot.Input{ID: "B"})
	r.Refused(c, bot.CodeInvalid, "Build #2 asks several questions at once; say which with --input: A, B.", "name=hello")
	r.Said(c, "name=hello", "--input=B")
	if op := r.Ended("proceed"); strings.Join(r.CI.Calls(), ";") != "Answer main #2 B true map[] by alice" {
		t.Errorf("%s: %v", op.Error, r.CI.Calls())
	}
}

// TestOnlyThoseNamed: to the pipeline every answer is OpsBot's, so its list is held to here.
func TestOnlyThoseNamed(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	asks(r, 2, bot.Input{ID: "A", Submitters: []string{"bob", "carol"}})
	r.Refused(c, bot.CodeForbidden, "Build #2 takes an answer from bob, carol only.", "name=hello")
	asks(r, 3, bot.Input{ID: "A", Submitters: []string{"Alice"}})
	r.Said(c, "name=hello")
	if op := r.Ended("proceed"); op.State != bot.OperationSucceeded {
		t.Errorf("%s: %s", op.State, op.Error)
	}
}

func TestAnsweredByAnother(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	asks(r, 2, bot.Input{ID: "A"})
	gone := bot.Errorf(bot.CodeNotFound, "The question was answered already.")
	r.CI.Fail("Answer", gone)
	r.Said(c, "name=hello")
	op := r.Ended("proceed")
	if op.State != bot.OperationFailed || op.Error != "The question was answered already." {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	if text := (&kind{c}).Instead(op); text != "To try again: proceed hello main #2" {
		t.Error(text)
	}
	// An answer of ours whose end was not seen has made the question go away.
	again := bot.StepRun{Operation: op, Step: "answer", Attempt: 2}
	if _, err := (&kind{c}).answer(t.Context(), again, input{Instance: "ci", ID: "A"}); err != nil {
		t.Error(err)
	}
	if _, err := (&kind{c}).Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
		t.Error(err)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	if _, err := c.Form(t.Context(), r.Request(c)); bot.CodeOf(err) != bot.CodeInvalid {
		t.Error(err)
	}
	asks(r, 2, release())
	req := r.Request(c, "name=hello", "number=2")
	form, err := c.Form(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if form.Title != "hello #2" || form.Submit != "Ship it" || form.Intro != "Release?" || len(form.Fields) != 3 {
		t.Errorf("%+v", form)
	}
	if f := form.Fields; f[0].Kind != bot.FieldSelect || f[0].Value != "eu" || f[1].Kind != bot.FieldCheckbox || f[1].Value != "true" || f[2].Hint != "for the log" {
		t.Errorf("%+v", f)
	}
	args, problems, err := c.Fill(t.Context(), req, map[string]string{"value_0": "us", "value_1": "false", "value_2": "x=y"})
	if err != nil || len(problems) > 0 || len(args.Pairs) != 3 || args.Pairs[0] != (bot.Pair{Key: "WHERE", Value: "us"}) || args.Values["number"] != "2" {
		t.Errorf("%+v %v %v", args, problems, err)
	}
	if _, problems, err = c.Fill(t.Context(), req, map[string]string{"value_0": "mars"}); err != nil || problems["value_0"] == "" {
		t.Errorf("%v %v", problems, err)
	}
}

// TestFormIsForThoseWhoMayAnswer: nobody fills in what is refused then.
func TestFormIsForThoseWhoMayAnswer(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	q := release()
	q.Submitters = []string{"bob"}
	asks(r, 2, q)
	if _, err := c.Form(t.Context(), r.Request(c, "name=hello", "number=2")); bot.CodeOf(err) != bot.CodeForbidden {
		t.Error(err)
	}
}

package skip

import (
	"context"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// flaky is an operation kind whose step fails until it is mended.
type flaky struct {
	bot.Command
	mended atomic.Bool
}

func (f *flaky) Kinds() []bot.OperationKind  { return []bot.OperationKind{f} }
func (*flaky) Kind() string                  { return "flaky" }
func (*flaky) Title(*bot.Operation) bot.Text { return "Trying" }
func (*flaky) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error {
	return nil
}

func (f *flaky) Steps(*bot.Operation) ([]bot.Step, error) {
	return []bot.Step{{Name: "flaky", Title: "Flaky", Idempotent: true, Skippable: true, Apply: func(context.Context, bot.StepRun) (bot.StepResult, error) {
		if f.mended.Load() {
			return bot.StepResult{}, nil
		}
		return bot.StepResult{}, bot.Errorf(bot.CodeInvalid, "It does not work.")
	}}}, nil
}

// failed gives an operation that has failed.
func failed(t *testing.T) (*commandtest.Rig, *flaky, *bot.Operation) {
	t.Helper()
	r, f := commandtest.New(t), &flaky{}
	r.Serve(f)
	op := &bot.Operation{Kind: "flaky", ProjectID: r.Project.ID, Subject: "hello", Environment: "staging", Requester: r.Alice}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return r.Services.Operations.Start(ctx, tx, op) })
	if op := r.Ended("flaky"); op.State != bot.OperationFailed {
		t.Fatalf("%s", op.State)
	}
	return r, f, op
}

func TestRun(t *testing.T) {
	t.Parallel()
	r, f, op := failed(t)
	c := New(r.Services)
	short := op.ID[24:]
	if a := c.Access(r.Request(c, "id="+short, "step=flaky")); a.Project != "hello" || a.OwnerName != "acme" || a.Environment != "staging" {
		t.Errorf("the policy is asked about %+v", a)
	}
	r.Refused(c, bot.CodeNotFound, "There is no operation \"nope-nope\"", "id=nope-nope", "step=flaky")
	r.Refused(c, bot.CodeNotFound, `has no step named "other"; there`, "id="+short, "step=other")
	f.mended.Store(false)
	r.Said(c, "id="+short, "step=flaky")
	if op := r.Ended("flaky"); op.State != bot.OperationSucceeded {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	r.Refused(c, bot.CodeConflict, "", "id="+short, "step=flaky")
}

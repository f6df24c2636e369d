package undo

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// maker is an operation kind that makes one thing.
type maker struct {
	bot.Command
	removed chan struct{}
}

func (m *maker) Kinds() []bot.OperationKind  { return []bot.OperationKind{m} }
func (*maker) Kind() string                  { return "maker" }
func (*maker) Title(*bot.Operation) bot.Text { return "Making" }
func (*maker) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error {
	return nil
}

func (m *maker) Steps(*bot.Operation) ([]bot.Step, error) {
	return []bot.Step{{
		Name: "make", Title: "Make", Idempotent: true,
		Apply: func(context.Context, bot.StepRun) (bot.StepResult, error) { return bot.StepResult{}, nil },
		Undo:  func(context.Context, bot.StepRun) error { close(m.removed); return nil },
	}}, nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	r, m := commandtest.New(t), &maker{removed: make(chan struct{})}
	c := New(r.Services)
	r.Serve(m)
	op := &bot.Operation{Kind: "maker", ProjectID: r.Project.ID, Subject: "hello", Environment: "staging", Requester: r.Alice}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return r.Services.Operations.Start(ctx, tx, op) })
	r.Ended("maker")
	short := "id=" + op.ID[24:]
	if a := c.Access(r.Request(c, short)); a.Project != "hello" || a.Environment != "staging" {
		t.Errorf("the policy is asked about %+v", a)
	}
	r.Refused(c, bot.CodeNotFound, `There is no operation "nope-nope"`, "id=nope-nope")
	r.Refused(c, bot.CodeConflict, "made nothing that could be removed", short)
	made := r.Resource(bot.ResourceJob, "ci", "job/hello", "he*llo")
	made.MadeBy = op.ID
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, made) })
	plan, err := c.Plan(t.Context(), r.Request(c, short))
	if err != nil || len(plan.Lines) != 1 || plan.Lines[0] != `Remove the job he\*llo.` || plan.Environment != "staging" {
		t.Errorf("%+v, %v", plan, err)
	}
	select {
	case <-m.removed:
		t.Error("a plan removes nothing")
	default:
	}
	r.Said(c, short)
	<-m.removed
}

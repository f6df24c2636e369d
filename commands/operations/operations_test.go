package operations

import (
	"context"
	"fmt"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Want(r.Said(c), "There is no operation yet.")
	now := r.Clock.Now()
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		for i, op := range []bot.Operation{
			{Kind: "deploy", Subject: "hello", Environment: "staging", State: bot.OperationFailed, Error: "it *broke*"},
			{Kind: "release", Subject: "hello", State: bot.OperationRunning},
			{Kind: "build", Subject: "hello", State: bot.OperationSucceeded},
		} {
			op.ID, op.Requester, op.CreatedAt = fmt.Sprintf("00000000-0000-7000-8000-%012d", i), r.Alice, now
			if err := tx.Operations.Insert(ctx, &op); err != nil {
				return err
			}
		}
		for i := range 50 { // what nobody asked for crowds out nothing
			op := bot.Operation{ID: fmt.Sprintf("00000000-0000-7000-8001-%012d", i), Kind: "forge-status", State: bot.OperationWaiting, CreatedAt: now}
			if err := tx.Operations.Insert(ctx, &op); err != nil {
				return err
			}
		}
		return nil
	})
	post, err := r.Call(c)
	if err != nil || len(post.Table.Rows) != 2 {
		t.Fatalf("%v, %+v", err, post)
	}
	if first := string(post.Table.Rows[0][1]); first != "deploy hello (staging)" {
		t.Errorf("what is open comes first, not %s", first)
	}
	r.Want(commandtest.Text(post), "`000000000000` | deploy hello (staging) | failed: it *broke* | alice", "build hello | succeeded", "What waits for a decision: `retry ID`")
}

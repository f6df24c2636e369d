package audit

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		for _, row := range []bot.AuditRow{
			{UserName: "al*ice", Verb: "deploy", Args: "deploy hello to staging", ProjectID: r.Project.ID, Decision: "allowed", Policies: []string{"a", "b"}, Outcome: "done"},
			{UserName: "bob", AsOwner: true, Verb: "status", Args: "status", Decision: "refused", Outcome: "refused: no"},
		} {
			row.ID, row.At = bot.NewID(r.Clock.Now()), r.Clock.Now()
			if err := tx.Audit.Append(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	r.Want(r.Said(c), "| al*ice | deploy hello to staging | allowed: a, b | done", "bob (by the owner's socket) | status | refused | refused: no")
	post, err := r.Call(c, "name=hello")
	if err != nil || len(post.Table.Rows) != 1 {
		t.Errorf("%v, %+v", err, post)
	}
}

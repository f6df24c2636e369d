package history

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Want(r.Said(c, "name=hello"), "Nothing of hello was deployed there yet.")
	v := r.Version(1, commandtest.Commit(1))
	now := r.Clock.Now()
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		for _, d := range []bot.Deployment{
			{Environment: "staging", Verb: "deploy", By: bot.SystemUser().ID, State: bot.DeploymentSucceeded, Message: "all well", FinishedAt: now.Add(1234 * time.Millisecond)},
			{Environment: "production", Verb: "promote", By: r.Alice.ID, State: bot.DeploymentRolledBack, Message: "un*well", FinishedAt: now.Add(time.Second)},
			{Environment: "production", Verb: "deploy", By: r.Alice.ID, State: bot.DeploymentApplying},
		} {
			d.ID, d.ProjectID, d.VersionID, d.StartedAt = bot.NewID(now), r.Project.ID, v.ID, now
			if err := tx.Deployments.Put(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
	post, err := r.Call(c, "name=hello")
	if err != nil || len(post.Table.Rows) != 3 {
		t.Fatalf("%v, %+v", err, post)
	}
	r.Want(commandtest.Text(post), "| staging | deploy | `"+v.Label+"` | succeeded | OpsBot | 1.2s", "| rolled_back: un*well | alice | 1s", "| applying | alice |")
	if post, err := r.Call(c, "name=hello", "env=Staging"); err != nil || len(post.Table.Rows) != 1 {
		t.Errorf("%v, %+v", err, post)
	}
	r.Refused(c, bot.CodeNotFound, `no environment "moon"`, "name=hello", "env=moon")
}

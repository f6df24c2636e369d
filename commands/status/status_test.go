package status

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.NewProject("secret-plans")
	r.Hide("secret-plans")
	r.Want(r.Said(c), "Project | staging | production", "hello | – | –")
	v := r.Version(1, commandtest.Commit(1))
	r.Runs("staging", v, func(s *bot.EnvironmentState) { s.URL = "http://hello.staging" })
	r.Runs("production", v, func(s *bot.EnvironmentState) {
		s.ObservedID, s.Health, s.LockedBy, s.LockReason = "", "unhealthy", "x", "an *audit*"
	})
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		op := bot.Operation{ID: bot.NewID(r.Clock.Now()), Kind: "deploy", Subject: "hello", ProjectID: r.Project.ID, Environment: "staging", State: bot.OperationRunning, CreatedAt: r.Clock.Now()}
		return tx.Operations.Insert(ctx, &op)
	})
	text := r.Said(c)
	r.Want(text, "hello | ["+v.Label+"](http://hello.staging) | "+v.Label+" unhealthy (not seen running) locked: an *audit*", "deploy hello (staging): running")
	if strings.Contains(text, "secret") {
		t.Errorf("a hidden project is shown:\n%s", text)
	}
	r.Want(r.Said(c, "what=hello"), "hello | [")
	if text := r.Said(c, "what=Production"); strings.Contains(text, "staging |") || !strings.Contains(text, "Project | production") {
		t.Errorf("%s", text)
	}
	r.Refused(c, bot.CodeNotFound, `There is no project and no environment named "moon".`, "what=moon")
	r.Refused(c, bot.CodeNotFound, "Did you mean hello?", "what=helo")
	r.Hide("hello")
	r.Want(r.Said(c), "There is no project yet.")
}

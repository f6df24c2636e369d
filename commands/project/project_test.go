package project

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
	r.Want(r.Said(c, "name=hello"), "State: active", "Blueprint: tiny 1.0.0", "Made: by alice on", "staging: nothing deployed")
	repo, _ := r.Repository()
	r.Resource(bot.ResourceJob, "ci", "job/hello", "hello")
	r.Build(1, "main", bot.ResultFailure)
	r.Runs("staging", r.Version(1, commandtest.Commit(1)), func(s *bot.EnvironmentState) {
		s.URL, s.LockedBy, s.LockReason = "http://hello.staging", "x", "an *audit*"
	})
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		r.Project.Description = "says *hello*"
		return tx.Projects.Put(ctx, r.Project)
	})
	r.Want(r.Said(c, "name=hello"), "says *hello*", "Repository: acme/hello "+repo.URL, "`git clone "+repo.CloneURL+"`", "Job: hello http://ci/hello",
		"Last build: main: FAILURE", "staging: 1.0.0-1-g0000001, healthy, locked: an *audit* http://hello.staging")
	r.Build(2, "main", "")
	r.Want(r.Said(c, "name=hello"), "Last build: main: running")
}

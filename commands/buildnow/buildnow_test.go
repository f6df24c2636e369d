package buildnow

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
	r.Serve(c)
	r.Refused(c, bot.CodeNotFound, "The project hello has no job.", "name=hello")
	r.Resource(bot.ResourceJob, "ci", "job/hello", "hello")
	r.Said(c, "name=hello", "+a=b c")
	op := r.Ended("build")
	r.Said(c, "name=hello", "branch=topic")
	r.Ended("build")
	if got := strings.Join(r.CI.Calls(), ";"); !strings.HasPrefix(got, "Build job/hello main map[a:b c] by alice") || op.State != bot.OperationSucceeded {
		t.Errorf("%s: %s", op.State, got)
	}
	if title := (&kind{c}).Title(op); title != "Build of hello/main" {
		t.Errorf("%s", title)
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		r.Project.State = bot.ProjectArchived
		return tx.Projects.Put(ctx, r.Project)
	})
	r.Refused(c, bot.CodeConflict, "The project hello is archived; it can't be built.", "name=hello")
}

func TestServerSaysNo(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	r.Resource(bot.ResourceJob, "ci", "job/hello", "hello")
	r.CI.Fail("Build", bot.Errorf(bot.CodeNotFound, "There is no branch gone."))
	r.Said(c, "name=hello", "branch=gone")
	if op := r.Ended("build"); op.State != bot.OperationFailed || op.Error != "There is no branch gone." {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	if _, err := (&kind{c}).Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
		t.Error(err)
	}
}

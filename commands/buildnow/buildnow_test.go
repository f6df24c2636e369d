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
	repo, _ := r.Repository()
	r.Said(c, "name=hello", "+a=b c")
	op := r.Ended("build")
	r.Refused(c, bot.CodeNotFound, "hello has no branch topic; there is: main.", "name=hello", "branch=topic")
	if _, err := r.Forge.Push(t.Context(), bot.PushRequest{Repository: repo, Branch: "topic", Author: bot.Signature{Name: "alice"}, Message: "More"}); err != nil {
		t.Fatal(err)
	}
	r.Refused(c, bot.CodeNotFound, "hello has no branch topc; there are: main, topic. Did you mean topic?", "name=hello", "branch=topc")
	if got := len(r.CI.Calls()); got != 1 {
		t.Errorf("what is refused is not asked for, but there are %d calls", got)
	}
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
	r.Repository()
	r.CI.Fail("Build", bot.Errorf(bot.CodeForbidden, "The server refuses."))
	r.Said(c, "name=hello")
	if op := r.Ended("build"); op.State != bot.OperationFailed || op.Error != "The server refuses." {
		t.Errorf("%s: %s", op.State, op.Error)
	} else if text := (&kind{c}).Instead(op); text != "Nothing was built. Once it is mended: buildNow hello main" {
		t.Error(text)
	}
	if _, err := (&kind{c}).Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
		t.Error(err)
	}
}

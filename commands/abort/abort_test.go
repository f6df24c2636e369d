package abort

import (
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
	r.Refused(c, bot.CodeNotFound, "of hello is queued or running.", "name=hello")
	r.Build(1, "main", bot.ResultFailure)
	r.Refused(c, bot.CodeConflict, "Build #1 of hello/main has ended already: FAILURE.", "name=hello", "number=1")
	r.Refused(c, bot.CodeNotFound, "of hello is queued or running.", "name=hello")
	r.Build(2, "main", "")
	r.Build(3, "topic", "")
	r.Refused(c, bot.CodeNotFound, "There is no build #3 of hello/main; there are: #2, #1.", "name=hello", "branch=main", "number=3")
	r.Refused(c, bot.CodeNotFound, "There is no build #9 of hello; there are: #3, #2, #1.", "name=hello", "number=9")
	r.Refused(c, bot.CodeNotFound, "hello has built no branch topc; there are: topic, main. Did you mean topic?", "name=hello", "branch=topc")
	r.Said(c, "name=hello", "branch=main")
	op := r.Ended("abort")
	if got := strings.Join(r.CI.Calls(), ";"); got != "Abort main #2 by alice" || op.State != bot.OperationSucceeded {
		t.Errorf("%s: %s", op.State, got)
	}
	if title := (&kind{c}).Title(op); title != `Stopping build \#2 of hello/main` {
		t.Errorf("%s", title)
	}
}

func TestServerSaysNo(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	r.Build(2, "main", "")
	r.CI.Fail("Abort", bot.Errorf(bot.CodeForbidden, "The server refuses."))
	r.Said(c, "name=hello", "number=2")
	if op := r.Ended("abort"); op.State != bot.OperationFailed || op.Error != "The server refuses." {
		t.Errorf("%s: %s", op.State, op.Error)
	} else if text := (&kind{c}).Instead(op); text != "To try again: abort hello main #2" {
		t.Error(text)
	}
	if _, err := (&kind{c}).Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
		t.Error(err)
	}
}

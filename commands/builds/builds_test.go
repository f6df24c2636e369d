package builds

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
	r.Want(r.Said(c, "name=hello"), "There is no build yet.", "`buildNow hello` starts one.")
	b := r.Build(1, "main", bot.ResultUnstable)
	r.Build(2, "topic/*x*", "")
	b.Sequence, b.Attempt, b.Tests = 2, 2, &bot.TestTotals{Total: 7, Failed: 1}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { _, err := tx.Builds.Put(ctx, b); return err })
	text := r.Said(c, "name=hello")
	r.Want(text, "[#1](http://ci/hello/1) | main | `0000001` | UNSTABLE (attempt 2) | 7, 1 failed", "| 41 s", "topic/*x* | `0000002` | running")
	if strings.Index(text, "#2") > strings.Index(text, "#1") {
		t.Errorf("the newest comes first:\n%s", text)
	}
	r.Refused(c, bot.CodeNotFound, "hello has built no branch mian; there are: topic/*x*, main. Did you mean main?", "name=hello", "branch=mian")
	if text := r.Said(c, "name=hello", "branch=main"); strings.Contains(text, "topic") {
		t.Errorf("%s", text)
	}
}

package diff

import (
	"fmt"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	args := []string{"name=hello", "from=production", "to=staging"}
	r.Refused(c, bot.CodeNotFound, "hello does not run in production yet.", args...)
	repo, first := r.Repository()
	v1 := r.Version(1, first)
	r.Runs("production", v1)
	r.Refused(c, bot.CodeNotFound, "hello does not run in staging yet.", args...)
	r.Runs("staging", v1)
	r.Want(r.Said(c, args...), "The same commit runs in both.")
	head := first
	for i := range 35 {
		var err error
		if head, err = r.Forge.Commit(t.Context(), repo, "main", fmt.Sprintf("Change *%d*", i)); err != nil {
			t.Fatal(err)
		}
	}
	r.Runs("staging", r.Version(36, head))
	text := r.Said(c, args...)
	r.Want(text, "hello: production 1.0.0-1-g"+first[:7]+" → staging 1.0.0-36-g"+head[:7], "+ | `"+head[:7]+"` | Change *34* | Dev", "Only the newest 30 are shown.")
	r.Want(r.Said(c, "name=hello", "from=staging", "to=production"), "- | `"+head[:7])
	if n := strings.Count(text, "\n+ |"); n != 30 {
		t.Errorf("%d commits are shown", n)
	}
	r.Refused(c, bot.CodeNotFound, `no environment "moon"`, "name=hello", "from=moon", "to=staging")
	r.Runs("staging", r.Version(99, commandtest.Commit(99)))
	r.Refused(c, bot.CodeNotFound, "", args...)
}

package versions

import (
	"strings"
	"testing"

	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Want(r.Said(c, "name=hello"), "hello has no version yet. `buildNow hello` makes one.")
	v1, v2 := r.Version(1, commandtest.Commit(1)), r.Version(2, commandtest.Commit(2))
	r.Runs("staging", v2)
	r.Runs("production", v2)
	text := r.Said(c, "name=hello")
	r.Want(text, "`"+v2.Label+"` | main | `0000002` | ", "| production, staging")
	if strings.Index(text, v1.Label) < strings.Index(text, v2.Label) {
		t.Errorf("the newest comes first:\n%s", text)
	}
}

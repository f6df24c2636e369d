package projects

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
	text := r.Said(c)
	r.Want(text, "hello | active | tiny 1.0.0 | acme | alice")
	if strings.Contains(text, "secret") {
		t.Errorf("a hidden project is listed:\n%s", text)
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Purge(ctx, r.Project.ID) })
	r.Want(r.Said(c), "There is no project yet.")
}

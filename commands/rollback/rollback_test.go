package rollback

import (
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	if plan, err := c.Plan(t.Context(), r.Request(c, "name=hello", "version=1.0", "env=staging")); err != nil || plan.Title != "rollback hello staging 1.0" {
		t.Errorf("%+v, %v", plan, err)
	}
	if r.Started("rollback hello staging 1.0 by alice") {
		t.Error("a plan starts nothing")
	}
	if text := r.Said(c, "name=hello", "version=1.0", "env=staging"); text != "" || !r.Started("rollback hello staging 1.0 by alice") {
		t.Errorf("%q; the plan was not started as it was shown", text)
	}
	r.Refused(c, bot.CodeNotFound, "no environment", "name=hello", "env=moon")
}

package promote

import (
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	if plan, err := c.Plan(t.Context(), r.Request(c, "name=hello", "env=staging")); err != nil || plan.Title != "promote hello staging" {
		t.Errorf("%+v, %v", plan, err)
	}
	if r.Started("promote hello staging by alice") {
		t.Error("a plan starts nothing")
	}
	if text := r.Said(c, "name=hello", "env=staging"); text != "" || !r.Started("promote hello staging by alice") {
		t.Errorf("%q; the plan was not started as it was shown", text)
	}
	r.Refused(c, bot.CodeNotFound, "no environment", "name=hello", "env=moon")
}

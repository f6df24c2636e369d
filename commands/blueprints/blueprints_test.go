package blueprints

import (
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	r.Services.Defaults.BlueprintNote = "No Go here."
	c := New(r.Services)
	r.Want(r.Said(c), "tiny (default) | 1.0.0 | as *little* as can be", "No Go here.")
	r.Want(r.Said(c, "name=tiny"), "tiny 1.0.0, by us", "port | integer | 8080 | the port", "tier | low | high | (required) | how important")
	r.Refused(c, bot.CodeNotFound, `no blueprint "big"`, "name=big")
}

package unlock

import (
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Refused(c, bot.CodeConflict, "hello in production is not locked.", "name=hello", "env=production")
	v := r.Version(1, commandtest.Commit(1))
	r.Runs("production", v, func(s *bot.EnvironmentState) { s.LockedBy, s.LockReason = "somebody", "x" })
	r.Want(r.Said(c, "name=hello", "env=PRODUCTION"), "hello in production is open again.")
	if s := r.State("production"); s.LockedBy != "" || s.LockReason != "" || s.DesiredID != v.ID {
		t.Errorf("%+v", s)
	}
	r.Refused(c, bot.CodeNotFound, `no environment "moon"`, "name=hello", "env=moon")
}

package lock

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
	args := []string{"name=hello", "env=Production", "reason=the *database* moves " + strings.Repeat("x", 400)}
	r.Want(r.Said(c, args...), "hello in production is locked: the *database* moves xxx", "`unlock hello in production` opens it.")
	s := r.State("production")
	if s.LockedBy != r.Alice.ID || len([]rune(s.LockReason)) != 300 || s.LockedAt.IsZero() {
		t.Errorf("%+v", s)
	}
	r.Said(c, "name=hello", "env=production", "reason=another") // one's own can be worded anew
	if s := r.State("production"); s.LockReason != "another" {
		t.Errorf("%+v", s)
	}
	bob := r.Request(c, args...)
	bob.User.ID = bot.NewID(r.Clock.Now())
	if _, err := r.Do(c, bob); bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), "is locked already, since") {
		t.Errorf("%v", err)
	}
	r.Refused(c, bot.CodeNotFound, `no environment "moon"`, "name=hello", "env=moon", "reason=x")
}

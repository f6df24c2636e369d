package router

import (
	"context"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store/storetest"
)

// sweep runs the sweeper once, as a process that starts now does.
func (r *rig) sweep() time.Duration {
	r.t.Helper()
	r.reopen()
	next, err := r.router.Expiry().(expiry).sweep(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return next
}

func TestExpiredPlanSaysSo(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	if next := r.sweep(); next != time.Minute || len(r.planPost(p).Buttons) != 2 {
		t.Errorf("looks again in %s, %+v", next, r.planPost(p).Buttons)
	}
	r.clock.Advance(30*time.Minute - time.Second)
	if next := r.sweep(); next != time.Second+time.Millisecond || len(r.planPost(p).Buttons) != 2 {
		t.Errorf("looks again in %s, %+v", next, r.planPost(p).Buttons)
	}
	r.clock.Advance(time.Second + time.Millisecond)
	r.sweep()
	post := r.planPost(p)
	if text := string(post.Text[len(post.Text)-1]); len(post.Buttons) != 0 || post.Tone != bot.ToneNeutral ||
		text != "Expired at 12:30 UTC; nothing was changed. To ask again: ship hello to staging" || strings.Contains(text, "To go ahead") {
		t.Errorf("the post: %s, %+v", text, post)
	}
	r.expect(r.say("alice", "!confirm "+p.ID), "The plan "+p.ID+" has expired; ask again: ship hello to staging", "confirm allowed failed: *")
	r.expect(r.say("alice", "!cancel "+p.ID), "has expired", "cancel allowed failed: *")
	r.sweep()
	r.ranTimes(0)
}

// TestConfirmedPlanDoesNotExpire: what was answered stays as it was answered.
func TestConfirmedPlanDoesNotExpire(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.expect(r.say("alice", "!confirm "+p.ID), "shipped", "confirm allowed confirmed "+p.ID)
	r.clock.Advance(time.Hour)
	r.sweep()
	if post := r.planPost(p); !strings.Contains(string(post.Text[len(post.Text)-1]), "Confirmed by alice.") {
		t.Errorf("%+v", post)
	}
	if err := (expiry{r.router}).end(t.Context(), p.ID); err != nil { // found open, then confirmed by somebody quicker
		t.Error(err)
	}
	if post := r.planPost(p); !strings.Contains(string(post.Text[len(post.Text)-1]), "Confirmed by alice.") {
		t.Errorf("%+v", post)
	}
}

// asking is a clock that tells when somebody waits on it.
type asking struct {
	*storetest.Clock
	waits chan time.Duration
}

func (c asking) After(d time.Duration) <-chan time.Time {
	fired := c.Clock.After(d)
	c.waits <- d
	return fired
}

// TestExpiryRuns: the service sweeps when it starts, and when a plan runs out.
func TestExpiryRuns(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	clock := asking{r.clock, make(chan time.Duration)}
	r.opt.Clock = clock
	r.reopen()
	r.clock.Advance(29*time.Minute + 30*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.router.Expiry().Run(ctx) }()
	if d := <-clock.waits; d != 30*time.Second+time.Millisecond {
		t.Errorf("waits %s", d)
	}
	r.clock.Advance(31 * time.Second)
	<-clock.waits
	if len(r.planPost(p).Buttons) != 0 {
		t.Error("the plan has run out, its buttons are left")
	}
	r.work.kill()
	r.clock.Advance(time.Minute)
	<-clock.waits // goes on although the store is gone
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

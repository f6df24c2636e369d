package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

// flaky is a store whose writes can be made to fail, as a process that ends does.
type flaky struct {
	bot.UnitOfWork
	down atomic.Bool
}

var errDown = errors.New("the process is gone")

func (f *flaky) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.UnitOfWork.Write(ctx, fn)
}

// crashed makes a rig whose pump loses its store right after the chat took a
// call, and gives a second pump, of another process, on the same store.
func crashed(t *testing.T) (r *rig, f *flaky, heir *Pump) {
	t.Helper()
	f = &flaky{}
	r = setup(t, func(r *rig) {
		f.UnitOfWork = r.store
		r.work = f
	})
	o := r.pump.o
	o.Work, o.Owner = r.store, "node:2"
	return r, f, NewPump(o)
}

func TestCrashBetweenSendAndRecord(t *testing.T) {
	t.Parallel()
	r, f, heir := crashed(t)
	r.chat.After = func(context.Context, chattest.Call) error { f.down.Store(true); return nil }
	r.say("dev", "a", "a")
	r.say("dev", "b", "b")
	if err := dispatched(t.Context(), r.pump); err != nil && !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if row := r.post("a"); row.Delivered != 0 {
		t.Fatalf("the crash came too late: %+v", row)
	}
	r.chat.After = nil
	dead := r.pump
	r.pump = heir
	before := len(r.shown())
	r.flush()
	if len(r.shown()) != before {
		t.Error("the heir did not wait for the lease")
	}
	r.clock.add(postLease)
	r.flush()
	r.expect("a", "b")
	f.down.Store(false)
	r.pump = dead
	r.flush()
	r.expect("a", "b")
}

func TestCrashBetweenEditAndRecord(t *testing.T) {
	t.Parallel()
	r, f, heir := crashed(t)
	r.say("dev", "a", "v1")
	r.flush()
	r.chat.After = func(context.Context, chattest.Call) error { f.down.Store(true); return nil }
	r.say("dev", "a", "v2")
	_ = dispatched(t.Context(), r.pump)
	r.chat.After = nil
	r.say("dev", "a", "v3")
	r.pump = heir
	r.clock.add(postLease)
	r.flush()
	r.expect("v3")
}

func TestContentThatChangedSinceTheCrash(t *testing.T) {
	t.Parallel()
	r, f, heir := crashed(t)
	r.chat.After = func(context.Context, chattest.Call) error { f.down.Store(true); return nil }
	r.say("dev", "a", "before")
	_ = dispatched(t.Context(), r.pump)
	r.chat.After = nil
	r.say("dev", "a", "after") // found by its key, the message still shows what was sent first
	r.pump = heir
	r.clock.add(postLease)
	r.flush()
	r.expect("after")
}

func TestContentThatCameBackSinceTheCrash(t *testing.T) {
	t.Parallel()
	r, f, heir := crashed(t)
	r.say("dev", "a", "one")
	r.flush()
	r.chat.After = func(context.Context, chattest.Call) error { f.down.Store(true); return nil }
	r.say("dev", "a", "two")
	_ = dispatched(t.Context(), r.pump)
	r.chat.After = nil
	r.say("dev", "a", "one") // what the last record says is shown, though it is not
	r.pump = heir
	r.clock.add(postLease)
	r.flush()
	r.expect("one")
}

func TestStopFinishesTheCall(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.pump.o.Clock = newHandClock() // no lease ends while the machine is slow
	ctx, stop := context.WithCancel(t.Context())
	r.chat.Before = func(call context.Context, c chattest.Call) error {
		stop()
		<-ctx.Done()
		return call.Err() // a call that was cut would fail here
	}
	r.say("dev", "a", "a")
	r.say("dev", "b", "b")
	if err := r.pump.Run(ctx); err != nil {
		t.Fatal(err)
	}
	r.expect("a")
	if row := r.post("a"); row.Delivered != row.Wanted || row.MessageID == "" {
		t.Errorf("what was sent is not recorded: %+v", row)
	}
	r.chat.Before = nil
	r.flush() // at once: the stopped pump gave back what it held
	r.expect("a", "b")
}

// TestExactlyOnceUnderRandomFaults loses answers, calls and processes at random
// and looks at the room afterwards. A failing seed is in the test's name.
func TestExactlyOnceUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r, f, _ := crashed(t)
			dice := rand.New(rand.NewPCG(seed, 7))
			fault := func(err error, then func()) error {
				switch n := dice.IntN(10); {
				case n < 2:
					then()
					return err
				case n == 2:
					return bot.Errorf(bot.CodeUnavailable, "slow down").Wait(time.Duration(dice.IntN(20)) * time.Second)
				}
				return nil
			}
			calm := false
			r.chat.Before = func(context.Context, chattest.Call) error {
				if calm {
					return nil
				}
				return fault(errors.New("reset by peer"), func() {})
			}
			r.chat.After = func(context.Context, chattest.Call) error {
				if calm {
					return nil
				}
				return fault(nil, func() { f.down.Store(true) })
			}
			var want []string
			for i := range 8 {
				r.say("dev", fmt.Sprintf("k%d", i), "draft")
				want = append(want, fmt.Sprintf("final %d", i))
				r.storm(f, dice)
			}
			for i := range 8 {
				r.say("dev", fmt.Sprintf("k%d", i), want[i])
				r.storm(f, dice)
			}
			calm = true
			f.down.Store(false)
			for range 12 {
				r.clock.add(maxPause)
				r.flush()
			}
			r.expect(want...)
			if strings.Contains(r.log.String(), "given up") {
				t.Errorf("a post was given up:\n%s", r.log)
			}
		})
	}
}

// storm lets the pump run a little; a process that went down comes up later.
func (r *rig) storm(f *flaky, dice *rand.Rand) {
	_ = dispatched(r.t.Context(), r.pump) // may find the store down
	if f.down.Swap(false) {
		r.clock.add(postLease)
	}
	r.clock.add(time.Duration(dice.IntN(30)) * time.Second)
}

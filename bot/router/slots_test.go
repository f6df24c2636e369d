package router

import (
	"context"
	"sync"
	"testing"

	"opsbot/bot"
)

// TestAFreedSlotIsTold: whoever found no slot free is told when there is one, also
// when a slot is given back at the moment that another takes the last one.
func TestAFreedSlotIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t).router
	r.start = func(bot.Message) {}
	for range parallel - 1 {
		r.slots <- struct{}{}
	}
	for n := range 300_000 {
		var both sync.WaitGroup
		both.Go(r.release)
		waits := false
		both.Go(func() {
			r.reserve()
			if waits = r.reserve() == nil; !waits {
				<-r.slots
			}
		})
		both.Wait()
		select {
		case <-r.freed:
		default:
			if waits {
				t.Fatalf("after %d rounds: nobody was told", n)
			}
		}
	}
}

// TestAPanicKeepsNoSlot: what a chat does along with a message is its own code.
func TestAPanicKeepsNoSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	shut := r.router.open(t.Context())
	func() {
		defer func() { _ = recover() }()
		_, _ = r.router.Receive(t.Context(), r.message("alice", "!echo x"), func(context.Context, *bot.Tx) error {
			panic("a mistake") //nolint:forbidigo // what is tested
		})
	}()
	if n := len(r.router.slots); n != 0 {
		t.Fatalf("%d slots are kept", n)
	}
	shut()
}

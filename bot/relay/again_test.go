package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

// watched notes for each call its post's key and whether an earlier one may have arrived.
func watched(r *rig) func() []string {
	var mu sync.Mutex
	var got []string
	before := r.chat.Before
	r.chat.Before = func(ctx context.Context, c chattest.Call) error {
		mu.Lock()
		got = append(got, fmt.Sprintf("%s %s %v", c.Method, c.Post.Key, c.Post.Again))
		mu.Unlock()
		if before != nil {
			return before(ctx, c)
		}
		return nil
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := got
		got = nil
		return out
	}
}

func wantCalls(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: calls %q, want %q", when, got, want)
	}
}

// TestAgain: whoever sends is told that an earlier attempt may have arrived exactly when
// one may have.
func TestAgain(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.chat.Before = failing(nil, errors.New("reset by peer"), nil, nil)
	calls := watched(r)
	r.say("dev", "a", "a")
	r.flush()
	wantCalls(t, "first", calls(), "Send a false")
	r.say("dev", "b", "b")
	r.say("dev", "c", "c") // waits behind it, and was never tried
	r.flush()
	wantCalls(t, "the answer is lost", calls(), "Send b false")
	r.clock.add(time.Minute)
	r.flush()
	wantCalls(t, "after it", calls(), "Send b true", "Send c false")
	r.expect("a", "b", "c")
	r.say("dev", "a", "a2")
	r.flush()
	wantCalls(t, "an edit", calls(), "Edit a false")
	r.chat.Remove(r.chat.Messages(r.project.Room)[0].ID)
	r.say("dev", "a", "a3")
	r.flush()
	wantCalls(t, "a person removed it", calls(), "Edit a false", "Send a false")
}

// TestAgainAfterWaiting: of a post in several parts some may be there when the chat says
// that it is enough for now.
func TestAgainAfterWaiting(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.chat.Before = failing(bot.Errorf(bot.CodeUnavailable, "slow down").Wait(30 * time.Second))
	calls := watched(r)
	r.say("dev", "a", "a")
	r.flush()
	r.clock.add(31 * time.Second)
	r.flush()
	wantCalls(t, "told to wait", calls(), "Send a false", "Send a true")
	r.expect("a")
}

// TestAgainAfterACrash: a process that took a post and was killed may have sent it, or
// not; one that gave it back has not.
func TestAgainAfterACrash(t *testing.T) {
	t.Parallel()
	r, f, heir := crashed(t)
	r.chat.After = func(context.Context, chattest.Call) error { f.down.Store(true); return nil }
	calls := watched(r)
	r.say("dev", "a", "a")
	r.say("dev", "b", "b")
	_ = dispatched(t.Context(), r.pump)
	wantCalls(t, "killed after the call", calls(), "Send a false", "Send b false")
	r.chat.After = nil
	r.pump = heir
	r.clock.add(postLease)
	r.flush()
	wantCalls(t, "in the next life", calls(), "Send a true", "Edit a true", "Send b true", "Edit b true")
	r.expect("a", "b")
}

func TestNotAgainWhenGivenBack(t *testing.T) {
	t.Parallel()
	r := setup(t)
	calls := watched(r)
	r.say("dev", "a", "a")
	var rows []bot.PostRow
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) { // claimed when Run has ended meanwhile
		rows, err = r.pump.claim(ctx, tx, r.clock.Now())
		return err
	})
	r.pump.send(t.Context(), rows, r.clock.Now())
	wantCalls(t, "given back", calls())
	r.flush()
	wantCalls(t, "taken again", calls(), "Send a false")
	r.write(func(ctx context.Context, tx *bot.Tx) error { // taken, and the process is killed before it does anything
		r.say0(ctx, tx, "b")
		_, err := r.pump.claim(ctx, tx, r.clock.Now())
		return err
	})
	r.clock.add(postLease)
	r.flush()
	wantCalls(t, "nobody knows", calls(), "Send b true", "Edit b true")
}

// say0 wants a post shown within a transaction.
func (r *rig) say0(ctx context.Context, tx *bot.Tx, key string) {
	r.t.Helper()
	if err := tx.Posts.Put(ctx, bot.Post{Key: key, Room: r.project.Room, Text: []bot.Text{bot.Text(key)}}); err != nil {
		r.t.Fatal(err)
	}
}

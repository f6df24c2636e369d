package router

import (
	"testing"
	"time"

	"opsbot/bot"
)

// TestChatThatCantBeAsked: who speaks can't be told for a while. The message waits, what
// is behind it in its thread too, and both are run soon after, in order.
func TestChatThatCantBeAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	away := bot.Errorf(bot.CodeUnavailable, "The chat does not answer.").Backoff()
	first := r.message("alice", "!echo first")
	second := r.message("alice", "!echo second")
	r.people().refuse[first.Author.ID] = away
	r.receive(first)
	r.receive(second)
	for range 3 {
		if ids := r.step(); len(ids) != 1 || ids[0] != first.ID {
			t.Fatalf("tried %v", ids)
		}
		if got := r.answer(first); got.post != nil {
			t.Fatalf("answered: %s", got.text())
		}
		if ids := r.step(); len(ids) != 0 {
			t.Fatalf("tried again at once: %v", ids)
		}
		r.clock.Advance(retryPause)
	}
	delete(r.people().refuse, first.Author.ID)
	r.step()
	r.step()
	r.expect(r.answer(first), "first", "echo allowed done")
	r.expect(r.answer(second), "second", "echo allowed done")
}

// TestChatThatNeverAnswers: nobody waits for ever in silence.
func TestChatThatNeverAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.message("alice", "!echo x")
	r.people().refuse[m.Author.ID] = bot.Errorf(bot.CodeUnavailable, "The chat does not answer.").Backoff()
	r.receive(m)
	r.step()
	r.clock.Advance(retryFor + time.Second)
	r.step()
	if got := r.answer(m); got.post == nil || got.text() == "" {
		t.Error("still no word")
	}
}

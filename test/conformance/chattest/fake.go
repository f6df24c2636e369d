package chattest

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"opsbot/bot"
)

// Call is one call that a Fake got.
type Call struct {
	Method string // "Send", "Edit" or "SendEphemeral"
	ID     string // of Edit
	Post   bot.Post
}

// Fake is a chat in memory. Safe for concurrent use; set the fields before the
// first call.
type Fake struct {
	// Bounds is what Limits answers.
	Bounds bot.ChatLimits
	// Before, if set, runs before a call takes effect, without any lock; its error
	// is the call's, which then has no effect.
	Before func(ctx context.Context, c Call) error
	// After, if set, runs after a call took effect; its error is the call's all the
	// same: the answer that got lost.
	After func(ctx context.Context, c Call) error

	mu       sync.Mutex
	messages []Message
	calls    []Call
	last     int
}

var (
	_ bot.Chat     = (*Fake)(nil)
	_ bot.Threader = (*Fake)(nil)
)

// Send implements bot.Chat.
func (f *Fake) Send(ctx context.Context, p bot.Post) (string, error) {
	var id string
	err := f.call(ctx, Call{Method: "Send", Post: p}, func() error {
		for _, m := range f.messages {
			if m.Post.Key == p.Key && m.Post.Room == p.Room {
				id = m.ID
				return nil
			}
		}
		f.last++
		id = "m" + strconv.Itoa(f.last)
		f.messages = append(f.messages, Message{ID: id, Thread: p.Thread, Post: p})
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Edit implements bot.Chat.
func (f *Fake) Edit(ctx context.Context, messageID string, p bot.Post) error {
	return f.call(ctx, Call{Method: "Edit", ID: messageID, Post: p}, func() error {
		i := slices.IndexFunc(f.messages, func(m Message) bool { return m.ID == messageID })
		if i < 0 {
			return bot.Errorf(bot.CodeNotFound, "The message %s is gone.", messageID)
		}
		f.messages[i].Post = p
		return nil
	})
}

// Limits implements bot.Chat.
func (f *Fake) Limits() bot.ChatLimits { return f.Bounds }

// ThreadOf implements bot.Threader.
func (f *Fake) ThreadOf(messageID string) string { return "thread-" + messageID }

func (f *Fake) call(ctx context.Context, c Call, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Before != nil {
		if err := f.Before(ctx, c); err != nil {
			f.count(c)
			return err
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	err := do()
	f.mu.Unlock()
	if err == nil && f.After != nil {
		err = f.After(ctx, c)
	}
	return err
}

func (f *Fake) count(c Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
}

// Calls lists every call so far, the failed ones too.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Messages lists what room shows, oldest first.
func (f *Fake) Messages(room bot.RoomRef) []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Message
	for _, m := range f.messages {
		if m.Post.Room == room {
			out = append(out, m)
		}
	}
	return out
}

// Remove deletes a message as a person would.
func (f *Fake) Remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = slices.DeleteFunc(f.messages, func(m Message) bool { return m.ID == id })
}

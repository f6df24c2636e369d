// Package chattest is the conformance suite of bot.Chat, and an in-memory chat
// that passes it. Every chat integration runs the suite against its strict fake
// server; tests of what sends messages use the in-memory chat, whose calls can be
// delayed and made to fail.
package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
)

// Message is one message as a person in the room sees it.
type Message struct {
	ID     string
	Thread string // "" = top level
	Post   bot.Post
}

// Rig is a chat under test and the means to look at its rooms.
type Rig struct {
	Chat bot.Chat
	// Room is a room that the chat knows.
	Room bot.RoomRef
	// Messages lists what Room shows, oldest first.
	Messages func() []Message
	// Remove deletes a message as a person would; nil where nobody can.
	Remove func(id string)
	// Restarted gives the chat as it is after a restart of the program; nil where it
	// keeps everything outside.
	Restarted func() bot.Chat
	// RoomName is what people call Room, for a chat that finds rooms; Person is an
	// account that it knows, for one that knows people.
	RoomName string
	Person   bot.Account
}

// Rule is one promise of the contract. Check returns nil when the chat keeps it.
type Rule = conformance.Rule[Rig]

// Run checks every rule on a fresh chat.
func Run(t *testing.T, fresh func(t *testing.T) Rig) {
	t.Helper()
	conformance.Run(t, Rules(), 30*time.Second, fresh)
}

// Rules are the promises of bot.Chat and its optional ports.
func Rules() []Rule {
	return []Rule{
		{"a post is shown once", shownOnce},
		{"the same key is never posted twice", sameKeyOnce},
		{"the same key at once is posted once", sameKeyConcurrently},
		{"keys are per room message", otherKeyIsAnother},
		{"an edit replaces in place", editReplaces},
		{"editing what is gone is not found", editGone},
		{"a removed message is posted anew", removedIsPostedAnew},
		{"an ended context is an error", endedContext},
		{"threads hold replies", threadHoldsReplies},
		{"limits make sense", limitsMakeSense},
		{"after a restart a post is found again", foundAfterRestart},
		{"rooms are found by name and id", roomsAreFound},
		{"entering and leaving twice is success", roomsTwice},
		{"people are known by their id", peopleAreKnown},
	}
}

func (r Rig) post(key, text string) bot.Post {
	return bot.Post{Key: key, Room: r.Room, Text: []bot.Text{bot.Escape(text)}}
}

// shows checks that the room shows exactly the given texts, oldest first.
func (r Rig) shows(want ...string) error {
	var got []string
	for _, m := range r.Messages() {
		text := ""
		if len(m.Post.Text) > 0 {
			text = bot.Unescape(m.Post.Text[0])
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the room shows %q, want %q", got, want)
	}
	return nil
}

func shownOnce(ctx context.Context, r Rig) error {
	id, err := r.Chat.Send(ctx, r.post("a", "hello"))
	if err != nil || id == "" {
		return fmt.Errorf("send: %q, %w", id, err)
	}
	return r.shows("hello")
}

func sameKeyOnce(ctx context.Context, r Rig) error {
	first, err := r.Chat.Send(ctx, r.post("a", "hello"))
	if err != nil {
		return err
	}
	second, err := r.Chat.Send(ctx, r.post("a", "hello"))
	if err != nil {
		return err
	}
	if first != second {
		return fmt.Errorf("the second send gave %q, the first %q", second, first)
	}
	return r.shows("hello")
}

func sameKeyConcurrently(ctx context.Context, r Rig) error {
	errs := conformance.Together(8, func(int) error {
		_, err := r.Chat.Send(ctx, r.post("a", "hello"))
		return err
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return r.shows("hello")
}

func otherKeyIsAnother(ctx context.Context, r Rig) error {
	for _, key := range []string{"a", "b"} {
		if _, err := r.Chat.Send(ctx, r.post(key, "same text")); err != nil {
			return err
		}
	}
	return r.shows("same text", "same text")
}

func editReplaces(ctx context.Context, r Rig) error {
	id, err := r.Chat.Send(ctx, r.post("a", "before"))
	if err != nil {
		return err
	}
	if _, err := r.Chat.Send(ctx, r.post("b", "later")); err != nil {
		return err
	}
	if err := r.Chat.Edit(ctx, id, r.post("a", "after")); err != nil {
		return err
	}
	return r.shows("after", "later")
}

func editGone(ctx context.Context, r Rig) error {
	if r.Remove == nil {
		return nil
	}
	id, err := r.Chat.Send(ctx, r.post("a", "hello"))
	if err != nil {
		return err
	}
	r.Remove(id)
	if err := r.Chat.Edit(ctx, id, r.post("a", "again")); bot.CodeOf(err) != bot.CodeNotFound {
		return fmt.Errorf("edit of a removed message: %w", errors.Join(errNotNotFound, err))
	}
	return r.shows()
}

func removedIsPostedAnew(ctx context.Context, r Rig) error {
	if r.Remove == nil {
		return nil
	}
	id, err := r.Chat.Send(ctx, r.post("a", "before"))
	if err != nil {
		return err
	}
	r.Remove(id)
	again, err := r.Chat.Send(ctx, r.post("a", "after"))
	if err != nil {
		return err
	}
	if again == id {
		return fmt.Errorf("the new message has the removed one's id %q", id)
	}
	return r.shows("after")
}

var errNotNotFound = errors.New("want CodeNotFound")

func endedContext(ctx context.Context, r Rig) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Chat.Send(ended, r.post("a", "hello")); err == nil {
		return errors.New("send with an ended context succeeded")
	}
	return nil
}

func threadHoldsReplies(ctx context.Context, r Rig) error {
	threads, ok := r.Chat.(bot.Threader)
	if !ok {
		return nil
	}
	root, err := r.Chat.Send(ctx, r.post("a", "root"))
	if err != nil {
		return err
	}
	reply := r.post("b", "reply")
	reply.Thread = threads.ThreadOf(root)
	if _, err := r.Chat.Send(ctx, reply); err != nil {
		return err
	}
	if err := r.shows("root", "reply"); err != nil {
		return err
	}
	if got := r.Messages()[1].Thread; got != reply.Thread || got == "" {
		return fmt.Errorf("the reply is in thread %q, want %q", got, reply.Thread)
	}
	return nil
}

func limitsMakeSense(_ context.Context, r Rig) error {
	l := r.Chat.Limits()
	if l.PerSecond < 0 || l.Burst < 0 || (l.PerSecond > 0 && l.Burst == 0) {
		return fmt.Errorf("limits %+v", l)
	}
	return nil
}

func foundAfterRestart(ctx context.Context, r Rig) error {
	if r.Restarted == nil {
		return nil
	}
	first, err := r.Chat.Send(ctx, r.post("a", "hello"))
	if err != nil {
		return err
	}
	again := r.post("a", "hello")
	again.Again = true
	second, err := r.Restarted().Send(ctx, again)
	if err != nil {
		return err
	}
	if first != second {
		return fmt.Errorf("after the restart it is %q, before %q", second, first)
	}
	return r.shows("hello")
}

func roomsAreFound(ctx context.Context, r Rig) error {
	keeper, ok := r.Chat.(bot.RoomKeeper)
	if !ok {
		return nil
	}
	for _, name := range []string{r.RoomName, "#" + r.RoomName, r.Room.ID} {
		room, err := keeper.FindRoom(ctx, name)
		if err != nil {
			return fmt.Errorf("find %q: %w", name, err)
		}
		if room.Ref != r.Room || room.Name != r.RoomName {
			return fmt.Errorf("%q is %+v, want %+v called %q", name, room, r.Room, r.RoomName)
		}
	}
	_, err := keeper.FindRoom(ctx, "no-such-room")
	return conformance.WantCode("finding a room that is not there", err, bot.CodeNotFound)
}

func roomsTwice(ctx context.Context, r Rig) error {
	keeper, ok := r.Chat.(bot.RoomKeeper)
	if !ok {
		return nil
	}
	for _, do := range []func(context.Context, bot.RoomRef) error{keeper.JoinRoom, keeper.JoinRoom, keeper.LeaveRoom, keeper.LeaveRoom} {
		if err := do(ctx, r.Room); err != nil {
			return err
		}
	}
	return nil
}

func peopleAreKnown(ctx context.Context, r Rig) error {
	dir, ok := r.Chat.(bot.Directory)
	if !ok {
		return nil
	}
	facts, err := dir.Facts(ctx, r.Person)
	if err != nil {
		return err
	}
	if facts.Name != r.Person.Name || facts.Disabled || facts.Machine {
		return fmt.Errorf("%s is %+v", r.Person, facts)
	}
	stranger := r.Person
	stranger.ID = r.Person.ID[1:] + r.Person.ID[:1]
	_, err = dir.Facts(ctx, stranger)
	if err := conformance.WantCode("the facts of nobody", err, bot.CodeNotFound); err != nil {
		return err
	}
	_, err = dir.ByEmail(ctx, "nobody@example.com")
	return conformance.WantCode("the account of an address that nobody has", err, bot.CodeNotFound)
}

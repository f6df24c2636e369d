package relay

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"opsbot/bot"
)

// deliver brings one post to its room and records what came of it.
func (p *Pump) deliver(ctx context.Context, l *lane, it item) {
	row := it.row
	sent, err := p.try(ctx, l, &row, it)
	switch {
	case errors.Is(err, errLater):
		p.release(ctx, row, time.Time{})
		return
	case err != nil:
		p.failed(ctx, l, row, err)
		return
	}
	if sent != "" {
		row.Shown = sent
	}
	row.Delivered, row.Attempts, row.NotBefore = row.Wanted, 0, time.Time{}
	p.record(ctx, row)
}

// fresh is for how long a post is sent as it was claimed, without looking whether it
// has changed since: a change of that moment becomes an edit.
const fresh = 50 * time.Millisecond

// errLater: the room's turn ends before this post could be sent.
var errLater = errors.New("relay: no time left in this turn")

// try shows the post if the chat does not show it yet, and fills in row's message
// id and thread. It returns the hash of what the chat shows now, "" for nothing.
func (p *Pump) try(ctx context.Context, l *lane, row *bot.PostRow, it item) (string, error) {
	post := row.Content
	var err error
	if post == nil || p.o.Clock.Now().Sub(it.claimed) > fresh {
		post, err = p.content(ctx, row)
	}
	if err != nil || post == nil {
		return "", err
	}
	if shown := hash(post); shown == row.Shown {
		return shown, nil
	}
	waited, err := p.token(ctx, l, it.until())
	if err != nil {
		return "", err
	}
	if waited { // meanwhile the content may have moved on
		if post, err = p.content(ctx, row); err != nil || post == nil {
			return "", err
		}
	}
	shown := hash(post)
	if shown == row.Shown {
		return shown, nil
	}
	chat, err := bot.Find[bot.Chat](p.o.Integrations, row.Room.Instance, "chat")
	if err != nil {
		return "", err
	}
	if err := p.thread(ctx, chat, post, row); err != nil {
		return "", err
	}
	post.File = p.file(chat, post)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return shown, show(ctx, chat, post, row, shown)
}

// token waits for the room's turn.
func (p *Pump) token(ctx context.Context, l *lane, until time.Time) (waited bool, err error) {
	now := p.o.Clock.Now()
	r := l.limit.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d <= 0 {
		return false, nil
	}
	if now.Add(d).After(until) || !p.sleep(ctx, d) {
		r.CancelAt(p.o.Clock.Now())
		return false, errLater
	}
	return true, nil
}

// content is what the post should show now; nil when there is nothing to show.
func (p *Pump) content(ctx context.Context, row *bot.PostRow) (*bot.Post, error) {
	if row.Content == nil {
		return p.render(ctx, row)
	}
	var now bot.PostRow
	err := p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		now, err = tx.Posts.Get(ctx, row.Room, row.Key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("relay: load post %s: %w", row.Key, err)
	}
	if now.Content == nil {
		return nil, nil
	}
	row.Wanted = now.Wanted // the newest content answers for all before it
	return now.Content, nil
}

// render asks the card, letting it prepare itself if it must.
func (p *Pump) render(ctx context.Context, row *bot.PostRow) (*bot.Post, error) {
	card, ok := p.cards[row.CardKind]
	if !ok {
		return nil, bot.Errorf(bot.CodeUnsupported, "There is no card of the kind %q.", row.CardKind)
	}
	post, err := p.draw(ctx, card, row)
	if prep, can := card.(Preparer); can && errors.Is(err, ErrUnprepared) {
		err = p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			room, err := roomOf(ctx, tx, row.Room)
			if err != nil {
				return err
			}
			return prep.Prepare(ctx, tx, row.CardID, room)
		})
		if err != nil {
			return nil, fmt.Errorf("relay: prepare card %s: %w", row.Key, err)
		}
		post, err = p.draw(ctx, card, row)
	}
	return post, err
}

// draw renders in a reading transaction; a panic is an error of this card alone.
func (p *Pump) draw(ctx context.Context, card bot.Card, row *bot.PostRow) (post *bot.Post, err error) {
	defer func() {
		if v := recover(); v != nil {
			post, err = nil, fmt.Errorf("relay: card %s panicked: %v\n%s", row.Key, v, debug.Stack())
		}
	}()
	err = p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		now, err := tx.Posts.Get(ctx, row.Room, row.Key)
		if err != nil {
			return err
		}
		room, err := roomOf(ctx, tx, row.Room)
		if err != nil {
			return err
		}
		if post, err = card.Render(ctx, tx, row.CardID, room); err != nil {
			return err
		}
		row.Wanted = now.Wanted // of the same snapshot as what was rendered
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("relay: render card %s: %w", row.Key, err)
	}
	if post != nil {
		post.Key, post.Room, post.Root = row.Key, row.Room, row.Root
	}
	return post, nil
}

func roomOf(ctx context.Context, tx *bot.Tx, ref bot.RoomRef) (bot.Room, error) {
	room, err := tx.Rooms.Get(ctx, ref)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Room{Ref: ref}, nil
	}
	return room, err
}

// thread finds the chat's thread for a post: it never changes once sent, and one
// that belongs under another post of ours goes where that one is.
func (p *Pump) thread(ctx context.Context, chat bot.Chat, post *bot.Post, row *bot.PostRow) error {
	switch {
	case row.MessageID != "":
		post.Thread = row.Thread
	case post.Under != "" && post.Thread == "":
		var parent bot.PostRow
		err := p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			parent, err = tx.Posts.Get(ctx, row.Room, post.Under)
			return err
		})
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return fmt.Errorf("relay: find post %s: %w", post.Under, err)
		}
		post.Thread = parent.Thread
		if threads, ok := chat.(bot.Threader); ok && parent.MessageID != "" && parent.Thread == "" {
			post.Thread = threads.ThreadOf(parent.MessageID)
		}
	}
	row.Thread = post.Thread
	return nil
}

// file leaves a file to chats that take it; others get a link.
func (p *Pump) file(chat bot.Chat, post *bot.Post) *bot.File {
	if post.File == nil {
		return nil
	}
	if up, ok := chat.(bot.Uploader); ok && up.Uploads() {
		return post.File
	}
	if p.o.FileURL != nil {
		if u := p.o.FileURL(*post.File); u != "" {
			post.Buttons = append(post.Buttons, bot.Button{Label: post.File.Name, URL: u})
		}
	}
	return nil
}

// failed decides by the error's class whether and when the post is tried again.
func (p *Pump) failed(ctx context.Context, l *lane, row bot.PostRow, err error) {
	class, after := bot.RetryOf(err)
	full := bot.CodeOf(err) == bot.CodeStorageFull
	if class != bot.RetryAfter && !full {
		row.Attempts++ // being told to wait is not having failed
	}
	if class == bot.RetryNever && !full || row.Attempts >= maxTries {
		p.o.Log.Error("relay: post given up", "room", row.Room.String(), "key", row.Key, "attempts", row.Attempts, "error", err)
		row.Delivered, row.Attempts, row.NotBefore = row.Wanted, 0, time.Time{}
		p.record(ctx, row)
		return
	}
	if class != bot.RetryAfter || after <= 0 {
		after = pause(max(row.Attempts, 1))
	}
	row.NotBefore = p.o.Clock.Now().Add(after)
	p.o.Log.Warn("relay: post postponed", "room", row.Room.String(), "key", row.Key, "until", row.NotBefore, "error", err)
	var behind []item
	if class == bot.RetryAfter || row.MessageID == "" {
		// The chat said so, or order asks for it: the whole room waits, what was claimed
		// already even if the pause has passed when this one is recorded. An edit that
		// fails by itself holds nobody up.
		p.mu.Lock()
		l.paused = row.NotBefore
		behind, l.queue = l.queue, nil
		p.mu.Unlock()
	}
	p.record(ctx, row)
	for _, it := range behind {
		p.release(ctx, it.row, row.NotBefore)
	}
}

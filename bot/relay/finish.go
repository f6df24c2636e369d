package relay

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// States of an inbox row that is done with.
const (
	rowDone    = "done"
	rowIgnored = "ignored"
	rowFailed  = "failed"
)

// run processes one row and records what came of it.
func (p *Processor) run(ctx context.Context, t *task) {
	if ctx.Err() != nil {
		p.giveBack(ctx, t)
		return
	}
	if b, waits := p.waits(t); waits {
		p.postpone(ctx, t, b.until, tries(t.row), "waits behind "+b.row)
		return
	}
	err := t.err
	if err == nil {
		err = p.commit(ctx, t)
	}
	if err == nil {
		p.unblock(t)
		return
	}
	if ctx.Err() != nil {
		p.giveBack(ctx, t) // stopping is not having failed
		return
	}
	p.failed(ctx, t, err)
}

// giveBack frees a row that there was no time for, so that whoever comes next
// need not wait for the lease.
func (p *Processor) giveBack(ctx context.Context, t *task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parseTimeout)
	defer cancel()
	p.postpone(ctx, t, p.o.Clock.Now(), tries(t.row), "OpsBot was stopped")
}

// commit applies the row and ends it, in one transaction.
func (p *Processor) commit(ctx context.Context, t *task) error {
	var v verdict
	var ended bool
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		ended = false
		if v, err = p.apply(ctx, tx, t); err != nil {
			return err
		}
		state, reason := rowDone, ""
		if v.used == 0 {
			state, reason = rowIgnored, "of no interest"
			if len(v.dropped) > 0 {
				reason = v.dropped[0]
			}
		}
		err = tx.Inbox.Done(ctx, t.row.ID, state, reason)
		ended = bot.CodeOf(err) == bot.CodeStale
		return err
	})
	if ended {
		return nil // our lease ran out and another replica did it: all of ours is undone
	}
	if err != nil {
		return err
	}
	for _, reason := range v.dropped {
		p.o.Log.Info("relay: event dropped", "instance", t.row.Instance, "key", t.row.Key, "reason", reason)
	}
	return nil
}

// failed decides by the error's class whether the row is tried again.
func (p *Processor) failed(ctx context.Context, t *task, err error) {
	class, after := bot.RetryOf(err)
	n := tries(t.row)
	full := bot.CodeOf(err) == bot.CodeStorageFull
	if !full {
		n++ // waiting for space is nobody's failed try
	}
	if class == bot.RetryNever && !full || n >= maxTries {
		p.giveUp(ctx, t, err)
		return
	}
	wait := pause(n)
	if class == bot.RetryAfter && after > 0 {
		wait = after
	}
	until := p.o.Clock.Now().Add(wait)
	p.block(t, until)
	p.o.Log.Warn("relay: event postponed", "instance", t.row.Instance, "key", t.row.Key, "try", n, "until", until, "error", err)
	p.postpone(ctx, t, until, n, bot.MessageOf(err))
}

// giveUp keeps the row as failed and says so, to the operator and in the room.
func (p *Processor) giveUp(ctx context.Context, t *task, cause error) {
	p.unblock(t)
	p.o.Log.Error("relay: event given up", "instance", t.row.Instance, "key", t.row.Key, "row", t.row.ID, "error", cause)
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := p.tellFailure(ctx, tx, t, cause); err != nil {
			return err
		}
		return tx.Inbox.Done(ctx, t.row.ID, rowFailed, cause.Error())
	})
	if err != nil && ctx.Err() == nil {
		p.o.Log.Error("relay: record failed event", "row", t.row.ID, "error", err)
	}
}

// tellFailure posts once where the project lives, if the project is known.
func (p *Processor) tellFailure(ctx context.Context, tx *bot.Tx, t *task, cause error) error {
	if t.lane == "" {
		return nil
	}
	project, err := tx.Projects.ByID(ctx, t.lane)
	if err != nil {
		return absent(err)
	}
	rooms, err := p.o.Rooms(ctx, tx, project, &t.events[0])
	if err != nil {
		return fmt.Errorf("relay: find rooms of %s: %w", project.Slug, err)
	}
	for _, room := range rooms {
		err := put(ctx, tx, p.o.Clock, bot.Post{
			Key: postKey("inbox", t.row.ID), Room: room.Ref, Tone: bot.ToneBad, Cause: t.row.ID, Root: t.row.Cause.Root,
			Text: []bot.Text{"An event from " + foreign(t.row.Instance, 60) + " about " + foreign(project.Slug, 100) +
				" could not be processed: " + foreign(bot.MessageOf(cause), 300)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// postpone gives the row back. How often it was really tried is kept in front of
// the problem: a claim counts as an attempt even when the row only waited.
func (p *Processor) postpone(ctx context.Context, t *task, until time.Time, tried int, problem string) {
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Inbox.Postpone(ctx, t.row.ID, until, "["+strconv.Itoa(tried)+"] "+problem); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueueInbox, until)
	})
	if err != nil && ctx.Err() == nil {
		p.o.Log.Error("relay: postpone event", "row", t.row.ID, "error", err)
	}
}

// tries reads what postpone wrote. A row that took its process along each time
// was never postponed; its claims count then.
func tries(row bot.InboxRow) int {
	text, ok := strings.CutPrefix(row.Error, "[")
	if n, _, cut := strings.Cut(text, "] "); ok && cut {
		if tried, err := strconv.Atoi(n); err == nil {
			return tried
		}
	}
	return max(row.Attempts-1, 0)
}

// waits reports whether a row must wait for an earlier one of its project.
func (p *Processor) waits(t *task) (block, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.blocked[t.lane]
	if !ok || t.lane == "" || b.row == t.row.ID {
		return b, false
	}
	if !p.o.Clock.Now().Before(b.until.Add(inboxLease)) {
		delete(p.blocked, t.lane) // another replica has taken the earlier row up
		return b, false
	}
	return b, true
}

func (p *Processor) block(t *task, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.lane != "" {
		p.blocked[t.lane] = block{t.row.ID, until}
	}
}

func (p *Processor) unblock(t *task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked[t.lane].row == t.row.ID {
		delete(p.blocked, t.lane)
	}
}

package store

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type messageRow struct {
	bun.BaseModel `bun:"table:messages"`
	Seq           int64  `bun:"seq,pk,autoincrement"`
	MessageID     string `bun:"message_id"`
	roomCols
	Thread     string           `bun:"thread"`
	Body       doc[bot.Message] `bun:"body"`
	Root       string           `bun:"root"`
	AddedAt    micros           `bun:"added_at"`
	LeaseOwner string           `bun:"lease_owner"`
	LeaseUntil micros           `bun:"lease_until"`
	Done       bool             `bun:"done"`
}

// noun gives the message with its root, so that whoever runs it files what follows
// under it.
func (r messageRow) noun() bot.Message {
	m := r.Body.V
	m.Root = r.Root
	return m
}

type messages struct{ *work }

var _ bot.Messages = messages{}

// Add implements bot.Messages.
func (r messages) Add(ctx context.Context, m bot.Message, now time.Time) (string, bool, error) {
	if m.Room.Instance == "" || m.ID == "" {
		return "", false, bot.Errorf(bot.CodeInvalid, "A message without its chat and id can't be stored.")
	}
	root := m.Root
	if root == "" {
		root = bot.NewID(now)
	}
	row := messageRow{MessageID: m.ID, roomCols: place(m.Room), Thread: m.Thread, Body: docOf(m), Root: root, AddedAt: us(now)}
	err := insert(ctx, r.work, &row, errKnown)
	if bot.CodeOf(err) == bot.CodeConflict {
		known, err := r.get(ctx, m.Room, m.ID)
		return known.Root, false, err
	}
	if err != nil {
		return "", false, err
	}
	if r.fresh == nil {
		r.fresh = map[string]bool{}
	}
	r.fresh[m.Room.Instance+" "+m.ID] = true
	r.wake(bot.QueueMessages, r.s.clock.Now())
	return root, true, nil
}

var errKnown = bot.Errorf(bot.CodeConflict, "The message is known already.")

func (r messages) get(ctx context.Context, room bot.RoomRef, id string) (messageRow, error) {
	return first[messageRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no message %q.", id),
		where("instance = ? AND message_id = ?", room.Instance, id))
}

// Claim implements bot.Messages.
func (r messages) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]bot.Message, error) {
	rows, err := leased[messageRow](ctx, r.work, r.claim(), []any{us(now), n}, []any{owner, us(now.Add(lease))})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b messageRow) int { return int(a.Seq - b.Seq) })
	for _, row := range rows {
		delete(r.fresh, row.Instance+" "+row.MessageID)
	}
	if len(r.fresh) == 0 { // what this transaction added needs nobody else
		r.unwake(bot.QueueMessages)
	}
	return convert(rows, messageRow.noun), nil
}

// claim takes the heads: what has nothing unfinished before it, neither in its
// own thread (the top level of a room is one, too) nor the message that the thread
// hangs from.
func (messages) claim() claim {
	return claim{
		table: "messages", key: "seq", lock: "m",
		due: `SELECT m.seq FROM messages AS m WHERE m.done = FALSE AND m.lease_until <= ?+0
		AND NOT EXISTS (SELECT 1 FROM messages AS e WHERE e.done = FALSE AND e.seq < m.seq AND e.instance = m.instance
			AND e.workspace = m.workspace AND e.room_id = m.room_id AND e.thread = m.thread)
		AND NOT EXISTS (SELECT 1 FROM messages AS e WHERE e.done = FALSE AND e.seq < m.seq AND e.instance = m.instance
			AND e.message_id = m.thread)
		ORDER BY m.seq LIMIT ?+0`,
		set: "lease_owner = ?, lease_until = ?",
	}
}

// messageDone finishes a message and forgets what a form submitted: nobody needs it any
// more, and it may hold a secret, sealed as that is. Within a JSON text a quote has a
// backslash before it, so that nothing else looks like the field.
const (
	messageDone = `UPDATE messages SET done = TRUE, lease_owner = '', lease_until = 0,
		body = CASE WHEN instr(body, ',"form":{') > 0 THEN json_remove(body, '$.form') ELSE body END
		WHERE instance = ? AND message_id = ? AND done = FALSE`
	messageDonePG = `UPDATE messages SET done = TRUE, lease_owner = '', lease_until = 0,
		body = CASE WHEN strpos(body, ',"form":{') > 0 THEN (body::jsonb - 'form')::text ELSE body END
		WHERE instance = ? AND message_id = ? AND done = FALSE`
)

const messageWaits = "SELECT EXISTS (SELECT 1 FROM messages WHERE done = FALSE AND lease_until <= ?+0)"

// Done implements bot.Messages.
func (r messages) Done(ctx context.Context, room bot.RoomRef, id string) error {
	done := messageDone
	if r.s.pg != nil {
		done = messageDonePG
	}
	n, err := r.raw(ctx, "finish a message", done, room.Instance, id)
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := r.get(ctx, room, id); err != nil {
			return err
		}
		return bot.Errorf(bot.CodeStale, "The message %q was run already.", id)
	}
	next, err := returning[bool](ctx, r.work, "look for messages", messageWaits, us(r.s.clock.Now()))
	if err == nil && next[0] { // the next one of its thread may be free now
		r.wake(bot.QueueMessages, r.s.clock.Now())
	}
	return err
}

// Postpone implements bot.Messages: the lease ends sooner. It holds the messages behind
// it until then.
func (r messages) Postpone(ctx context.Context, room bot.RoomRef, id, owner string, notBefore time.Time) error {
	n, err := r.raw(ctx, "postpone a message",
		"UPDATE messages SET lease_until = ? WHERE instance = ? AND message_id = ? AND done = FALSE AND lease_owner = ?", us(notBefore), room.Instance, id, owner)
	if err == nil && n > 0 {
		r.wake(bot.QueueMessages, notBefore)
	}
	return err
}

// Root implements bot.Messages.
func (r messages) Root(ctx context.Context, instance, id string) (string, error) {
	row, err := first[messageRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no message %q of %s.", id, instance),
		where("instance = ? AND message_id = ?", instance, id))
	return row.Root, err
}

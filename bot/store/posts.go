package store

import (
	"context"
	"reflect"
	"slices"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type postRow struct {
	bun.BaseModel `bun:"table:posts"`
	ID            int64 `bun:"id,pk,autoincrement"`
	roomCols
	PostKey    string         `bun:"post_key"`
	Seq        int64          `bun:"seq"`
	Content    doc[*bot.Post] `bun:"content"`
	CardKind   string         `bun:"card_kind"`
	CardID     string         `bun:"card_id"`
	Wanted     int64          `bun:"wanted"`
	Delivered  int64          `bun:"delivered"`
	MessageID  string         `bun:"message_id"`
	Thread     string         `bun:"thread"`
	Shown      string         `bun:"shown"`
	Attempts   int            `bun:"attempts"`
	NotBefore  micros         `bun:"not_before"`
	LeaseOwner string         `bun:"lease_owner"`
	LeaseUntil micros         `bun:"lease_until"`
	cause
}

func (r postRow) noun() bot.PostRow {
	return bot.PostRow{
		Room: r.ref(), Key: r.PostKey, Seq: r.Seq, Content: r.Content.V, CardKind: r.CardKind, CardID: r.CardID,
		Wanted: r.Wanted, Delivered: r.Delivered, MessageID: r.MessageID, Thread: r.Thread, Shown: r.Shown,
		Attempts: r.Attempts, NotBefore: r.NotBefore.time(), Root: r.Root, LeaseOwner: r.LeaseOwner,
	}
}

type posts struct{ *work }

var _ bot.Posts = posts{}

// errNoPost is told by its code alone; Get dresses it.
var errNoPost = bot.Errorf(bot.CodeNotFound, "There is no such post.")

func (r posts) get(ctx context.Context, room bot.RoomRef, key string) (postRow, error) {
	rows, err := returning[postRow](ctx, r.work, "read a post", postByKey, room.Instance, room.Workspace, room.ID, key)
	if err != nil {
		return postRow{}, err
	}
	if len(rows) == 0 {
		return postRow{}, errNoPost
	}
	return rows[0], nil
}

const (
	postByKey = "SELECT * FROM posts WHERE " + inRoom + " AND post_key = ?"
	nextPost  = `INSERT INTO post_rooms (instance, workspace, room_id, seq) VALUES (?, ?, ?, 1)
	ON CONFLICT (instance, workspace, room_id) DO UPDATE SET seq = post_rooms.seq + 1 RETURNING seq`
)

// Get implements bot.Posts.
func (r posts) Get(ctx context.Context, room bot.RoomRef, key string) (bot.PostRow, error) {
	row, err := r.get(ctx, room, key)
	return row.noun(), err
}

// Put implements bot.Posts.
func (r posts) Put(ctx context.Context, p bot.Post) error {
	content := &p
	return r.want(ctx, postRow{roomCols: place(p.Room), PostKey: p.Key, Content: docOf(content), cause: cause{p.Cause, p.Root}},
		func(old postRow) bool { return sameContent(old.Content, content) })
}

// Touch implements bot.Posts.
func (r posts) Touch(ctx context.Context, room bot.RoomRef, key, cardKind, cardID string, c bot.Cause) error {
	return r.want(ctx, postRow{roomCols: place(room), PostKey: key, CardKind: cardKind, CardID: cardID, cause: causeOf(c)},
		func(postRow) bool { return false })
}

// sameContent compares as stored: who caused a post is not part of what it shows.
func sameContent(old doc[*bot.Post], p *bot.Post) bool {
	if old.V == nil {
		return false
	}
	a, b := *old.V, *p
	a.Cause, a.Root, b.Cause, b.Root = "", "", "", ""
	x, errX := docOf(a).Value()
	y, errY := docOf(b).Value()
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// want makes the post or wants it shown anew, unless same says that it is.
func (r posts) want(ctx context.Context, row postRow, same func(old postRow) bool) error {
	if row.PostKey == "" || row.RoomID == "" {
		return bot.Errorf(bot.CodeInvalid, "A post needs a key and a room.")
	}
	old, err := r.get(ctx, row.ref(), row.PostKey)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		row.Wanted = 1
		// The counter's row is locked until the commit, so the ids of a room's posts
		// grow as their numbers do.
		seq, err := returning[int64](ctx, r.work, "number a post", nextPost, row.Instance, row.Workspace, row.RoomID)
		if err != nil {
			return err
		}
		row.Seq = seq[0]
		if err := r.add(ctx, &row); err != nil {
			return r.fail("write", row, err)
		}
	case err != nil:
		return err
	case same(old):
		return nil
	default:
		row.ID, row.Wanted = old.ID, old.Wanted+1
		_, err := r.db.NewUpdate().Model(&row).WherePK().
			Column("content", "card_kind", "card_id", "cause", "root", "wanted").Exec(ctx)
		if err != nil {
			return r.fail("write", row, err)
		}
	}
	r.wake(bot.QueuePosts, r.s.clock.Now())
	return r.await(ctx, row)
}

// add inserts a post that is not there, and fills in its id.
func (r posts) add(ctx context.Context, row *postRow) error {
	if r.s.pg != nil {
		_, err := r.db.NewInsert().Model(row).Exec(ctx)
		return err
	}
	res, err := r.written(ctx, row)
	if err != nil {
		return err
	}
	row.ID, err = res.LastInsertId()
	return err
}

// await notes that the row's root waits for this much to be shown. It is a table
// of its own because several roots may wait for one card.
func (r posts) await(ctx context.Context, row postRow) error {
	if row.Root == "" {
		return nil
	}
	_, err := r.raw(ctx, "await a post", postAwaited, row.Root, row.ID, row.Wanted)
	return err
}

const postAwaited = `INSERT INTO post_roots (root, post_id, wanted) VALUES (?, ?, ?)
	ON CONFLICT (root, post_id) DO UPDATE SET wanted = EXCLUDED.wanted`

// Claim implements bot.Posts.
func (r posts) Claim(ctx context.Context, c bot.PostClaim) ([]bot.PostRow, error) {
	t := us(c.Now)
	rows, err := leased[postRow](ctx, r.work, r.claim(), []any{t, t, t, t, c.Limit}, []any{c.Owner, us(c.Now.Add(c.Lease))})
	if err != nil {
		return nil, err
	}
	if len(rows) < c.Limit && r.s.pg == nil { // all that is due; on PostgreSQL another replica may hold a room
		r.unwake(bot.QueuePosts)
	}
	slices.SortFunc(rows, func(a, b postRow) int { return int(a.ID - b.ID) })
	for _, row := range rows {
		if c.Mark == "" || row.Shown == c.Mark {
			continue
		}
		if _, err := r.raw(ctx, "mark a post", postMarked, c.Mark, row.ID); err != nil {
			return nil, err
		}
	}
	return convert(rows, postRow.noun), nil
}

const postMarked = "UPDATE posts SET shown = ? WHERE id = ?"

// claim takes what is due, but nothing of a room that comes after a message not
// yet sent which somebody works on or which is postponed: messages appear in
// order. An edit of what is shown already holds nobody up. On PostgreSQL the lock
// is on the room's row: of two replicas one gets the room, not each a part of it.
func (posts) claim() claim {
	return claim{
		table: "posts", key: "id", lock: "o",
		due: `SELECT p.id FROM posts AS p JOIN post_rooms AS o
			ON o.instance = p.instance AND o.workspace = p.workspace AND o.room_id = p.room_id
		WHERE p.wanted > p.delivered AND p.not_before <= ?+0 AND p.lease_until <= ?+0
		AND NOT EXISTS (SELECT 1 FROM posts AS e WHERE e.wanted > e.delivered AND e.instance = p.instance
			AND e.workspace = p.workspace AND e.room_id = p.room_id AND e.seq < p.seq
			AND e.delivered = 0 AND (e.lease_until > ?+0 OR e.not_before > ?+0))
		ORDER BY p.id LIMIT ?+0`,
		set: "lease_owner = ?, lease_until = ?",
	}
}

const postShown = "DELETE FROM post_roots WHERE post_id = ? AND wanted <= ?"

// Delivered implements bot.Posts. What the chat shows is recorded whoever says so,
// as it is a fact; only the holder of the lease frees it.
func (r posts) Delivered(ctx context.Context, p bot.PostRow) error {
	old, err := r.get(ctx, p.Room, p.Key)
	if err != nil {
		return err
	}
	row := old
	if p.Delivered >= old.Delivered {
		row.Delivered, row.MessageID, row.Thread, row.Shown = p.Delivered, p.MessageID, p.Thread, p.Shown
	}
	if p.LeaseOwner == "" || p.LeaseOwner == old.LeaseOwner {
		row.LeaseOwner, row.LeaseUntil = "", 0
		row.Attempts, row.NotBefore = p.Attempts, us(p.NotBefore)
	}
	_, err = r.db.NewUpdate().Model(&row).WherePK().
		Column("delivered", "message_id", "thread", "shown", "attempts", "not_before", "lease_owner", "lease_until").Exec(ctx)
	if err != nil {
		return r.fail("write", row, err)
	}
	if row.Delivered < row.Wanted {
		r.wake(bot.QueuePosts, p.NotBefore)
	}
	_, err = r.raw(ctx, "end the wait for a post", postShown, row.ID, row.Delivered)
	return err
}

package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type roomRow struct {
	bun.BaseModel `bun:"table:rooms"`
	Instance      string `bun:"instance,pk"`
	Workspace     string `bun:"workspace,pk"`
	RoomID        string `bun:"room_id,pk"`
	Name          string `bun:"name"`
	Style         string `bun:"style"`
	Seq           int64  `bun:"seq"`
	ProjectID     string `bun:"project_id"`
	State         string `bun:"state"`
}

func (r roomRow) noun() bot.Room {
	return bot.Room{
		Ref:  bot.RoomRef{Instance: r.Instance, Workspace: r.Workspace, ID: r.RoomID},
		Name: r.Name, Style: r.Style, Seq: r.Seq, ProjectID: r.ProjectID, State: r.State,
	}
}

type entryRow struct {
	bun.BaseModel `bun:"table:entries"`
	roomCols
	EntryID   string           `bun:"entry_id"`
	Seq       int64            `bun:"seq"`
	Thread    string           `bun:"thread"`
	Author    doc[bot.Account] `bun:"author"`
	Bot       bool             `bun:"bot"`
	Text      string           `bun:"text"`
	Post      doc[*bot.Post]   `bun:"post"`
	PostKey   string           `bun:"post_key"`
	ToAccount string           `bun:"to_account"`
	SentAt    micros           `bun:"sent_at"`
	EditedAt  micros           `bun:"edited_at"`
	Root      string           `bun:"root"`
}

func (r entryRow) noun() bot.RoomEntry {
	return bot.RoomEntry{
		Room: r.ref(), Seq: r.Seq, ID: r.EntryID, Thread: r.Thread, Author: r.Author.V, Bot: r.Bot,
		Text: r.Text, Post: r.Post.V, PostKey: r.PostKey, To: r.ToAccount, SentAt: r.SentAt.time(),
		EditedAt: r.EditedAt.time(), Root: r.Root,
	}
}

type rooms struct{ *work }

var _ bot.Rooms = rooms{}

// Put implements bot.Rooms.
func (r rooms) Put(ctx context.Context, room bot.Room) error {
	return upsert(ctx, r.work, &roomRow{
		Instance: room.Ref.Instance, Workspace: room.Ref.Workspace, RoomID: room.Ref.ID,
		Name: room.Name, Style: room.Style, ProjectID: room.ProjectID, State: room.State,
	}, "instance, workspace, room_id", "name", "style", "project_id", "state")
}

// Get implements bot.Rooms.
func (r rooms) Get(ctx context.Context, ref bot.RoomRef) (bot.Room, error) {
	row, err := first[roomRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no room %q.", ref.String()),
		where(inRoom, ref.Instance, ref.Workspace, ref.ID))
	return row.noun(), err
}

// List implements bot.Rooms.
func (r rooms) List(ctx context.Context, instance string) ([]bot.Room, error) {
	return list(ctx, r.work, roomRow.noun, where("instance = ?", instance), order("workspace, room_id"))
}

type bindings struct{ *work }

var _ bot.Bindings = bindings{}

// Of implements bot.Bindings.
func (r bindings) Of(ctx context.Context, projectID string) ([]bot.Room, error) {
	if projectID == "" {
		return nil, nil
	}
	return list(ctx, r.work, roomRow.noun, where("project_id = ? AND project_id <> '' AND state = ''", projectID), order("instance, workspace, room_id"))
}

// Append implements bot.Rooms. A room that is not known yet is made.
func (r rooms) Append(ctx context.Context, e bot.RoomEntry) (int64, error) {
	// The update locks the room's row until the commit: the next number can't be
	// given, and seen, before this one is.
	number, err := returning[int64](ctx, r.work, "number an entry", nextEntry, e.Room.Instance, e.Room.Workspace, e.Room.ID, e.Room.ID)
	if err != nil {
		return 0, err
	}
	seq := number[0]
	row := entryRow{
		roomCols: place(e.Room), EntryID: e.ID, Seq: seq, Thread: e.Thread, Author: docOf(e.Author),
		Bot: e.Bot, Text: e.Text, Post: docOf(e.Post), PostKey: e.PostKey, ToAccount: e.To,
		SentAt: us(e.SentAt), EditedAt: us(e.EditedAt), Root: e.Root,
	}
	err = upsert(ctx, r.work, &row, "instance, workspace, room_id, entry_id",
		"seq", "thread", "author", "bot", "text", "post", "post_key", "to_account", "edited_at", "root")
	r.wake(bot.QueueRooms, r.s.clock.Now())
	return seq, err
}

const nextEntry = `INSERT INTO rooms (instance, workspace, room_id, name, style, seq) VALUES (?, ?, ?, ?, '', 1)
	ON CONFLICT (instance, workspace, room_id) DO UPDATE SET seq = rooms.seq + 1 RETURNING seq`

// Entries implements bot.Rooms.
func (r rooms) Entries(ctx context.Context, ref bot.RoomRef, after int64, n int) ([]bot.RoomEntry, error) {
	return list(ctx, r.work, entryRow.noun,
		where(inRoom, ref.Instance, ref.Workspace, ref.ID), where("seq > ?", after), order("seq"), limit(n))
}

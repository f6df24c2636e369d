package bot

import (
	"context"
	"time"
)

// Room is a chat room that the bot knows.
type Room struct {
	Ref   RoomRef
	Name  string // "deployments", without "#"
	Style string // "" = cards, "lines" = one line per event
	// ProjectID is the project that the room is bound to: commands there need no name,
	// and its cards come here, too. "" = none.
	ProjectID string
	// State is "" while the bot is in the room; "left" or "archived" otherwise.
	State string
	// Seq is the last sequence number given to an entry of the room.
	Seq int64
}

// RoomEntry is one message of a room of the built-in console: what the page
// shows. Every append and every edit gets a new Seq, unique and growing per room.
type RoomEntry struct {
	Room     RoomRef   `json:"room"`
	Seq      int64     `json:"seq"`
	ID       string    `json:"id"`               // message id, keeps its place when edited
	Thread   string    `json:"thread,omitempty"` // id of the thread's root message, "" = top level
	Author   Account   `json:"author"`
	Bot      bool      `json:"bot,omitempty"`
	Text     string    `json:"text,omitempty"` // of a person
	Post     *Post     `json:"post,omitempty"` // of the bot
	PostKey  string    `json:"post_key,omitempty"`
	To       string    `json:"to,omitempty"` // account id that alone may see it; "" = all
	SentAt   time.Time `json:"sent_at"`
	EditedAt time.Time `json:"edited_at,omitzero"` // zero: never
	Root     string    `json:"root,omitempty"`
}

// Rooms keeps the rooms and the console's messages.
type Rooms interface {
	// Put makes or updates a room (Seq is left alone).
	Put(ctx context.Context, r Room) error
	Get(ctx context.Context, ref RoomRef) (Room, error)
	List(ctx context.Context, instance string) ([]Room, error)
	// Append stores e under the room's next sequence number, given under the room's
	// row lock; an entry with the same ID is replaced, keeping its SentAt. A room
	// that is not known is made.
	Append(ctx context.Context, e RoomEntry) (seq int64, err error)
	// Entries returns what has Seq > after, in order, at most limit.
	Entries(ctx context.Context, ref RoomRef, after int64, limit int) ([]RoomEntry, error)
}

// Bindings finds rooms by what they are about.
type Bindings interface {
	// Of returns the rooms that are bound to a project and that the bot is in.
	Of(ctx context.Context, projectID string) ([]Room, error)
}

// RoomsOf returns the rooms that hear of a project: its own, and those bound to it,
// where the bot still is.
func RoomsOf(ctx context.Context, tx *Tx, p Project) ([]Room, error) {
	rooms, err := tx.Bindings.Of(ctx, p.ID)
	if err != nil || p.Room.Instance == "" || p.Room.ID == "" {
		return rooms, err
	}
	for _, r := range rooms {
		if r.Ref == p.Room {
			return rooms, nil
		}
	}
	own, err := tx.Rooms.Get(ctx, p.Room)
	switch {
	case CodeOf(err) == CodeNotFound:
		own, err = Room{Ref: p.Room}, nil
	case err != nil || own.State != "":
		return rooms, err
	}
	return append([]Room{own}, rooms...), err
}

// ChangeRoom changes what is kept of a room, making it if it is new, and leaves alone
// what change does not touch.
func ChangeRoom(ctx context.Context, tx *Tx, ref RoomRef, change func(r *Room)) error {
	room, err := tx.Rooms.Get(ctx, ref)
	if err != nil && CodeOf(err) != CodeNotFound {
		return err
	}
	before := room
	room.Ref = ref
	if change(&room); err == nil && room == before {
		return nil
	}
	return tx.Rooms.Put(ctx, room)
}

package store

import (
	"context"

	"opsbot/bot"
)

type threads struct{ *work }

var _ bot.Threads = threads{}

// Post implements bot.Threads.
func (r threads) Post(ctx context.Context, room bot.RoomRef, messageID string) (bot.PostRow, error) {
	row, err := first[postRow](ctx, r.work, errNoPost, where(inRoom, room.Instance, room.Workspace, room.ID),
		where("message_id = ? AND message_id <> ''", messageID))
	return row.noun(), err
}

// Posts implements bot.Threads. Both conditions have an index of their own.
func (r threads) Posts(ctx context.Context, room bot.RoomRef, thread string) ([]bot.PostRow, error) {
	if thread == "" {
		return nil, nil
	}
	return list(ctx, r.work, postRow.noun, where(inRoom, room.Instance, room.Workspace, room.ID),
		where("(thread = ? AND thread <> '' OR message_id = ? AND message_id <> '')", thread, thread), order("seq"))
}

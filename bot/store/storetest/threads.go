package storetest

import (
	"context"
	"testing"

	"opsbot/bot"
)

func threadRules() []rule {
	return []rule{
		{"threads/posts by their thread", postThreads},
		{"threads/a post by its message", postByMessage},
	}
}

// postThreads: our posts in a thread and the one that starts it, of that room only.
func postThreads(t *testing.T, e *env) {
	e.put(post("a", "root", "starts it"))
	e.put(post("a", "elsewhere", "another thread"))
	e.put(post("b", "root", "another room"))
	for _, row := range e.claimPosts("w", 10) {
		e.delivered(row)
	}
	e.put(post("a", "answer", "answers"))
	for _, row := range e.claimPosts("w", 10) {
		row.Thread = "m-root"
		e.delivered(row)
	}
	in := func(thread string) (keys []string) {
		for _, row := range get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.PostRow, error) {
			return tx.Threads.Posts(ctx, room("a"), thread)
		}) {
			keys = append(keys, row.Key)
		}
		return keys
	}
	same(t, in("m-root"), []string{"root", "answer"})
	same(t, in("m-answer"), []string{"answer"})
	same(t, in("m-none"), []string(nil))
	same(t, in(""), []string(nil))
}

func postByMessage(t *testing.T, e *env) {
	for _, r := range []string{"r", "s"} { // chats number their messages by room, some of them
		e.put(post(r, "k", "in "+r))
		e.put(post(r, "waits", "not sent"))
		e.delivered(e.post(r, "k"))
	}
	by := func(r, id string) func(ctx context.Context, tx *bot.Tx) (bot.PostRow, error) {
		return func(ctx context.Context, tx *bot.Tx) (bot.PostRow, error) { return tx.Threads.Post(ctx, room(r), id) }
	}
	for _, r := range []string{"r", "s"} {
		same(t, get(e, by(r, "m-k")), e.post(r, "k"))
	}
	for _, miss := range [][2]string{{"r", ""}, {"r", "m-waits"}, {"other", "m-k"}} {
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return second(by(miss[0], miss[1])(ctx, tx)) })
	}
}

package console

import (
	"testing"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	"opsbot/test/conformance/chattest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	chattest.Run(t, func(t *testing.T) chattest.Rig {
		t.Helper()
		r := &rig{t: t, clock: &stubClock{}}
		r.store = storetest.Open(t, func(o *store.Options) { o.Clock = bot.SystemClock{} })
		r.c = r.console()
		return chattest.Rig{
			Chat: r.c, Room: r.c.Room("general"),
			Messages: func() (out []chattest.Message) {
				for _, e := range bySent(r.entries()) {
					out = append(out, chattest.Message{ID: e.ID, Thread: e.Thread, Post: *e.Post})
				}
				return out
			},
		}
	})
}

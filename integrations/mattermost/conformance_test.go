package mattermost

import (
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	chattest.Run(t, func(t *testing.T) chattest.Rig {
		t.Helper()
		r := setup(t)
		return chattest.Rig{
			Chat: r.Chat, Room: r.room(), Remove: r.srv.DeletePost, RoomName: "ops",
			Person:    bot.Account{Instance: "mm", ID: r.alice.ID, Name: "alice"},
			Restarted: func() bot.Chat { return r.another() },
			Messages: func() (out []chattest.Message) {
				for _, p := range r.srv.Channel(r.ops.ID).Posts() {
					if p.UserID == r.bot.ID && p.Type == "" {
						out = append(out, chattest.Message{ID: p.ID, Thread: p.RootID, Post: bot.Post{Text: []bot.Text{bot.Escape(p.Message)}}})
					}
				}
				return out
			},
		}
	})
}

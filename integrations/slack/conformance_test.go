package slack

import (
	"testing"

	"opsbot/bot"
	"opsbot/integrations/slack/wire"
	"opsbot/test/conformance/chattest"
	fake "opsbot/test/fakes/slack"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	chattest.Run(t, func(t *testing.T) chattest.Rig {
		t.Helper()
		r := setup(t)
		return chattest.Rig{
			Chat: r.chat, Room: r.room(r.dev), RoomName: "dev", Person: bot.Account{Instance: "slack", Workspace: r.TeamID, ID: r.alice, Name: "alice"},
			Restarted: func() bot.Chat { return r.newChat(t.TempDir()) },
			Remove: func(id string) {
				channel, ts, _ := wire.SplitID(id)
				r.Delete(r.BotUserID, channel, ts)
			},
			Messages: func() (out []chattest.Message) {
				for _, m := range r.FromBot(r.dev) {
					out = append(out, chatMessage(m))
				}
				return out
			},
		}
	})
}

func chatMessage(m fake.Message) chattest.Message {
	out := chattest.Message{ID: wire.MessageID(m.Channel, m.TS), Post: bot.Post{Text: []bot.Text{bot.Escape(m.Text())}}}
	if m.Thread != "" && m.Thread != m.TS {
		out.Thread = wire.MessageID(m.Channel, m.Thread)
	}
	return out
}

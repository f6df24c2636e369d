package slack

import (
	"context"
	"slices"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/web"
)

// Bounds of looking for a message.
const (
	pageSize     = 200
	historyPages = 5
	threadPages  = 10
)

// page is a part of what a conversation or a thread holds.
type page struct {
	messages []slack.Message
	next     string
}

// history reads a page of a channel, the newest first.
func (c *Chat) history(ctx context.Context, p slack.GetConversationHistoryParameters) (page, error) {
	return web.Do(ctx, c.web, web.Call{Method: "conversations.history", Safe: true}, func(api *slack.Client) (page, error) {
		r, err := api.GetConversationHistoryContext(ctx, &p)
		if err != nil {
			return page{}, err
		}
		return page{r.Messages, r.ResponseMetaData.NextCursor}, nil
	})
}

// replies reads a page of a thread, the oldest first, always with its root.
func (c *Chat) replies(ctx context.Context, p slack.GetConversationRepliesParameters) (page, error) {
	return web.Do(ctx, c.web, web.Call{Method: "conversations.replies", Safe: true}, func(api *slack.Client) (page, error) {
		messages, _, next, err := api.GetConversationRepliesContext(ctx, &p)
		return page{messages, next}, err
	})
}

// exists reports whether a message is still there.
func (c *Chat) exists(ctx context.Context, channel, thread, ts string) (bool, error) {
	var got page
	var err error
	if thread == "" || thread == ts {
		got, err = c.history(ctx, slack.GetConversationHistoryParameters{ChannelID: channel, Oldest: ts, Latest: ts, Inclusive: true, Limit: 1})
	} else {
		got, err = c.replies(ctx, slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: thread, Oldest: ts, Latest: ts, Inclusive: true, Limit: 10})
	}
	if bot.CodeOf(err) == bot.CodeNotFound {
		return false, nil
	}
	return slices.ContainsFunc(got.messages, func(m slack.Message) bool { return m.Timestamp == ts && m.SubType != "tombstone" }), err
}

// find looks for the bot's own post with a key; "" if there is none.
func (c *Chat) find(ctx context.Context, channel, thread, key string) (ts string, err error) {
	id, err := c.who(ctx)
	if err != nil {
		return "", err
	}
	err = c.scan(ctx, channel, thread, "", func(m slack.Message) bool {
		if m.Metadata.EventType != metadataType || m.Metadata.EventPayload["key"] != key || !own(m, id) || m.SubType == "tombstone" {
			return false
		}
		ts = m.Timestamp
		return true
	})
	return ts, err
}

func own(m slack.Message, id web.Identity) bool {
	return m.User == id.UserID || m.BotID != "" && m.BotID == id.BotID
}

// scan shows match the messages of a thread or, without one, of a channel, until it
// says that it has seen enough. It gives up after some thousand.
func (c *Chat) scan(ctx context.Context, channel, thread, oldest string, match func(m slack.Message) bool) error {
	pages := historyPages
	if thread != "" {
		pages = threadPages
	}
	cursor := ""
	for range pages {
		var got page
		var err error
		if thread == "" {
			got, err = c.history(ctx, slack.GetConversationHistoryParameters{ChannelID: channel, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true})
		} else {
			got, err = c.replies(ctx, slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: thread, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true})
		}
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil // a thread without a root
		}
		if err != nil || slices.ContainsFunc(got.messages, match) || got.next == "" {
			return err
		}
		cursor = got.next
	}
	return nil
}

package slack

import (
	"context"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// metadataType marks the bot's posts, with the post's key as payload.
const metadataType = "opsbot_post"

// Send implements bot.Chat. The same key is posted once: in this process it is
// remembered; after a crash the message is looked for by its metadata.
func (c *Chat) Send(ctx context.Context, p bot.Post) (string, error) {
	channel, err := c.channel(ctx, p.Room)
	if err != nil {
		return "", err
	}
	return c.once(ctx, channel+" "+p.Key, func(known string) (string, error) { return c.send(ctx, channel, known, p) })
}

// send posts p unless it is there: known is where it was, "" if that is not known.
func (c *Chat) send(ctx context.Context, channel, known string, p bot.Post) (string, error) {
	thread := threadIn(channel, p.Thread)
	ts, err := c.present(ctx, channel, thread, known, p)
	if err != nil {
		return "", err
	}
	m := block.Post(p, block.Options{Instance: c.env.Name})
	fresh := ts == ""
	if fresh {
		if ts, err = c.post(ctx, channel, thread, p.Key, m); err != nil {
			return "", err
		}
	}
	id := wire.MessageID(channel, ts)
	c.sent.Put(channel+" "+p.Key, id)
	return id, c.attach(ctx, place{channel: channel, thread: orElse(thread, ts), after: ts, fresh: fresh}, p, m)
}

// present finds the message of an earlier call; "" if there is none.
func (c *Chat) present(ctx context.Context, channel, thread, known string, p bot.Post) (ts string, err error) {
	if _, ts, ok := wire.SplitID(known); ok {
		there, err := c.exists(ctx, channel, thread, ts)
		if err != nil || there {
			return ts, err
		}
	}
	if p.Again {
		return c.find(ctx, channel, thread, p.Key)
	}
	return "", nil
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// threadIn gives the timestamp of a thread's root, "" for what is no thread of the
// channel.
func threadIn(channel, thread string) string {
	in, ts, ok := wire.SplitID(thread)
	if !ok || in != channel {
		return ""
	}
	return ts
}

// content is what all ways to show a message have in common: nothing that others
// wrote is read as markup, and no address is looked up.
func content(m block.Message) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionParse(false), slack.MsgOptionLinkNames(false),
	}
}

func metadata(key string) slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{"key": key}})
}

// post makes a new message.
func (c *Chat) post(ctx context.Context, channel, thread, key string, m block.Message) (ts string, err error) {
	return c.plainer(m, func(m block.Message) (string, error) {
		options := append(content(m), metadata(key), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(), slack.MsgOptionDisableMarkdown())
		if thread != "" {
			options = append(options, slack.MsgOptionTS(thread))
		}
		return web.Do(ctx, c.web, web.Call{Method: "chat.postMessage"}, func(api *slack.Client) (string, error) {
			_, ts, err := api.PostMessageContext(ctx, channel, options...)
			return ts, err
		})
	})
}

// plainer tries once more with the words alone when Slack does not take the blocks:
// a bound that nobody knew must not swallow what the bot has to say.
func (c *Chat) plainer(m block.Message, try func(m block.Message) (string, error)) (string, error) {
	out, err := try(m)
	switch web.CodeOf(err) {
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long":
		c.env.Log.Error("slack does not take a message's blocks; its words are sent alone", "error", err)
		m.Blocks = block.Plain(m)
		return try(m)
	}
	return out, err
}

// Edit implements bot.Chat.
func (c *Chat) Edit(ctx context.Context, messageID string, p bot.Post) error {
	channel, ts, ok := wire.SplitID(messageID)
	if !ok {
		return bot.Errorf(bot.CodeNotFound, "There is no message %q in Slack.", bot.Shorten(messageID, 60))
	}
	m := block.Post(p, block.Options{Instance: c.env.Name})
	_, err := c.plainer(m, func(m block.Message) (string, error) {
		options := append(content(m), metadata(p.Key))
		return web.Do(ctx, c.web, web.Call{Method: "chat.update", Safe: true}, func(api *slack.Client) (string, error) {
			_, ts, _, err := api.UpdateMessageContext(ctx, channel, ts, options...)
			return ts, err
		})
	})
	key := channel + " " + p.Key
	if bot.CodeOf(err) == bot.CodeNotFound {
		c.sent.Drop(key)
	}
	if err != nil {
		return err
	}
	c.sent.Put(key, messageID)
	return c.attach(ctx, place{channel: channel, thread: orElse(threadIn(channel, p.Thread), ts), after: ts}, p, m)
}

// channel gives the conversation's id of a room, which may be called by its name.
func (c *Chat) channel(ctx context.Context, ref bot.RoomRef) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", bot.Errorf(bot.CodeUnavailable, "The call of Slack was interrupted.").Backoff().Because(err)
	}
	if wire.IsChannel(ref.ID) {
		return ref.ID, nil
	}
	r, err := c.FindRoom(ctx, strings.TrimPrefix(ref.ID, "#"))
	return r.Ref.ID, err
}

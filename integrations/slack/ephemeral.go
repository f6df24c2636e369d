package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// SendEphemeral implements bot.Ephemeral. Where Slack can't show a message to one
// person only, in a conversation with the bot or to whoever is not in the channel, it
// is a message of the conversation that the bot has with them; so is what has a file.
func (c *Chat) SendEphemeral(ctx context.Context, p bot.Post) error {
	if p.To == nil || !wire.IsUser(p.To.ID) {
		return bot.Errorf(bot.CodeInvalid, "The post %s says not whom it is for.", p.Key)
	}
	channel, err := c.channel(ctx, p.Room)
	if err != nil {
		return err
	}
	m := block.Post(p, block.Options{Instance: c.env.Name})
	if strings.HasPrefix(channel, "D") {
		_, err := c.Send(ctx, p)
		return err
	}
	if m.Rest != "" || p.File != nil {
		return c.sendDirect(ctx, channel, p)
	}
	sum := sha256.Sum256([]byte(m.Text)) // what is shown can't be changed: other words are another message
	key := channel + " " + p.To.ID + " " + p.Key + " " + hex.EncodeToString(sum[:8])
	_, err = c.once(ctx, key, func(known string) (string, error) {
		if known != "" {
			return known, nil
		}
		ts, err := c.whisper(ctx, channel, threadIn(channel, p.Thread), p.To.ID, m)
		if err == nil {
			c.sent.Put(key, ts)
		}
		return ts, err
	})
	switch web.CodeOf(err) {
	case "user_not_in_channel", "channel_not_found", "not_in_channel", "is_archived":
		return c.sendDirect(ctx, channel, p)
	}
	return err
}

// whisper shows a message to one person of a channel.
func (c *Chat) whisper(ctx context.Context, channel, thread, user string, m block.Message) (string, error) {
	return c.plainer(m, func(m block.Message) (string, error) {
		options := content(m)
		if thread != "" {
			options = append(options, slack.MsgOptionTS(thread))
		}
		return web.Do(ctx, c.web, web.Call{Method: "chat.postEphemeral"}, func(api *slack.Client) (string, error) {
			return api.PostEphemeralContext(ctx, channel, user, options...)
		})
	})
}

// sendDirect says a post to p.To in the conversation that the bot has with them, with
// a way back. Its actions stay behind: they work in their own room only.
func (c *Chat) sendDirect(ctx context.Context, channel string, p bot.Post) error {
	dm, err := c.conversation(ctx, p.To.ID)
	if err != nil {
		return err
	}
	direct := p
	direct.Room.ID, direct.Thread, direct.To, direct.Buttons = dm, "", nil, nil
	for _, b := range p.Buttons {
		if b.URL != "" {
			direct.Buttons = append(direct.Buttons, b)
		}
	}
	if in, _, ok := wire.SplitID(p.Thread); ok && in == channel {
		if link, err := c.Permalink(ctx, p.Thread); err == nil {
			direct.Buttons = append(direct.Buttons, bot.Button{Label: "Open the thread", URL: link})
		}
	}
	_, err = c.Send(ctx, direct)
	return err
}

// conversation gives the one that the bot has with a user alone.
func (c *Chat) conversation(ctx context.Context, user string) (string, error) {
	if id, ok := c.direct.Get(user); ok {
		return id, nil
	}
	id, err := web.Do(ctx, c.web, web.Call{Method: "conversations.open", Safe: true}, func(api *slack.Client) (string, error) {
		ch, _, _, err := api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
		if err != nil || ch == nil {
			return "", err
		}
		return ch.ID, nil
	})
	if err == nil && !wire.IsChannel(id) {
		err = bot.Errorf(bot.CodeUnavailable, "Slack opened no conversation.").Backoff()
	}
	if err != nil {
		return "", err
	}
	c.direct.Put(user, id)
	return id, nil
}

// Permalink gives the address of a message.
func (c *Chat) Permalink(ctx context.Context, messageID string) (string, error) {
	channel, ts, ok := wire.SplitID(messageID)
	if !ok {
		return "", bot.Errorf(bot.CodeNotFound, "There is no message %q in Slack.", bot.Shorten(messageID, 60))
	}
	return web.Do(ctx, c.web, web.Call{Method: "chat.getPermalink", Safe: true}, func(api *slack.Client) (string, error) {
		return api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: channel, Ts: ts})
	})
}

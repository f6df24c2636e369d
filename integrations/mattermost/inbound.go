package mattermost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

// missedAfter is how old what somebody said may be when it is read, to be run.
const missedAfter = time.Hour

// said is a post that may be for the bot.
type said struct {
	post   *model.Post
	direct bool // in a conversation with the bot alone
	// told: the event lists those who are mentioned; late: there was no event, the post
	// was found afterwards.
	mentions []string
	late     bool
}

// posted hands on what a person said, if it is for the bot. What an error leaves
// undone is to be handed on again.
func (c *Chat) posted(ctx context.Context, s said) error {
	me := c.me.get()
	p := s.post
	switch {
	case p.Type != "" || p.DeleteAt != 0 || p.OriginalId != "":
		return nil // the server's own words, or no words any more
	case p.UserId == me.id:
		return nil
	case bySoftware(p):
		// It is signed with the name of whoever made the webhook. A person who forges
		// the mark only silences himself.
		return nil
	}
	m := c.message(s, me)
	wanted, err := c.wants(ctx, m)
	if err == nil && !wanted {
		return nil
	}
	author, err := c.user(ctx, p.UserId)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil
	case bot.CodeOf(err) == bot.CodeForbidden: // hidden from the bot: the policy decides without it
	case err != nil:
		return err
	}
	if author.isBot { // by the account alone: props can be forged
		return nil
	}
	m.Author.Name = author.name
	_, err = c.env.Inbound.Receive(ctx, m)
	return err
}

// mostTries is how often what came in is tried that can't succeed.
const mostTries = 3

// hopeless reports whether something that came in is to be left out, so that what
// comes behind it is heard: only after an error that trying again does not mend.
func (c *Chat) hopeless(id string, err error) bool {
	if class, _ := bot.RetryOf(err); class != bot.RetryNever || bot.CodeOf(err) == bot.CodeStorageFull {
		return false
	}
	n, _ := c.failed.get(id)
	if n++; n < mostTries {
		c.failed.put(id, n)
		return false
	}
	c.failed.drop(id)
	c.env.Log.Error("mattermost: something that came in can't be taken and is left out", "id", id, "error", c.mask.Error(err))
	return true
}

// bySoftware: an incoming webhook or a plugin wrote in a person's name.
func bySoftware(p *model.Post) bool {
	for _, prop := range []string{"from_webhook", "from_plugin"} {
		if v := p.GetProp(prop); v == "true" || v == true {
			return true
		}
	}
	return false
}

func (c *Chat) message(s said, me identity) bot.Message {
	p := s.post
	// @all and @here put the bot among the mentioned, too; only its name is a call.
	named := markup.Names(p.Message, me.username) && (s.late || slices.Contains(s.mentions, me.id))
	m := bot.Message{
		ID: p.Id, Room: c.ref(p.ChannelId), Thread: p.RootId, Author: c.account(p.UserId),
		Text: markup.Said(p.Message, c.self()), SentAt: time.UnixMilli(p.CreateAt).UTC(), Direct: s.direct, Addressed: named,
	}
	m.Missed = s.late && c.env.Clock.Now().Sub(m.SentAt) > missedAfter
	return m
}

func (c *Chat) account(id string) bot.Account { return bot.Account{Instance: c.env.Name, ID: id} }

// wants asks whether a message is for the bot. What people said in a thread long ago
// is no call that was missed.
func (c *Chat) wants(ctx context.Context, m bot.Message) (bool, error) {
	if m.Missed && !m.Addressed && !m.Direct {
		m.Thread = ""
	}
	return c.env.Inbound.Wants(ctx, m)
}

// reacted hands on an emoji that somebody put to one of our posts.
func (c *Chat) reacted(ctx context.Context, r model.Reaction, channel string) error {
	if r.UserId == c.me.get().id || r.PostId == "" {
		return nil
	}
	if r.ChannelId != "" {
		channel = r.ChannelId
	}
	m := bot.Message{
		ID: "r" + digest(r.PostId, r.UserId, r.EmojiName, time.UnixMilli(r.CreateAt).UTC().Format(time.RFC3339Nano)), Room: c.ref(channel),
		Author: c.account(r.UserId), Reaction: withoutTone(r.EmojiName), On: r.PostId, SentAt: time.UnixMilli(r.CreateAt).UTC(),
	}
	wanted, err := c.env.Inbound.Wants(ctx, m)
	if err == nil && !wanted {
		return nil
	}
	author, err := c.user(ctx, r.UserId)
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	if err != nil || author.isBot {
		return nil
	}
	m.Author.Name = author.name
	m.Thread, err = c.rootOf(ctx, r.PostId)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.env.Inbound.Receive(ctx, m)
	return err
}

// withoutTone takes the skin tone off an emoji's name.
func withoutTone(name string) string {
	for _, tone := range []string{"_light_skin_tone", "_medium_light_skin_tone", "_medium_skin_tone", "_medium_dark_skin_tone", "_dark_skin_tone"} {
		if rest, ok := strings.CutSuffix(name, tone); ok {
			name = rest
		}
	}
	return name
}

// digest makes one id of several texts.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:13])
}

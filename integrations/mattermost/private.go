package mattermost

import (
	"context"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/render"
)

// SendEphemeral implements bot.Ephemeral: a post that one person alone sees where
// the account's role allows that, and a direct message else. In a conversation with
// that person it is a post like any other.
func (c *Chat) SendEphemeral(ctx context.Context, p bot.Post) error {
	if p.To == nil || p.To.Instance != c.env.Name || p.To.ID == "" {
		return bot.Errorf(bot.CodeInvalid, "A private post needs an account of Mattermost that it is for.")
	}
	me, err := c.known(ctx)
	if err != nil {
		return err
	}
	here, err := c.rooms.look(ctx, c, p.Room.ID)
	if err != nil && bot.CodeOf(err) != bot.CodeForbidden && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	if here.kind == model.ChannelTypeDirect {
		_, err := c.Send(ctx, p)
		return err
	}
	if c.me.get().whispers {
		err := c.whisper(ctx, p)
		if bot.CodeOf(err) != bot.CodeForbidden {
			return err
		}
		// Once is enough to know: asking each time would cost a call each time.
		c.me.setWhispers(false)
		c.env.Log.Info("mattermost: the bot's role does not allow posts for one person alone; direct messages take their place")
	}
	direct, err := c.api.Direct(ctx, me, p.To.ID)
	if err != nil {
		return err
	}
	q := p
	q.Again = true // the caller can't tell whether an earlier life has sent it
	q.To, q.Room, q.Thread, q.Mention = nil, c.ref(direct.Id), "", bot.Account{}
	q.Text = append(append([]bot.Text(nil), p.Text...), bot.Text("(about what you said in ")+bot.Escape(here.called())+")")
	_, err = c.send(ctx, q, render.Options{Room: p.Room.ID})
	return err
}

// whisper posts for one person alone. The server keeps nothing by which such a post
// could be found again; within this life it is not repeated.
func (c *Chat) whisper(ctx context.Context, p bot.Post) error {
	key := p.Key + "@" + p.To.ID
	release, err := c.locks.take(ctx, p.Room.ID+" "+key)
	if err != nil {
		return err
	}
	defer release()
	s := c.sent.byKey(p.Room.ID, key)
	if s == nil {
		s = &message{room: p.Room.ID, key: key}
	}
	parts := c.render(ctx, p, render.Options{})
	for i := len(s.parts); i < len(parts); i++ {
		post := &model.Post{ChannelId: p.Room.ID, RootId: p.Thread, Message: parts[i].Message}
		post.SetProps(props(s, parts[i], i))
		if err := c.api.Whisper(ctx, p.To.ID, post); err != nil {
			return err
		}
		s.parts = append(s.parts, partKey("whispered "+p.Room.ID+" "+key, i))
		c.sent.put(s)
	}
	return nil
}

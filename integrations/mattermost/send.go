package mattermost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/api"
	"opsbot/integrations/mattermost/render"
)

// Props that our posts carry, besides the attachments.
const (
	propKey  = "opsbot_key"  // the post's Key; of a further part followed by "#2", ...
	propFile = "opsbot_file" // digest of the file that it shows
)

// Send implements bot.Chat.
func (c *Chat) Send(ctx context.Context, p bot.Post) (string, error) {
	p.To = nil
	return c.send(ctx, p, render.Options{})
}

func (c *Chat) send(ctx context.Context, p bot.Post, o render.Options) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	release, err := c.locks.take(ctx, p.Room.ID+" "+p.Key)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := c.known(ctx); err != nil {
		return "", err
	}
	s := c.sent.byKey(p.Room.ID, p.Key)
	if s == nil && p.Again {
		if s, err = c.find(ctx, p); err != nil {
			return "", c.inRoom(err, p.Room.ID)
		}
	} else if s != nil {
		there, err := c.isThere(ctx, s.id())
		if err != nil {
			return "", c.inRoom(err, p.Room.ID)
		}
		if !there { // a person removed it: it is said anew
			c.sent.forget(s)
			s = &message{room: p.Room.ID, key: p.Key, gone: s.id()}
		}
	}
	if s == nil {
		s = &message{room: p.Room.ID, key: p.Key}
	}
	err = c.complete(ctx, p, s, o)
	return s.id(), err
}

// complete posts the parts of p that s does not have yet. What was posted before an
// error is remembered, so that the next call goes on behind it.
func (c *Chat) complete(ctx context.Context, p bot.Post, s *message, o render.Options) error {
	parts := c.render(ctx, p, o)
	for i := len(s.parts); i < len(parts); i++ {
		if err := c.add(ctx, p, s, parts[i], i); err != nil {
			return c.inRoom(err, p.Room.ID)
		}
	}
	return nil
}

// add posts part i.
func (c *Chat) add(ctx context.Context, p bot.Post, s *message, part render.Part, i int) error {
	post := &model.Post{
		ChannelId: s.room, RootId: p.Thread, Message: part.Message, PendingPostId: c.pendingID(s, i),
	}
	if i == 0 {
		s.thread = p.Thread
		if err := c.attach(ctx, p.File, s, post); err != nil {
			return err
		}
	} else {
		post.RootId = s.root()
	}
	post.SetProps(props(s, part, i))
	made, err := c.api.Create(ctx, post)
	if api.IDOf(err) == "api.post.create_post.root_id.app_error" && post.RootId != "" {
		// The thread's first post was removed, and all with it: the words stand alone.
		post.RootId, post.PendingPostId = "", c.pendingID(s, i)+"-"
		if i == 0 {
			s.thread = ""
		}
		made, err = c.api.Create(ctx, post)
	}
	if err != nil {
		return err
	}
	s.parts = append(s.parts, made.Id)
	c.sent.put(s)
	return nil
}

// attach uploads the post's file.
func (c *Chat) attach(ctx context.Context, f *bot.File, s *message, post *model.Post) error {
	if f == nil {
		return nil
	}
	id, err := c.upload(ctx, s.room, *f)
	if err != nil {
		return err
	}
	post.FileIds, s.file = model.StringArray{id}, f.Blob
	return nil
}

// props are all of a post's props: an edit replaces them as a whole, and what is read
// of a post lacks where its buttons go.
func props(s *message, part render.Part, i int) model.StringInterface {
	out := model.StringInterface{propKey: partKey(s.key, i), "from_bot": "true", "attachments": part.Attachments}
	if i > 0 {
		out["attachments"] = []*model.MessageAttachment{}
	} else if s.file != "" {
		out[propFile] = s.file
	}
	return out
}

// pendingID lets the server know a repetition. Its memory is one for all accounts,
// and lasts half a minute: a post that is said anew is no repetition.
func (c *Chat) pendingID(s *message, i int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.env.Name, c.me.get().id, s.room, partKey(s.key, i), s.gone}, "\n")))
	return "opsbot" + hex.EncodeToString(sum[:16])
}

func (c *Chat) render(ctx context.Context, p bot.Post, o render.Options) []render.Part {
	o.ActionURL = c.env.PublicURL + c.Prefix() + "actions"
	o.Mention = c.mention(ctx, p.Mention)
	parts := render.Post(p, o)
	for i := range parts {
		if parts[i].Attachments == nil {
			parts[i].Attachments = []*model.MessageAttachment{}
		}
	}
	return parts
}

// mention is the present user name of an account of this server, "" for any other.
func (c *Chat) mention(ctx context.Context, a bot.Account) string {
	if a.Instance != c.env.Name || a.ID == "" {
		return ""
	}
	user, err := c.user(ctx, a.ID)
	if err != nil {
		if model.IsValidUsername(a.Name) {
			return a.Name
		}
		return ""
	}
	return user.name
}

func (c *Chat) isThere(ctx context.Context, id string) (bool, error) {
	_, err := c.api.Post(ctx, id)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// Edit implements bot.Chat.
func (c *Chat) Edit(ctx context.Context, messageID string, p bot.Post) error {
	release, err := c.locks.take(ctx, p.Room.ID+" "+p.Key)
	if err != nil {
		return err
	}
	defer release()
	if _, err := c.known(ctx); err != nil {
		return err
	}
	s := c.sent.byKey(p.Room.ID, p.Key)
	fresh := s == nil || s.id() != messageID // we know nothing of how it looks
	if fresh {
		s = &message{room: p.Room.ID, key: p.Key, thread: p.Thread, parts: []string{messageID}}
	}
	parts := c.render(ctx, p, render.Options{})
	made, err := c.replace(ctx, p.File, s, parts[0], fresh)
	if err != nil {
		return c.inRoom(err, p.Room.ID)
	}
	if fresh && (made.ReplyCount > 0 || p.Thread != "" || len(parts) > 1) {
		if s.parts, err = c.findParts(ctx, s); err != nil {
			return c.inRoom(err, p.Room.ID)
		}
	}
	c.sent.put(s)
	return c.inRoom(c.adjust(ctx, p, s, parts), p.Room.ID)
}

// replace changes the first part.
func (c *Chat) replace(ctx context.Context, f *bot.File, s *message, part render.Part, fresh bool) (*model.Post, error) {
	files, err := c.refile(ctx, f, s, fresh)
	if err != nil {
		return nil, err
	}
	made, err := c.api.Patch(ctx, s.id(), part.Message, props(s, part, 0), files)
	if err == nil || bot.CodeOf(err) != bot.CodeForbidden && bot.CodeOf(err) != bot.CodeNotFound {
		return made, err
	}
	// The server answers alike for what is gone and for what is not ours.
	there, lookErr := c.isThere(ctx, s.id())
	switch {
	case lookErr != nil && bot.CodeOf(lookErr) != bot.CodeForbidden:
		return nil, lookErr
	case there:
		return nil, err
	}
	c.sent.forget(s)
	return nil, bot.Errorf(bot.CodeNotFound, "The message was removed from Mattermost.").Because(err)
}

// refile uploads a file that the message does not show yet; nil leaves its files.
func (c *Chat) refile(ctx context.Context, f *bot.File, s *message, fresh bool) (*model.StringArray, error) {
	if f == nil {
		return nil, nil
	}
	if fresh {
		now, err := c.api.Post(ctx, s.id())
		if err != nil {
			return nil, err
		}
		s.file, _ = now.GetProp(propFile).(string)
	}
	if s.file == f.Blob {
		return nil, nil
	}
	var post model.Post
	if err := c.attach(ctx, f, s, &post); err != nil {
		return nil, err
	}
	return &post.FileIds, nil
}

// adjust makes the further parts of s those of the post.
func (c *Chat) adjust(ctx context.Context, p bot.Post, s *message, parts []render.Part) error {
	for i := 1; i < len(parts); i++ {
		if i >= len(s.parts) {
			if err := c.add(ctx, p, s, parts[i], i); err != nil {
				return err
			}
			continue
		}
		_, err := c.api.Patch(ctx, s.parts[i], parts[i].Message, props(s, parts[i], i), nil)
		switch bot.CodeOf(err) {
		case "":
		case bot.CodeForbidden, bot.CodeNotFound: // removed: it and what follows is said anew
			s.gone, s.parts = s.parts[i], s.parts[:i]
			return c.complete(ctx, p, s, render.Options{})
		default:
			return err
		}
	}
	for len(s.parts) > len(parts) {
		last := len(s.parts) - 1
		if err := c.api.Delete(ctx, s.parts[last]); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return err
		}
		s.parts = s.parts[:last]
	}
	c.sent.put(s)
	return nil
}

// inRoom says what to do about errors that a room gives.
func (c *Chat) inRoom(err error, channel string) error {
	if err == nil {
		return nil
	}
	name := c.rooms.name(channel)
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden:
		return bot.Errorf(bot.CodeForbidden, "OpsBot may not post in %s of Mattermost: somebody there must type `/invite @%s`.", name, c.me.get().username).Because(err)
	case api.IDOf(err) == "api.post.create_post.can_not_post_to_deleted.error":
		return bot.Errorf(bot.CodeForbidden, "%s of Mattermost is archived: nothing can be said there.", name).Because(err)
	}
	return err
}

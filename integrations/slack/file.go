package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/web"
)

// maxUpload bounds a file: it is sent within one call, from memory.
const maxUpload = 32 << 20

// place is where a post's files belong.
type place struct {
	channel, thread string
	after           string // the post's own timestamp
	fresh           bool   // the post was made a moment ago: there can be no file yet
}

// upload is a file to put below a post.
type upload struct {
	name, title string // name tells it from all others, title is what people see
	read        func(ctx context.Context) ([]byte, error)
}

// attach puts a post's file, and what was too long for the message, into its thread:
// once, however often it is called.
func (c *Chat) attach(ctx context.Context, at place, p bot.Post, m block.Message) error {
	var all []upload
	if p.File != nil && p.File.Bytes > 0 {
		f := *p.File
		all = append(all, newUpload(f.Name, p.Key+" "+f.Blob, func(ctx context.Context) ([]byte, error) { return c.blob(ctx, f) }))
	}
	if m.Rest != "" {
		all = append(all, newUpload("whole-message.txt", p.Key+" "+m.Rest, func(context.Context) ([]byte, error) { return []byte(m.Rest), nil }))
	}
	for _, u := range all {
		if err := c.uploadOnce(ctx, at, u); err != nil {
			return err
		}
	}
	return nil
}

// newUpload names a file: what it holds and where it belongs is told by a few digits
// in the name, so that it is found again.
func newUpload(title, content string, read func(ctx context.Context) ([]byte, error)) upload {
	title = path.Base(strings.ReplaceAll(bot.OneLine(title), `\`, "/"))
	if title == "." || title == "/" {
		title = "file"
	}
	title = bot.Shorten(title, 100)
	sum := sha256.Sum256([]byte(content))
	ext := path.Ext(title)
	return upload{name: strings.TrimSuffix(title, ext) + "-" + hex.EncodeToString(sum[:6]) + ext, title: title, read: read}
}

func (c *Chat) blob(ctx context.Context, f bot.File) ([]byte, error) {
	if f.Bytes > maxUpload {
		return nil, bot.Errorf(bot.CodeTooLarge, "The file %s has %d bytes, too many to send them to Slack.", f.Name, f.Bytes)
	}
	r, err := c.env.Blobs.Open(ctx, f.Blob)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxUpload))
}

// uploadOnce uploads a file unless it is in the thread. What can't be helped by trying
// again is said in the thread instead: the post itself has been sent.
func (c *Chat) uploadOnce(ctx context.Context, at place, u upload) error {
	mark := at.channel + " " + u.name
	if _, done := c.files.Get(mark); done {
		return nil
	}
	there := false
	var err error
	if !at.fresh {
		there, err = c.uploaded(ctx, at, u)
	}
	if err == nil && !there {
		err = c.upload(ctx, at, u)
	}
	if err != nil {
		if class, _ := bot.RetryOf(err); class != bot.RetryNever {
			return err
		}
		c.env.Log.Error("a file was not uploaded to slack", "file", u.title, "error", err)
		sorry := bot.Post{Key: "nofile:" + u.name, Text: []bot.Text{bot.Escape(fmt.Sprintf("The file %s could not be shown here: %s", u.title, bot.MessageOf(err)))}}
		if _, err = c.post(ctx, at.channel, at.thread, sorry.Key, block.Post(sorry, block.Options{})); err != nil {
			return err
		}
	}
	c.files.Put(mark, true)
	return nil
}

// uploaded looks for a file in the thread.
func (c *Chat) uploaded(ctx context.Context, at place, u upload) (found bool, err error) {
	id, err := c.who(ctx)
	if err != nil {
		return false, err
	}
	err = c.scan(ctx, at.channel, at.thread, at.after, func(m slack.Message) bool {
		if !own(m, id) {
			return false
		}
		for _, f := range m.Files {
			found = found || f.Name == u.name
		}
		return found
	})
	return found, err
}

// upload sends a file in Slack's three steps: an address, the bytes, the place.
func (c *Chat) upload(ctx context.Context, at place, u upload) error {
	content, err := u.read(ctx)
	if err != nil {
		return err
	}
	to, err := web.Do(ctx, c.web, web.Call{Method: "files.getUploadURLExternal", Safe: true}, func(api *slack.Client) (*slack.GetUploadURLExternalResponse, error) {
		return api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: u.name, FileSize: len(content)})
	})
	if err != nil {
		return err
	}
	if err := c.web.Put(ctx, to.UploadURL, content); err != nil {
		return err
	}
	_, err = web.Do(ctx, c.web, web.Call{Method: "files.completeUploadExternal"}, func(api *slack.Client) (*slack.CompleteUploadExternalResponse, error) {
		return api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
			Files: []slack.FileSummary{{ID: to.FileID, Title: u.title}}, Channel: at.channel, ThreadTimestamp: at.thread,
		})
	})
	return err
}

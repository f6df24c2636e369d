package mattermost

import (
	"context"
	"io"
	"path"
	"strings"

	"opsbot/bot"
)

// upload stores a file in a channel, streamed from where it is kept.
func (c *Chat) upload(ctx context.Context, channel string, f bot.File) (string, error) {
	body, err := c.env.Blobs.Open(ctx, f.Blob)
	if err != nil {
		return "", err
	}
	defer body.Close()
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", bot.Errorf(bot.CodeInternal, "The file %s can't be read.", f.Name).Because(err)
	}
	id, err := c.api.Upload(ctx, channel, fileName(f.Name), size, io.NopCloser(body))
	if bot.CodeOf(err) == bot.CodeTooLarge {
		return "", bot.Errorf(bot.CodeTooLarge, "Mattermost does not take the file %s: it has %d bytes.", f.Name, size).Because(err)
	}
	return id, err
}

// fileName is a name without folders.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(bot.OneLine(name), `\`, "/"))
	if name == "." || name == "/" || name == "" {
		return "file"
	}
	return bot.Shorten(name, 120)
}

package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"opsbot/bot"
)

// show makes the chat's call: an edit of what is there, else a new message. After an
// error row says what the chat may show all the same.
func show(ctx context.Context, chat bot.Chat, post *bot.Post, row *bot.PostRow, tried string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("relay: chat %s panicked: %v\n%s", row.Room.Instance, v, debug.Stack())
		}
		if err != nil { // even if it was told to come back: a part may have arrived
			row.Shown = doubt(row.Shown, tried)
		}
	}()
	post.Again = strings.HasPrefix(row.Shown, shownUnsure)
	if private, ok := chat.(bot.Ephemeral); ok && post.To != nil {
		return private.SendEphemeral(ctx, *post)
	}
	if row.MessageID != "" {
		err := chat.Edit(ctx, row.MessageID, *post)
		if bot.CodeOf(err) != bot.CodeNotFound {
			return err
		}
		row.MessageID = "" // somebody removed it: say it anew
	}
	id, err := chat.Send(ctx, *post)
	if err != nil {
		return err
	}
	row.MessageID = id
	if post.Again && row.Shown != doubt("", tried) {
		// The chat may have found the message of an earlier call, with older content.
		return chat.Edit(ctx, id, *post)
	}
	return nil
}

// doubt is what the chat may show after a call with the content tried failed:
// nothing or that, if there was nothing before; else nobody knows.
func doubt(before, tried string) string {
	if only := shownUnsure + ":" + tried; before == "" || before == only {
		return only
	}
	return shownUnsure
}

// hash tells whether two posts look the same; who caused them does not show.
func hash(post *bot.Post) string {
	p := *post
	p.Cause, p.Root, p.Key, p.Room = "", "", "", bot.RoomRef{}
	body, err := json.Marshal(p)
	if err != nil {
		return "" // nothing in a post can fail to encode
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

package mattermost

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/api"
)

// Bounds of what is read after a lost connection.
const (
	mostChannels = 200
	mostPosts    = 1000 // of each
	smallPage    = 20
	// overlap is read again: posts of one moment may come in any order. What was
	// received already is known by its id.
	overlap = 5 * time.Second
	// saveEvery is how often the cursor is written while people talk.
	saveEvery = 5 * time.Second
)

// cursor is the moment, by the server's clock, up to which all that was said has been
// received.
type cursor struct {
	mu     sync.Mutex
	at     int64 // milliseconds; 0 = not loaded
	born   int64 // what was said until then is not looked at
	stored int64
	saved  time.Time
	rev    int64
}

func (k *cursor) reach(at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = max(k.at, at)
}

func (k *cursor) get() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

func (k *cursor) since() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.born
}

// Where the cursor is kept.
const (
	cursorKind = "cursor"
	cursorKey  = "posts"
)

type cursorBody struct {
	At   int64 `json:"at"`
	Born int64 `json:"born"`
}

// loadCursor reads the stored cursor; ok is false when there has never been one.
func (c *Chat) loadCursor(ctx context.Context) (at int64, ok bool, err error) {
	var doc bot.Document
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		doc, err = tx.Documents.Get(ctx, c.env.Name, cursorKind, cursorKey)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	var body cursorBody
	if err := json.Unmarshal(doc.Body, &body); err != nil {
		return 0, false, bot.Errorf(bot.CodeInternal, "The cursor of %s can't be read.", c.env.Name).Because(err)
	}
	c.cursor.mu.Lock()
	defer c.cursor.mu.Unlock()
	c.cursor.rev, c.cursor.stored, c.cursor.born = doc.Rev, body.At, body.Born
	return body.At, true, nil
}

// keepCursor writes the cursor now and then.
func (c *Chat) keepCursor(ctx context.Context) {
	c.cursor.mu.Lock()
	due := c.cursor.at > c.cursor.stored && c.env.Clock.Now().Sub(c.cursor.saved) >= saveEvery
	c.cursor.mu.Unlock()
	if due {
		c.saveCursor(ctx)
	}
}

// saveCursor writes the cursor. A failure costs reading a little more the next time.
func (c *Chat) saveCursor(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	k := c.cursor
	k.mu.Lock()
	at, born, rev, stored := k.at, k.born, k.rev, k.stored
	k.saved = c.env.Clock.Now()
	k.mu.Unlock()
	if at <= stored {
		return
	}
	body, _ := json.Marshal(cursorBody{At: at, Born: born}) // numbers
	err := c.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		rev, err = tx.Documents.Put(ctx, bot.Document{Instance: c.env.Name, Kind: cursorKind, Key: cursorKey, Rev: rev, Body: body})
		return err
	})
	if bot.CodeOf(err) == bot.CodeStale { // another replica hears the same, and was faster
		if _, _, err = c.loadCursor(ctx); err == nil {
			return
		}
	}
	if err != nil {
		c.env.Log.Warn("mattermost: the cursor was not stored", "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rev, k.stored = rev, at
}

// catchUp reads what was said while nobody listened, of every channel that the bot is
// in. The cursor moves only once all of it has been received.
func (c *Chat) catchUp(ctx context.Context, rooms []room) error {
	at := c.cursor.get()
	stored, ok, err := c.loadCursor(ctx)
	if err != nil {
		return err
	}
	if at = max(at, stored); at == 0 && !ok {
		c.begin(rooms)
		c.saveCursor(ctx)
		return nil
	}
	since := max(at-overlap.Milliseconds(), c.cursor.since())
	newest := at
	for _, r := range c.due(rooms, since) {
		last, err := c.catchUpRoom(ctx, r, since, at)
		if err != nil {
			return err
		}
		newest = max(newest, last)
	}
	c.cursor.reach(newest)
	c.saveCursor(ctx)
	return nil
}

// arrive finds the rooms and, the first time, where to listen from: what is said from
// now on is for the bot, also before its socket is there.
func (c *Chat) arrive(ctx context.Context) error {
	rooms, err := c.syncRooms(ctx)
	if err != nil {
		return err
	}
	_, known, err := c.loadCursor(ctx)
	if err == nil && !known {
		c.begin(rooms)
		c.saveCursor(ctx)
	}
	return err
}

// begin puts the cursor behind all that was said before the bot was there the first
// time: that is not for it, nor will it be.
func (c *Chat) begin(rooms []room) {
	born := int64(1) // so that the cursor is written although nobody has said anything
	for _, r := range rooms {
		born = max(born, r.lastPost)
	}
	c.cursor.mu.Lock()
	defer c.cursor.mu.Unlock()
	c.cursor.born, c.cursor.at = born, max(c.cursor.at, born)
}

// due are the channels in which something was said, those of the last words first.
func (c *Chat) due(rooms []room, since int64) []room {
	var out []room
	for _, r := range rooms {
		if r.lastPost > since {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b room) int { return int(b.lastPost - a.lastPost) })
	if len(out) > mostChannels {
		c.env.Log.Error("mattermost: too many channels to read what was missed in all; mentions in the others are lost",
			"channels", len(out), "read", mostChannels)
		out = out[:mostChannels]
	}
	return out
}

// catchUpRoom reads one channel and gives the moment of its newest post. seen is up
// to when posts were received as they came.
func (c *Chat) catchUpRoom(ctx context.Context, r room, since, seen int64) (newest int64, err error) {
	posts, err := c.postsSince(ctx, r, since, api.PageSize)
	if bot.CodeOf(err) == bot.CodeTooLarge { // posts may have props of a megabyte each
		posts, err = c.postsSince(ctx, r, since, smallPage)
	}
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden || bot.CodeOf(err) == bot.CodeNotFound:
		return 0, nil // the bot was taken out of it meanwhile
	case err != nil && c.hopeless("what was missed in "+r.id, err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	for _, p := range posts {
		newest = max(newest, p.CreateAt)
		if p.EditAt > 0 && p.CreateAt < seen {
			continue // an edit makes nothing new of what was heard already
		}
		if err := c.posted(ctx, said{post: p, direct: r.kind == model.ChannelTypeDirect, late: true}); err != nil && !c.hopeless(p.Id, err) {
			return 0, err
		}
	}
	return newest, nil
}

// postsSince are the posts of a channel made after a moment, oldest first. They are
// read page by page: what changed since a moment the server gives in one piece,
// however large.
func (c *Chat) postsSince(ctx context.Context, r room, since int64, size int) ([]*model.Post, error) {
	var out []*model.Post // newest first, as the server orders even what is of one moment
	known := map[string]bool{}
	for page := 0; ; page++ {
		list, err := c.api.Page(ctx, r.id, page, size)
		if err != nil {
			return nil, err
		}
		more := len(list.Order) >= size
		for _, id := range list.Order {
			p := list.Posts[id]
			switch {
			case p == nil || known[id]: // new posts move the pages on
			case p.CreateAt <= since:
				more = false
			default:
				known[id] = true
				out = append(out, p)
			}
		}
		if !more {
			break
		}
		if len(out) >= mostPosts {
			c.env.Log.Error("mattermost: too much was said to read all that was missed; older mentions are lost", "channel", r.name, "read", len(out))
			break
		}
	}
	slices.Reverse(out)
	return out, nil
}

package mattermost

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/api"
)

// Bounds of what is remembered of our posts, and of the search for one of them.
const (
	mostSent  = 4096
	mostPages = 5
	mostAge   = 7 * 24 * time.Hour
)

// message is one logical post of ours as the server has it: one part, or several.
// Who holds the lock of its key may change it.
type message struct {
	room, key string
	thread    string   // root that it was posted under, "" at the top level
	parts     []string // post ids, the first is the message's id
	file      string   // digest of the file that it shows
	gone      string   // the post in whose place it is
}

// id is "" as long as nothing is posted.
func (m *message) id() string {
	if len(m.parts) == 0 {
		return ""
	}
	return m.parts[0]
}

// root is the thread in which the further parts stand.
func (m *message) root() string {
	if m.thread != "" {
		return m.thread
	}
	return m.id()
}

// partKey is what part i of a post is found by.
func partKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return key + "#" + strconv.Itoa(i+1)
}

// partOf gives i of a part's key, -1 when it belongs to another post.
func partOf(key, found string) int {
	if found == key {
		return 0
	}
	rest, ok := strings.CutPrefix(found, key+"#")
	n, err := strconv.Atoi(rest)
	if !ok || err != nil || n < 2 {
		return -1
	}
	return n - 1
}

// outgoing remembers what was posted lately.
type outgoing struct {
	keys  *lru[string, *message]
	ids   *lru[string, *message]
	roots *lru[string, string] // thread roots of posts, others' too
}

func newOutgoing() *outgoing {
	return &outgoing{keys: newLRU[string, *message](mostSent), ids: newLRU[string, *message](mostSent), roots: newLRU[string, string](mostSent)}
}

// byKey gives a copy: it changes under the key's lock alone.
func (o *outgoing) byKey(room, key string) *message {
	m, ok := o.keys.get(room + " " + key)
	if !ok {
		return nil
	}
	own := *m
	own.parts = append([]string(nil), m.parts...)
	return &own
}

func (o *outgoing) put(m *message) {
	own := *m
	own.parts = append([]string(nil), m.parts...)
	o.keys.put(m.room+" "+m.key, &own)
	o.ids.put(m.id(), &own)
	o.roots.put(m.id(), m.root())
}

func (o *outgoing) forget(m *message) {
	o.keys.drop(m.room + " " + m.key)
	o.ids.drop(m.id())
}

// removed forgets a post that somebody deleted.
func (o *outgoing) removed(id string) {
	if m, ok := o.ids.get(id); ok {
		o.forget(m)
	}
}

// rootOf is the thread that a post stands in, or begins.
func (c *Chat) rootOf(ctx context.Context, id string) (string, error) {
	if root, ok := c.sent.roots.get(id); ok {
		return root, nil
	}
	post, err := c.api.Post(ctx, id)
	if err != nil {
		return "", err
	}
	root := post.RootId
	if root == "" {
		root = id
	}
	c.sent.roots.put(id, root)
	return root, nil
}

// find looks for a post of ours that an earlier life may have posted, by its key; nil
// when there is none within the bounds.
func (c *Chat) find(ctx context.Context, p bot.Post) (*message, error) {
	s := &message{room: p.Room.ID, key: p.Key, thread: p.Thread}
	var found map[int]*model.Post
	var err error
	if p.Thread != "" {
		found, err = c.partsIn(ctx, p.Thread, p.Key)
		if bot.CodeOf(err) == bot.CodeNotFound { // the thread was removed, and what was in it
			return nil, nil
		}
	} else {
		found, err = c.partsOf(ctx, p.Room.ID, p.Key)
	}
	if err != nil || found[0] == nil {
		return nil, err
	}
	s.thread = found[0].RootId
	s.file, _ = found[0].GetProp(propFile).(string)
	if s.thread == "" && found[0].ReplyCount > 0 {
		if found, err = c.partsIn(ctx, found[0].Id, p.Key); err != nil || found[0] == nil {
			return nil, err
		}
	}
	s.parts = inOrder(found)
	c.sent.put(s)
	return s, nil
}

// findParts are the ids of all parts of a message whose first one is known.
func (c *Chat) findParts(ctx context.Context, s *message) ([]string, error) {
	found, err := c.partsIn(ctx, s.root(), s.key)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return s.parts, nil
	}
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		found[0] = &model.Post{Id: s.id()}
	}
	return inOrder(found), nil
}

// inOrder are the ids of the parts up to the first that is missing.
func inOrder(found map[int]*model.Post) []string {
	var out []string
	for i := 0; found[i] != nil; i++ {
		out = append(out, found[i].Id)
	}
	return out
}

// partsIn finds the parts of a post in a thread.
func (c *Chat) partsIn(ctx context.Context, root, key string) (map[int]*model.Post, error) {
	list, err := c.api.Thread(ctx, root)
	if err != nil {
		return nil, err
	}
	return c.ours(list, key), nil
}

// partsOf finds them in a channel, among the newest posts.
func (c *Chat) partsOf(ctx context.Context, channel, key string) (map[int]*model.Post, error) {
	found := map[int]*model.Post{}
	for page := range mostPages {
		list, err := c.api.Page(ctx, channel, page, api.PageSize)
		if err != nil {
			return nil, err
		}
		for i, post := range c.ours(list, key) {
			found[i] = post
		}
		if found[0] != nil || len(list.Order) < api.PageSize {
			return found, nil
		}
		oldest := list.Posts[list.Order[len(list.Order)-1]]
		if oldest != nil && oldest.CreateAt < c.api.ServerNow().Add(-mostAge).UnixMilli() {
			return found, nil
		}
	}
	c.env.Log.Warn("a post that may have been sent before is not among the newest of its channel", "channel", channel, "key", key)
	return found, nil
}

// ours are the parts of a post in a list. Others may write the same props.
func (c *Chat) ours(list *model.PostList, key string) map[int]*model.Post {
	me := c.me.get().id
	found := map[int]*model.Post{}
	for _, post := range list.Posts {
		text, _ := post.GetProp(propKey).(string)
		if i := partOf(key, text); post.UserId == me && post.DeleteAt == 0 && i >= 0 {
			found[i] = post
		}
	}
	return found
}

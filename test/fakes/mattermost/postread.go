package mattermost

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

func (s *Server) postRoutes() []route {
	ephemeral := []string{"user_id", "post"}
	patch := []string{"is_pinned", "message", "props", "file_ids", "has_reactions"}
	return []route{
		{method: "POST", path: "/posts", serve: (*call).postPost, status: 201, outward: true, query: []string{"set_online"}, fields: postFields()},
		{method: "POST", path: "/posts/ephemeral", serve: (*call).postEphemeral, status: 201, fields: ephemeral},
		{method: "POST", path: "/posts/ids", serve: (*call).postsByIDs},
		{method: "GET", path: "/posts/{post_id}", serve: (*call).postByID, query: []string{"include_deleted"}},
		{method: "PUT", path: "/posts/{post_id}", serve: (*call).putPost, fields: postFields()},
		{method: "PUT", path: "/posts/{post_id}/patch", serve: (*call).patchPost, fields: patch},
		{method: "DELETE", path: "/posts/{post_id}", serve: (*call).deletePost},
		{method: "GET", path: "/posts/{post_id}/thread", serve: (*call).threadOf, query: []string{"collapsedThreads", "perPage", "direction", "fromPost", "fromCreateAt"}},
		{method: "POST", path: "/posts/{post_id}/pin", serve: (*call).pin},
		{method: "POST", path: "/posts/{post_id}/unpin", serve: (*call).unpin},
		{method: "GET", path: "/posts/{post_id}/reactions", serve: (*call).reactionsOf},
		{method: "POST", path: "/reactions", serve: (*call).react, fields: []string{"user_id", "post_id", "emoji_name", "create_at", "update_at", "delete_at", "remote_id", "channel_id"}},
		{method: "DELETE", path: "/users/{user_id}/posts/{post_id}/reactions/{emoji_name}", serve: (*call).unreact},
		{method: "GET", path: "/channels/{channel_id}/posts", serve: (*call).postsOf, query: []string{"since", "page", "per_page", "before", "after", "collapsedThreads", "skipFetchThreads", "include_deleted"}},
		{method: "GET", path: "/channels/{channel_id}/pinned", serve: (*call).pinned},
	}
}

// postList is a page of posts. HasNext is given by a thread alone.
type postList struct {
	Order        []string            `json:"order"`
	Posts        map[string]postJSON `json:"posts"`
	NextPostID   string              `json:"next_post_id"`
	PrevPostID   string              `json:"prev_post_id"`
	HasNext      *bool               `json:"has_next,omitempty"`
	Inaccessible int64               `json:"first_inaccessible_post_time"`
}

// list puts posts into a page, and the roots of replies beside them.
func (s *Server) list(posts []*post, roots bool) postList {
	out := postList{Order: []string{}, Posts: map[string]postJSON{}}
	for _, p := range posts {
		out.Order = append(out.Order, p.ID)
		out.Posts[p.ID] = s.postJSON(p)
		if root := s.state.posts[p.RootID]; roots && root != nil && root.DeleteAt == 0 {
			out.Posts[root.ID] = s.postJSON(root)
		}
	}
	return out
}

func (c *call) postByID() (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 {
		return nil, noPost()
	}
	if !c.mayRead(c.state.channels[p.ChannelID]) {
		return nil, forbidden()
	}
	c.etag(p.ID, p.UpdateAt)
	return c.postJSON(p), nil
}

// postsByIDs leaves out what is unknown, deleted or not to be read; newest first.
func (c *call) postsByIDs() (any, error) {
	var wanted []string
	if json.Unmarshal(c.body, &wanted) != nil || len(wanted) == 0 {
		return nil, badBody("post_ids")
	}
	out := []postJSON{}
	for _, p := range slices.Backward(c.state.log) {
		if slices.Contains(wanted, p.ID) && p.DeleteAt == 0 && c.mayRead(c.state.channels[p.ChannelID]) {
			out = append(out, c.postJSON(p))
		}
	}
	c.w.Header().Set("First-Inaccessible-Post-Time", "0")
	return out, nil
}

// threadOf gives the root first, then the replies, oldest first.
func (c *call) threadOf() (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 {
		return nil, noPost()
	}
	if !c.mayRead(c.state.channels[p.ChannelID]) {
		return nil, forbidden()
	}
	if c.r.URL.Query().Get("collapsedThreads") == "true" || c.r.URL.Query().Get("perPage") != "" {
		c.oddly("only the plain form of a thread was recorded")
	}
	root := p
	if p.RootID != "" {
		root = c.state.posts[p.RootID]
	}
	rows := []*post{root}
	for _, q := range c.state.log {
		if q.RootID == root.ID && q.DeleteAt == 0 {
			rows = append(rows, q)
		}
	}
	out := c.list(rows, false)
	no := false
	out.HasNext = &no
	c.etag(root.ID, p.ID, root.UpdateAt)
	return out, nil
}

func (c *call) pinned() (any, error) {
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil || !c.mayRead(ch) {
		return nil, forbidden()
	}
	var rows []*post
	for _, p := range c.state.log {
		if p.ChannelID == ch.ID && p.Pinned && p.DeleteAt == 0 {
			rows = append(rows, p)
		}
	}
	return c.list(rows, false), nil
}

// postsOf is a page of a channel, newest first, or with since all that changed.
func (c *call) postsOf() (any, error) {
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil || !c.mayRead(ch) {
		return nil, forbidden()
	}
	q := c.r.URL.Query()
	if q.Get("collapsedThreads") == "true" {
		c.oddly("collapsed threads were not recorded")
	}
	if text := q.Get("since"); text != "" {
		since, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fail(http.StatusBadRequest, "api.context.invalid_url_param.app_error", "Invalid or missing since parameter in request URL.")
		}
		return c.postsSince(ch, since), nil
	}
	var rows []*post // oldest first
	for _, p := range c.state.log {
		if p.ChannelID == ch.ID && p.DeleteAt == 0 {
			rows = append(rows, p)
		}
	}
	slices.SortStableFunc(rows, func(a, b *post) int { return int(a.CreateAt - b.CreateAt) })
	c.etag(ch.lastPost)
	return c.window(rows), nil
}

// postsSince holds all rows that changed after the moment, whatever their number:
// deleted posts and old versions of edited ones too, without their text.
func (c *call) postsSince(ch *channel, since int64) postList {
	var rows []*post
	for _, p := range c.state.log {
		if p.ChannelID == ch.ID && p.UpdateAt > since {
			rows = append(rows, p)
		}
	}
	slices.SortStableFunc(rows, func(a, b *post) int { return int(b.CreateAt - a.CreateAt) })
	out := c.list(rows, true)
	for id, p := range out.Posts {
		if p.DeleteAt == 0 {
			continue
		}
		p.Message, p.FileIDs, p.Metadata = "", []string{}, map[string]any{}
		by := p.Props["deleteBy"]
		p.Props = map[string]any{}
		if by != nil {
			p.Props["deleteBy"] = by
		}
		out.Posts[id] = p
	}
	return out
}

// window cuts rows, oldest first, as page, before and after ask; the answer is
// newest first and names its neighbours.
func (c *call) window(rows []*post) postList {
	q := c.r.URL.Query()
	size, n := 60, 0
	if v, err := strconv.Atoi(q.Get("per_page")); err == nil && v > 0 {
		size = min(v, 200)
	}
	if v, err := strconv.Atoi(q.Get("page")); err == nil {
		n = v
	}
	at := func(id string) int { return slices.IndexFunc(rows, func(p *post) bool { return p.ID == id }) }
	var from, to int
	switch {
	case q.Get("after") != "":
		from = at(q.Get("after")) + 1 + n*size
		to = from + size
	case q.Get("before") != "":
		to = at(q.Get("before")) - n*size
		from = to - size
	default:
		to = len(rows) - n*size
		from = to - size
	}
	from, to = min(max(from, 0), len(rows)), min(max(to, 0), len(rows))
	cut := slices.Clone(rows[from:max(from, to)])
	slices.Reverse(cut)
	out := c.list(cut, true)
	if from > 0 {
		out.PrevPostID = rows[from-1].ID
	}
	if to < len(rows) && to >= from {
		out.NextPostID = rows[to].ID
	}
	return out
}

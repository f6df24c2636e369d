package mattermost

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	mostRunes = 16383 // of a message
	mostFiles = 10
)

// pendingPost remembers a pending_post_id; post is empty while it is being made.
type pendingPost struct {
	post string
	at   time.Time
}

func (c *call) postPost() (any, error) {
	var in struct {
		postJSON
		Metadata struct{ Priority map[string]any } `json:"metadata"`
	}
	if err := c.decode(&in, "post"); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.touch()
	ch := c.state.channels[in.ChannelID]
	if ch == nil || !c.state.mayPost(ch, c.who) {
		return nil, forbidden()
	}
	switch {
	case in.Type != "" && !strings.HasPrefix(in.Type, "custom_"):
		return nil, fail(http.StatusBadRequest, "api.context.invalid_param.app_error", "Invalid post.type parameter.")
	case in.ID != "":
		return nil, fail(http.StatusBadRequest, "app.post.save.existing.app_error", "You cannot update an existing Post.")
	}
	if known, err := c.reserve(in.PendingID); known != nil || err != nil {
		return known, err
	}
	p := &post{
		UserID: c.who.ID, ChannelID: ch.ID, RootID: in.RootID, Message: in.Message, Type: in.Type, PendingID: in.PendingID,
		props: parseProps(in.Props, c.oddly), files: in.FileIDs, remote: true,
	}
	if in.Metadata.Priority != nil {
		p.priority = map[string]any{"priority": in.Metadata.Priority["priority"], "requested_ack": nil, "persistent_notifications": nil}
	}
	online := c.r.URL.Query().Get("set_online") != "false"
	if err := c.create(p, online); err != nil {
		delete(c.state.pending, in.PendingID)
		return nil, err
	}
	if in.PendingID != "" {
		c.state.pending[in.PendingID] = pendingPost{post: p.ID, at: c.opt.now()}
	}
	out := c.postJSON(p)
	out.PendingID = in.PendingID
	return out, nil
}

// reserve looks a pending_post_id up: it returns the post that it already made,
// whoever made it, or takes the id. While the post is being made, others are told so.
func (c *call) reserve(pending string) (any, error) {
	if pending == "" {
		return nil, nil
	}
	if seen, ok := c.state.pending[pending]; ok && c.opt.now().Sub(seen.at) < c.opt.timing.PendingPost {
		if seen.post == "" {
			return nil, fail(http.StatusInternalServerError, "api.post.deduplicate_create_post.pending", "Rejected post since another client is making the same request.")
		}
		p := c.state.posts[seen.post]
		if p == nil || p.DeleteAt != 0 || !c.state.mayRead(c.state.channels[p.ChannelID], c.who) {
			return nil, fail(http.StatusInternalServerError, "api.post.deduplicate_create_post.failed_to_get", "Failed to fetch original post after deduplicating a client repeating the same request.")
		}
		out := c.postJSON(p)
		out.Metadata = nil
		return out, nil
	}
	c.state.pending[pending] = pendingPost{at: c.opt.now()}
	if wait := c.state.slowPosts; wait != nil {
		c.mu.Unlock()
		<-wait
		c.mu.Lock()
	}
	return nil, nil
}

// HoldPosts keeps posts that carry a pending_post_id in the making until release is
// called: others with the same id are meanwhile refused.
func (s *Server) HoldPosts() (release func()) {
	wait := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.slowPosts = wait
	return func() {
		s.mu.Lock()
		s.state.slowPosts = nil
		s.mu.Unlock()
		close(wait)
	}
}

// mayPost: members, and who has a role that allows to post everywhere.
func (st *state) mayPost(ch *channel, u *user) bool {
	return ch.members[u.ID] != nil || st.allowed(u, "create_post")
}

// create checks p, keeps it and tells all who are to know. The caller holds mu.
func (s *Server) create(p *post, online bool) error {
	ch, author := s.state.channels[p.ChannelID], s.state.users[p.UserID]
	if err := s.checkPost(p, ch); err != nil {
		return err
	}
	p.ID, p.CreateAt = newID(), s.now()
	p.UpdateAt = p.CreateAt
	if p.props == nil {
		p.props = map[string]any{}
	}
	if author.Bot {
		p.props["from_bot"] = "true"
	}
	p.Hashtags = hashtags(p.Message)
	if links := s.state.channelLinks(ch, p.Message); links != nil {
		p.props["channel_mentions"] = links
	}
	if other := s.previewed(p); other != nil {
		p.props["previewed_post"] = other.ID
	}
	s.attachFiles(p)
	s.state.posts[p.ID] = p
	s.state.log = append(s.state.log, p)
	ch.countPost(p)
	if online && !strings.HasPrefix(p.Type, "system_") {
		author.LastActive = p.CreateAt
		s.setStatus(author, "online")
	}
	mentioned := s.mentions(p, ch)
	var t *thread
	if p.RootID != "" {
		t = s.reply(p, mentioned)
	}
	s.hub.publish(s.postedEvent(p, ch, author, mentioned, t, online))
	if t != nil {
		s.threadUpdated(t, p, mentioned)
	}
	return nil
}

func (s *Server) checkPost(p *post, ch *channel) error {
	if ch.DeleteAt != 0 {
		return fail(http.StatusBadRequest, "api.post.create_post.can_not_post_to_deleted.error", "Can not post to deleted channel.")
	}
	if p.RootID != "" {
		root := s.state.posts[p.RootID]
		if root == nil || root.RootID != "" || root.DeleteAt != 0 {
			return fail(http.StatusBadRequest, "api.post.create_post.root_id.app_error", "Invalid RootId parameter.")
		}
		if root.ChannelID != p.ChannelID {
			return fail(http.StatusBadRequest, "api.post.create_post.channel_root_id.app_error", "Invalid ChannelId for RootId parameter.")
		}
	}
	if len(p.files) > mostFiles {
		return fail(http.StatusBadRequest, "model.post.is_valid.file_ids.app_error", "Invalid file ids. Note that uploads are limited to 10 files maximum. Please use additional posts for more files.")
	}
	return checkLength(p.Message)
}

func checkLength(message string) error {
	if utf8.RuneCountInString(message) > mostRunes {
		return fail(http.StatusBadRequest, "model.post.is_valid.message_length.app_error", "Post Message property is longer than the maximum permitted length.")
	}
	return nil
}

// countPost: joins and leaves don't count as messages.
func (ch *channel) countPost(p *post) {
	ch.lastPost = p.CreateAt
	if p.RootID == "" {
		ch.lastRootPost = p.CreateAt
	}
	switch p.Type {
	case "system_join_channel", "system_leave_channel", "system_add_to_channel", "system_remove_from_channel", "system_join_team", "system_leave_team":
		return
	}
	ch.count++
	if p.RootID == "" {
		ch.rootCount++
	}
}

// systemPost tells of a change of a channel. by is its author.
func (s *Server) systemPost(ch *channel, by *user, kind, text string, props map[string]any) {
	_ = s.create(&post{UserID: by.ID, ChannelID: ch.ID, Message: text, Type: kind, props: props}, true)
}

// postedEvent is one event for all; what concerns one user alone is added for it.
func (s *Server) postedEvent(p *post, ch *channel, author *user, mentioned map[string]bool, t *thread, online bool) event {
	display, sender := ch.DisplayName, "@"+author.Username
	if ch.Type == "D" {
		display = sender
	}
	if name, _ := p.props["override_username"].(string); name != "" && p.props["from_webhook"] == "true" {
		sender = name
	}
	if strings.HasPrefix(p.Type, "system_") {
		sender = "System"
	}
	data := map[string]any{
		"channel_display_name": display, "channel_name": ch.Name, "channel_type": ch.Type, "post": mustJSON(s.postJSON(p)),
		"sender_name": sender, "set_online": online, "team_id": ch.TeamID,
	}
	if len(p.files) > 0 {
		data["otherFile"] = "true"
		if s.state.files[p.files[0]].isImage() {
			data["image"] = "true"
		}
	}
	return event{name: "posted", data: data, to: broadcast{ChannelID: ch.ID}, own: func(cn *conn, own map[string]any) {
		if mentioned[cn.userID] {
			own["mentions"] = mustJSON([]string{cn.userID})
			if cn.ack {
				own["should_ack"] = true
			}
		}
		if t.notifies(s.state.users[cn.userID], p, mentioned) {
			own["followers"] = mustJSON([]string{cn.userID})
		}
	}}
}

// copyJSON deep-copies through JSON.
func copyJSON(in map[string]any) map[string]any {
	var out map[string]any
	_ = json.Unmarshal([]byte(mustJSON(in)), &out)
	return out
}

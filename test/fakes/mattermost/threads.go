package mattermost

import "slices"

// thread is what the server keeps of a root that has replies.
type thread struct {
	root         *post
	replies      int
	lastReply    int64
	participants []string
	followers    map[string]*following
}

type following struct{ unread, mentions, viewedAt int64 }

// reply counts p into its thread; who writes or is mentioned follows it from now on.
func (s *Server) reply(p *post, mentioned map[string]bool) *thread {
	root := s.state.posts[p.RootID]
	t := s.state.threads[root.ID]
	if t == nil {
		t = &thread{root: root, followers: map[string]*following{}}
		s.state.threads[root.ID] = t
		t.follow(root.UserID)
		for id := range s.mentions(root, s.state.channels[root.ChannelID]) {
			t.follow(id)
		}
	}
	for id := range mentioned {
		t.follow(id)
	}
	t.follow(p.UserID)
	t.replies++
	t.lastReply = p.CreateAt
	root.UpdateAt = p.CreateAt
	if !slices.Contains(t.participants, p.UserID) {
		t.participants = append(t.participants, p.UserID)
	}
	return t
}

func (t *thread) follow(id string) {
	if t.followers[id] == nil {
		t.followers[id] = &following{}
	}
}

// notifies says whether u is told as a follower by the posted event itself. Bots
// were only where they were mentioned.
func (t *thread) notifies(u *user, p *post, mentioned map[string]bool) bool {
	if t == nil || u == nil || t.followers[u.ID] == nil {
		return false
	}
	if u.ID == p.UserID {
		return p.props["from_webhook"] == "true"
	}
	return !u.Bot || mentioned[u.ID]
}

type threadJSON struct {
	ID             string     `json:"id"`
	ReplyCount     int        `json:"reply_count"`
	LastReplyAt    int64      `json:"last_reply_at"`
	LastViewedAt   int64      `json:"last_viewed_at"`
	Participants   []userJSON `json:"participants"`
	Post           postJSON   `json:"post"`
	UnreadReplies  int64      `json:"unread_replies"`
	UnreadMentions int64      `json:"unread_mentions"`
	IsUrgent       bool       `json:"is_urgent"`
	DeleteAt       int64      `json:"delete_at"`
}

// threadUpdated tells each follower by an event of its own.
func (s *Server) threadUpdated(t *thread, p *post, mentioned map[string]bool) {
	ids := make([]string, 0, len(t.followers))
	for id := range t.followers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		f := t.followers[id]
		unread, mentions := f.unread, f.mentions
		f.unread++
		if mentioned[id] {
			f.mentions++
		}
		if id == p.UserID {
			f.unread, f.mentions = 0, 0
		}
		told := threadJSON{
			ID: t.root.ID, ReplyCount: t.replies, LastReplyAt: t.lastReply, LastViewedAt: f.viewedAt,
			Participants: []userJSON{}, Post: s.postJSON(t.root), UnreadReplies: f.unread, UnreadMentions: f.mentions,
		}
		if id == p.UserID {
			f.viewedAt = p.CreateAt
		}
		told.Post.Metadata, told.Post.ReplyCount = nil, 0
		for _, who := range t.participants {
			told.Participants = append(told.Participants, s.state.users[who].seenBy(nil))
		}
		s.hub.publish(event{
			name: "thread_updated",
			data: map[string]any{"previous_unread_mentions": mentions, "previous_unread_replies": unread, "thread": mustJSON(told)},
			to:   broadcast{UserID: id, TeamID: s.state.channels[t.root.ChannelID].TeamID},
		})
	}
}

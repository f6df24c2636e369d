package mattermost

import (
	"maps"
	"slices"
)

// Post is a post as a person sees it.
type Post struct {
	ID, UserID, ChannelID, RootID string
	Message, Type                 string
	// Props without the attachments, which are below.
	Props       map[string]any
	Attachments []Attachment
	Files       []File
	Pinned      bool
	Reactions   []Reaction
	// Ephemeral posts are seen by one user only, To.
	Ephemeral                            bool
	To                                   string
	CreateAt, UpdateAt, EditAt, DeleteAt int64
}

// post is a row of the posts' table.
type post struct {
	ID, UserID, ChannelID, RootID, OriginalID string
	Message, Type, Hashtags, PendingID        string
	CreateAt, UpdateAt, EditAt, DeleteAt      int64
	Pinned                                    bool
	props                                     map[string]any // "attachments" is an []*attachment
	files                                     []string
	lostFiles                                 bool // files were named that could not be attached
	reactions                                 []*reaction
	remote                                    bool // has the field remote_id: it came by POST /posts
	priority                                  any
	rev                                       int // counts changes that people see
}

func (p *post) attachments() []*attachment {
	list, _ := p.props["attachments"].([]*attachment)
	return list
}

func (p *post) action(id string) *action {
	for _, a := range p.attachments() {
		for _, act := range a.Actions {
			if act.ID == id {
				return act
			}
		}
	}
	return nil
}

type postJSON struct {
	ID           string         `json:"id"`
	CreateAt     int64          `json:"create_at"`
	UpdateAt     int64          `json:"update_at"`
	EditAt       int64          `json:"edit_at"`
	DeleteAt     int64          `json:"delete_at"`
	IsPinned     bool           `json:"is_pinned"`
	UserID       string         `json:"user_id"`
	ChannelID    string         `json:"channel_id"`
	RootID       string         `json:"root_id"`
	OriginalID   string         `json:"original_id"`
	Message      string         `json:"message"`
	Type         string         `json:"type"`
	Props        map[string]any `json:"props"`
	Hashtags     string         `json:"hashtags"`
	FileIDs      []string       `json:"file_ids"`
	PendingID    string         `json:"pending_post_id"`
	HasReactions bool           `json:"has_reactions,omitempty"`
	RemoteID     *string        `json:"remote_id,omitempty"`
	ReplyCount   int            `json:"reply_count"`
	LastReplyAt  int64          `json:"last_reply_at"`
	Participants any            `json:"participants"`
	Metadata     any            `json:"metadata,omitempty"`
}

// postFields are the fields that a body with a post may have: all of the model's.
func postFields() []string {
	return []string{
		"id", "create_at", "update_at", "edit_at", "delete_at", "is_pinned", "user_id", "channel_id", "root_id", "original_id",
		"message", "message_source", "type", "props", "hashtags", "filenames", "file_ids", "pending_post_id", "has_reactions",
		"remote_id", "reply_count", "last_reply_at", "participants", "is_following", "metadata",
	}
}

// json is the post on the wire, without what only the server may see.
func (s *Server) postJSON(p *post) postJSON {
	out := postJSON{
		ID: p.ID, CreateAt: p.CreateAt, UpdateAt: p.UpdateAt, EditAt: p.EditAt, DeleteAt: p.DeleteAt, IsPinned: p.Pinned,
		UserID: p.UserID, ChannelID: p.ChannelID, RootID: p.RootID, OriginalID: p.OriginalID, Message: p.Message, Type: p.Type,
		Props: p.publicProps(), Hashtags: p.Hashtags, FileIDs: slices.Clone(p.files), ReplyCount: s.state.replies(p),
		HasReactions: len(p.reactions) > 0, Metadata: s.metadata(p),
	}
	if out.FileIDs == nil && !p.lostFiles {
		out.FileIDs = []string{}
	}
	if p.remote {
		empty := ""
		out.RemoteID = &empty
	}
	return out
}

// publicProps are the props with the actions' integrations left out: nobody, not
// even the author, ever reads them back.
func (p *post) publicProps() map[string]any {
	out := maps.Clone(p.props)
	if out == nil {
		out = map[string]any{}
	}
	if _, has := out["attachments"]; has {
		out["attachments"] = stripped(p.attachments())
	}
	return out
}

func (s *Server) metadata(p *post) map[string]any {
	out := map[string]any{}
	if _, has := p.props["attachments"]; has {
		out["embeds"] = []any{map[string]string{"type": "message_attachment"}}
	} else if id, ok := p.props["previewed_post"].(string); ok && s.state.posts[id] != nil {
		out["embeds"] = []any{s.preview(s.state.posts[id])}
	}
	if len(p.files) > 0 {
		infos := []fileJSON{}
		for _, id := range p.files {
			infos = append(infos, s.state.files[id].json())
		}
		out["files"] = infos
	}
	if len(p.reactions) > 0 {
		out["reactions"] = p.reactions
	}
	if p.priority != nil {
		out["priority"] = p.priority
	}
	return out
}

// replies counts the replies of p's thread.
func (st *state) replies(p *post) int {
	root := p.RootID
	if root == "" {
		root = p.ID
	}
	t := st.threads[root]
	if t == nil {
		return 0
	}
	return t.replies
}

// view makes the post as a person sees it.
func (s *Server) view(p *post) Post {
	out := Post{
		ID: p.ID, UserID: p.UserID, ChannelID: p.ChannelID, RootID: p.RootID, Message: p.Message, Type: p.Type, Pinned: p.Pinned,
		CreateAt: p.CreateAt, UpdateAt: p.UpdateAt, EditAt: p.EditAt, DeleteAt: p.DeleteAt, Props: maps.Clone(p.props),
	}
	delete(out.Props, "attachments")
	for _, a := range p.attachments() {
		out.Attachments = append(out.Attachments, a.view())
	}
	for _, id := range p.files {
		out.Files = append(out.Files, s.state.files[id].File)
	}
	for _, r := range p.reactions {
		out.Reactions = append(out.Reactions, Reaction{UserID: r.UserID, Emoji: r.EmojiName})
	}
	return out
}

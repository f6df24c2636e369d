package mattermost

import (
	"maps"
)

// postPatch is what an edit may change; nil leaves it.
type postPatch struct {
	ID      *string         `json:"id"`
	Message *string         `json:"message"`
	Props   *map[string]any `json:"props"`
	FileIDs *[]string       `json:"file_ids"`
	Pinned  *bool           `json:"is_pinned"`
}

// patchPost leaves what isn't named; props, when named, are replaced as a whole.
func (c *call) patchPost() (any, error) {
	var in postPatch
	if err := c.decode(&in, "post"); err != nil {
		return nil, err
	}
	return c.editPost(in)
}

// putPost replaces: without props they are gone, from_bot with them.
func (c *call) putPost() (any, error) {
	var in postPatch
	if err := c.decode(&in, "post"); err != nil {
		return nil, err
	}
	if in.ID == nil || *in.ID != c.vars["post_id"] {
		return nil, badBody("id")
	}
	if in.Props == nil {
		in.Props = &map[string]any{}
	}
	if in.Message == nil {
		in.Message = new(string)
	}
	return c.editPost(in)
}

func (c *call) editPost(in postPatch) (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 || (p.UserID != c.who.ID && !c.who.is("system_admin")) ||
		!c.state.mayPost(c.state.channels[p.ChannelID], c.who) {
		return nil, forbidden()
	}
	if in.Props != nil {
		parsed := parseProps(*in.Props, c.oddly)
		in.Props = &parsed
	}
	if err := c.Server.edit(p, in); err != nil {
		return nil, err
	}
	return c.postJSON(p), nil
}

// edit changes p, keeps the old version as a row of its own, and tells the channel.
func (s *Server) edit(p *post, in postPatch) error {
	if in.Message != nil {
		if err := checkLength(*in.Message); err != nil {
			return err
		}
	}
	now, old := s.now(), *p
	if in.Message != nil && *in.Message != p.Message {
		p.Message, p.EditAt, p.Hashtags = *in.Message, now, hashtags(*in.Message)
	}
	if in.Props != nil {
		before := p.attachments()
		p.props = maps.Clone(*in.Props)
		if !sameAttachments(before, p.attachments()) {
			p.EditAt = now
		}
	}
	if in.Pinned != nil {
		p.Pinned = *in.Pinned
	}
	p.UpdateAt = now
	p.rev++
	old.ID, old.OriginalID = newID(), p.ID
	old.UpdateAt, old.DeleteAt = now, now
	s.state.log = append(s.state.log, &old)
	s.edited(p)
	return nil
}

func (s *Server) edited(p *post) {
	s.hub.publish(event{
		name: "post_edited", data: map[string]any{"post": mustJSON(s.postJSON(p))}, to: broadcast{ChannelID: p.ChannelID},
	})
	s.touch()
}

func (c *call) deletePost() (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 {
		return nil, noPost()
	}
	if p.UserID != c.who.ID && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	c.erase(p, c.who)
	return statusOK(), nil
}

// erase deletes p with its replies; one event tells of all.
func (s *Server) erase(p *post, by *user) {
	told := s.postJSON(p)
	told.Metadata = nil
	now := s.now()
	for _, row := range s.state.log {
		if (row == p || row.RootID == p.ID) && row.DeleteAt == 0 {
			row.DeleteAt, row.UpdateAt = now, now
			row.props = maps.Clone(row.props)
			row.props["deleteBy"] = by.ID
		}
	}
	if t := s.state.threads[p.RootID]; t != nil {
		t.replies--
		s.state.posts[p.RootID].UpdateAt = now
	}
	s.hub.publish(event{
		name: "post_deleted", data: map[string]any{"post": mustJSON(told)}, to: broadcast{ChannelID: p.ChannelID, Sanitized: true},
	})
	s.touch()
}

// pin and unpin arrive as post_edited.
func (c *call) pin() (any, error)   { return c.setPinned(true) }
func (c *call) unpin() (any, error) { return c.setPinned(false) }

func (c *call) setPinned(pinned bool) (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 {
		return nil, forbidden()
	}
	if !c.mayRead(c.state.channels[p.ChannelID]) {
		return nil, forbidden()
	}
	p.Pinned, p.UpdateAt = pinned, c.now()
	p.rev++
	c.edited(p)
	return statusOK(), nil
}

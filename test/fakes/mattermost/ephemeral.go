package mattermost

import "maps"

// whisper is an ephemeral post: it isn't in the posts' table, so that it can
// neither be read, edited nor deleted.
type whisper struct {
	*post
	to string
}

// postEphemeral needs a permission that a bot doesn't have at first; beyond that
// nothing is checked: unknown users and channels are 201 too.
func (c *call) postEphemeral() (any, error) {
	var in struct {
		UserID string `json:"user_id"`
		Post   *struct {
			ChannelID string         `json:"channel_id"`
			RootID    string         `json:"root_id"`
			Message   string         `json:"message"`
			Props     map[string]any `json:"props"`
		} `json:"post"`
	}
	if err := c.decode(&in, "body"); err != nil {
		return nil, err
	}
	if in.UserID == "" {
		return nil, badBody("user_id")
	}
	if in.Post == nil {
		return nil, badBody("post")
	}
	if !c.state.allowed(c.who, "create_post_ephemeral") {
		return nil, forbidden()
	}
	p := &post{
		UserID: c.who.ID, ChannelID: in.Post.ChannelID, RootID: in.Post.RootID, Message: in.Post.Message,
		props: parseProps(in.Post.Props, c.oddly),
	}
	told := c.Server.whisper(in.UserID, p)
	// The answer, not the event, names the attachments twice.
	if m, ok := told.Metadata.(map[string]any); ok && m["embeds"] != nil {
		m["embeds"] = append(m["embeds"].([]any), m["embeds"].([]any)...)
	}
	return told, nil
}

// whisper sends p to one user. Its buttons carry a cookie instead of being looked up.
func (s *Server) whisper(to string, p *post) postJSON {
	p.ID, p.CreateAt, p.Type = newID(), s.now(), "system_ephemeral"
	p.props = maps.Clone(p.props)
	if list := p.attachments(); list != nil {
		p.props["attachments"] = s.baked(p, list)
	}
	w := &whisper{post: p, to: to}
	s.state.whispers = append(s.state.whispers, w)
	told := s.postJSON(p)
	told.FileIDs, told.ReplyCount = nil, 0
	s.hub.publish(event{
		name: "ephemeral_message", data: map[string]any{"post": mustJSON(told)}, to: broadcast{UserID: to, ChannelID: p.ChannelID},
	})
	s.touch()
	return told
}

// cookie is what stands for a button of an ephemeral post.
type cookie struct {
	post   *post
	action *action
}

func (s *Server) baked(p *post, list []*attachment) []*attachment {
	for _, a := range list {
		for _, act := range a.Actions {
			if act.Integration == nil {
				continue
			}
			act.Cookie = newID() + newID()
			s.state.cookies[act.Cookie] = &cookie{post: p, action: act}
		}
	}
	return list
}

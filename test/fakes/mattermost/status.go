package mattermost

import "slices"

type statusJSON struct {
	UserID         string `json:"user_id"`
	Status         string `json:"status"`
	Manual         bool   `json:"manual"`
	LastActivityAt int64  `json:"last_activity_at"`
	DNDEndTime     int64  `json:"dnd_end_time"`
}

func (u *user) statusJSON() statusJSON {
	return statusJSON{UserID: u.ID, Status: u.Status, LastActivityAt: u.LastActive}
}

func (c *call) status() (any, error) {
	u := c.state.users[c.vars["user_id"]]
	if u == nil {
		return nil, noUser()
	}
	return u.statusJSON(), nil
}

func (c *call) statuses() (any, error) {
	wanted, err := c.stringsOf("user_ids")
	if err != nil {
		return nil, err
	}
	out := []statusJSON{}
	for _, u := range c.state.order {
		if slices.Contains(wanted, u.ID) {
			out = append(out, u.statusJSON())
		}
	}
	return out, nil
}

func (c *call) putStatus() (any, error) {
	var in statusJSON
	if err := c.decode(&in, "status"); err != nil {
		return nil, err
	}
	if in.UserID != c.vars["user_id"] {
		return nil, badBody("user_id")
	}
	if in.UserID != c.who.ID {
		return nil, forbidden()
	}
	c.setStatus(c.who, in.Status)
	out := c.who.statusJSON()
	out.Manual = true
	return out, nil
}

func (c *call) typing() (any, error) {
	var in struct {
		ChannelID string `json:"channel_id"`
		ParentID  string `json:"parent_id"`
	}
	if err := c.decode(&in, "typing request"); err != nil {
		return nil, err
	}
	if c.vars["user_id"] != c.who.ID {
		return nil, forbidden()
	}
	c.Server.typingEvent(c.who, in.ChannelID, in.ParentID)
	return statusOK(), nil
}

func (s *Server) typingEvent(u *user, channelID, parentID string) {
	s.hub.publish(event{
		name: "typing", data: map[string]any{"parent_id": parentID, "user_id": u.ID},
		to: broadcast{ChannelID: channelID, OmitUsers: map[string]bool{u.ID: true}},
	})
}

package mattermost

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) channelRoutes() []route {
	return []route{
		{method: "POST", path: "/channels", serve: (*call).createChannel, status: 201, fields: []string{"team_id", "name", "display_name", "type", "purpose", "header"}},
		{method: "POST", path: "/channels/direct", serve: (*call).openDirect, status: 201},
		{method: "POST", path: "/channels/group", serve: (*call).openGroup, status: 201},
		{method: "GET", path: "/channels/{channel_id}", serve: (*call).channelByID},
		{method: "PUT", path: "/channels/{channel_id}/patch", serve: (*call).patchChannel, fields: []string{"name", "display_name", "header", "purpose"}},
		{method: "GET", path: "/channels/{channel_id}/members", serve: (*call).members, query: []string{"page", "per_page"}},
		{method: "GET", path: "/channels/{channel_id}/members/{user_id}", serve: (*call).member},
		{method: "POST", path: "/channels/{channel_id}/members", serve: (*call).addMember, status: 201, fields: []string{"user_id"}},
		{method: "DELETE", path: "/channels/{channel_id}/members/{user_id}", serve: (*call).removeMember},
		{method: "POST", path: "/channels/members/{user_id}/view", serve: (*call).viewChannel, fields: []string{"channel_id", "prev_channel_id"}},
		{method: "GET", path: "/users/{user_id}/channels", serve: (*call).channelsOf, query: []string{"include_deleted", "last_delete_at"}},
		{method: "GET", path: "/users/{user_id}/teams/{team_id}/channels", serve: (*call).channelsOf, query: []string{"include_deleted", "last_delete_at"}},
	}
}

func (c *call) createChannel() (any, error) {
	var in channelJSON
	if err := c.decode(&in, "channel"); err != nil {
		return nil, err
	}
	t := c.state.team(in.TeamID)
	if t == nil || !c.mayViewTeam(t) {
		return nil, forbidden()
	}
	if slices.ContainsFunc(c.state.rooms, func(ch *channel) bool { return ch.TeamID == t.ID && ch.Name == in.Name }) {
		return nil, fail(http.StatusBadRequest, "store.sql_channel.save_channel.exists.app_error", "A channel with that name already exists on the same team.")
	}
	if !formName.MatchString(in.Name) || in.Name != strings.ToLower(in.Name) || len(in.Name) > 64 {
		return nil, fail(http.StatusBadRequest, "model.channel.is_valid.1_or_more.app_error", "Name must be 1 or more lowercase alphanumeric characters.")
	}
	ch := c.state.newChannel(Channel{
		TeamID: t.ID, Type: in.Type, Name: in.Name, DisplayName: in.DisplayName, Header: in.Header, Purpose: in.Purpose, CreatorID: c.who.ID,
	}, c.now())
	shape := ch.json()
	c.enter(ch, c.who)
	c.systemPost(ch, c.who, "system_join_channel", c.who.Username+" joined the channel.", map[string]any{"username": c.who.Username})
	c.hub.publish(event{
		name: "channel_created", data: map[string]any{"channel_id": ch.ID, "team_id": t.ID}, to: broadcast{UserID: c.who.ID},
	})
	return shape, nil
}

// openDirect takes an array of two ids; opening it again is the same with 201.
func (c *call) openDirect() (any, error) {
	ids, err := c.stringsOf("user_ids")
	if err != nil {
		return nil, err
	}
	if len(ids) != 2 {
		return nil, badBody("user_ids")
	}
	if !slices.Contains(ids, c.who.ID) && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	other := ids[1]
	if other == c.who.ID {
		other = ids[0]
	}
	ch := c.direct(c.who.ID, other)
	if ch == nil {
		return nil, badBody("user_ids")
	}
	return ch.json(), nil
}

func (c *call) openGroup() (any, error) {
	ids, err := c.stringsOf("user_ids")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ids, c.who.ID) {
		ids = append(ids, c.who.ID)
	}
	if len(ids) < 3 || len(ids) > 8 {
		return nil, fail(http.StatusBadRequest, "api.channel.create_group.bad_size.app_error", "Group message channels must contain at least 3 and no more than 8 users.")
	}
	ch := c.group(ids)
	if ch == nil {
		return nil, badBody("user_ids")
	}
	return ch.json(), nil
}

// patchChannel: a plain member may change the header and the purpose.
func (c *call) patchChannel() (any, error) {
	var in struct{ Name, DisplayName, Header, Purpose *string }
	if err := c.decode(&in, "channel"); err != nil {
		return nil, err
	}
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil {
		return nil, noChannel(c.vars["channel_id"])
	}
	if ch.members[c.who.ID] == nil && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	if in.Purpose != nil {
		ch.Purpose = *in.Purpose
	}
	old := ch.Header
	if in.Header != nil {
		ch.Header = *in.Header
	}
	c.channelUpdated(ch)
	shape := ch.json()
	if old != ch.Header {
		text := c.who.Username + " updated the channel header to: " + ch.Header
		if old != "" {
			text = c.who.Username + " updated the channel header from: " + old + " to: " + ch.Header
		}
		c.systemPost(ch, c.who, "system_header_change", text,
			map[string]any{"new_header": ch.Header, "old_header": old, "username": c.who.Username})
	}
	return shape, nil
}

func (c *call) viewChannel() (any, error) {
	var in struct {
		ChannelID string `json:"channel_id"`
	}
	if err := c.decode(&in, "channel_view"); err != nil {
		return nil, err
	}
	if c.vars["user_id"] != c.who.ID {
		return nil, forbidden()
	}
	times := map[string]int64{}
	if ch := c.state.channels[in.ChannelID]; ch != nil && ch.members[c.who.ID] != nil {
		times[ch.ID] = ch.lastPost
	}
	return map[string]any{"status": "OK", "last_viewed_at_times": times}, nil
}

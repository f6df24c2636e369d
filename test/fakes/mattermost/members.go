package mattermost

import (
	"net/http"
	"slices"
	"strings"
)

type membership struct{ joined int64 }

// enter makes u a member without telling anybody.
func (s *Server) enter(ch *channel, u *user) { ch.members[u.ID] = &membership{joined: s.now()} }

// Join adds a user to a channel as an administrator does: user_added, and a post of
// type system_add_to_channel that mentions the new member.
func (s *Server) Join(channelID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, u := s.state.channels[channelID], s.state.users[userID]
	if ch == nil || u == nil || ch.members[userID] != nil {
		return
	}
	s.add(ch, u, s.state.users[s.Admin.ID])
	s.touch()
}

// add makes u a member; by is who did it, perhaps u itself.
func (s *Server) add(ch *channel, u, by *user) {
	s.enter(ch, u)
	data := map[string]any{"team_id": ch.TeamID, "user_id": u.ID}
	s.hub.publish(event{name: "user_added", data: data, to: broadcast{UserID: u.ID, ChannelID: ch.ID}})
	s.hub.publish(event{name: "user_added", data: data, to: broadcast{ChannelID: ch.ID, OmitUsers: map[string]bool{u.ID: true}}})
	if u == by {
		s.systemPost(ch, u, "system_join_channel", u.Username+" joined the channel.", map[string]any{"username": u.Username})
		return
	}
	s.systemPost(ch, by, "system_add_to_channel", u.Username+" added to the channel by "+by.Username+".", map[string]any{
		"addedUserId": u.ID, "addedUsername": u.Username, "userId": by.ID, "username": by.Username,
	})
}

// Leave removes a user from a channel as an administrator does.
func (s *Server) Leave(channelID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, u := s.state.channels[channelID], s.state.users[userID]
	if ch == nil || u == nil || ch.members[userID] == nil {
		return
	}
	s.remove(ch, u, s.state.users[s.Admin.ID])
	s.touch()
}

func (s *Server) remove(ch *channel, u, by *user) {
	delete(ch.members, u.ID)
	s.hub.publish(event{
		name: "user_removed", data: map[string]any{"remover_id": by.ID, "user_id": u.ID}, to: broadcast{ChannelID: ch.ID},
	})
	s.hub.publish(event{
		name: "user_removed", data: map[string]any{"channel_id": ch.ID, "remover_id": by.ID}, to: broadcast{UserID: u.ID},
	})
	if u == by {
		s.systemPost(ch, u, "system_leave_channel", u.Username+" left the channel.", map[string]any{"username": u.Username})
		return
	}
	s.systemPost(ch, by, "system_remove_from_channel", "@"+u.Username+" removed from the channel.",
		map[string]any{"removedUserId": u.ID, "removedUsername": u.Username})
}

type memberJSON struct {
	ChannelID          string            `json:"channel_id"`
	UserID             string            `json:"user_id"`
	Roles              string            `json:"roles"`
	LastViewedAt       int64             `json:"last_viewed_at"`
	MsgCount           int64             `json:"msg_count"`
	MentionCount       int64             `json:"mention_count"`
	MentionCountRoot   int64             `json:"mention_count_root"`
	UrgentMentionCount int64             `json:"urgent_mention_count"`
	MsgCountRoot       int64             `json:"msg_count_root"`
	NotifyProps        map[string]string `json:"notify_props"`
	LastUpdateAt       int64             `json:"last_update_at"`
	SchemeGuest        bool              `json:"scheme_guest"`
	SchemeUser         bool              `json:"scheme_user"`
	SchemeAdmin        bool              `json:"scheme_admin"`
	ExplicitRoles      string            `json:"explicit_roles"`
}

// memberJSON: only oneself is told when one was there last.
func (ch *channel) memberJSON(userID string, own bool) memberJSON {
	out := memberJSON{
		ChannelID: ch.ID, UserID: userID, Roles: "channel_user", LastViewedAt: -1, LastUpdateAt: -1, SchemeUser: true,
		NotifyProps: map[string]string{
			"channel_auto_follow_threads": "off", "desktop": "default", "email": "default",
			"ignore_channel_mentions": "default", "mark_unread": "all", "push": "default",
		},
	}
	if own {
		out.LastViewedAt, out.LastUpdateAt = 0, ch.members[userID].joined
	}
	return out
}

func (c *call) members() (any, error) {
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil || !c.mayRead(ch) {
		return nil, forbidden()
	}
	out := []memberJSON{}
	for id := range ch.members {
		out = append(out, ch.memberJSON(id, id == c.who.ID))
	}
	slices.SortFunc(out, func(a, b memberJSON) int { return strings.Compare(a.UserID, b.UserID) })
	return page(c, out, 60), nil
}

func (c *call) member() (any, error) {
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil || !c.mayRead(ch) {
		return nil, forbidden()
	}
	id := c.vars["user_id"]
	if ch.members[id] == nil {
		return nil, fail(http.StatusNotFound, "app.channel.get_member.missing.app_error", "No channel member found for that user ID and channel ID.")
	}
	return ch.memberJSON(id, id == c.who.ID), nil
}

// addMember: a team member may join a public channel by adding itself; into other
// channels only members add. Adding a member again is 201 as well.
func (c *call) addMember() (any, error) {
	var in struct {
		UserID string `json:"user_id"`
	}
	if err := c.decode(&in, "channel_member"); err != nil {
		return nil, err
	}
	ch, u := c.state.channels[c.vars["channel_id"]], c.state.users[in.UserID]
	if u == nil {
		return nil, badBody("user_id")
	}
	if ch == nil {
		return nil, noChannel(c.vars["channel_id"])
	}
	inside := ch.members[c.who.ID] != nil || c.who.is("system_admin")
	joins := u == c.who && ch.Type == "O" && c.mayRead(ch)
	if !inside && !joins {
		return nil, forbidden()
	}
	if ch.members[u.ID] == nil {
		c.add(ch, u, c.who)
	}
	return ch.memberJSON(u.ID, u == c.who), nil
}

func (c *call) removeMember() (any, error) {
	ch, u := c.state.channels[c.vars["channel_id"]], c.state.users[c.vars["user_id"]]
	if ch == nil || u == nil {
		return nil, noChannel(c.vars["channel_id"])
	}
	if ch.Type == "D" || ch.Type == "G" {
		return nil, fail(http.StatusBadRequest, "api.channel.remove_channel_member.type.app_error", "Unable to remove user from a channel of this type.")
	}
	if ch.members[c.who.ID] == nil && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	if ch.members[u.ID] != nil {
		c.remove(ch, u, c.who)
	}
	return statusOK(), nil
}

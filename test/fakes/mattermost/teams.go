package mattermost

import (
	"slices"
)

// Team is a team.
type Team struct{ ID, Name, DisplayName string }

type team struct {
	Team
	createAt int64
	members  map[string]bool
	// square and offTopic are channels that every member is put into.
	square, offTopic *channel
}

func (t *team) public() Team { return t.Team }

func (st *state) newTeam(name string, now int64) *team {
	t := &team{Team: Team{ID: newID(), Name: name, DisplayName: title(name)}, createAt: now, members: map[string]bool{}}
	t.square = st.newChannel(Channel{TeamID: t.ID, Type: "O", Name: "town-square", DisplayName: "Town Square"}, now)
	t.offTopic = st.newChannel(Channel{TeamID: t.ID, Type: "O", Name: "off-topic", DisplayName: "Off-Topic"}, now)
	st.teams = append(st.teams, t)
	return t
}

func (st *state) team(id string) *team {
	i := slices.IndexFunc(st.teams, func(t *team) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return st.teams[i]
}

// AddTeam makes one more team, with these members.
func (s *Server) AddTeam(name string, members ...string) Team {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.state.newTeam(name, s.now())
	for _, id := range members {
		if u := s.state.users[id]; u != nil {
			s.joinTeam(t, u)
		}
	}
	s.touch()
	return t.public()
}

// joinTeam makes u a member, and with that of the team's two channels.
func (s *Server) joinTeam(t *team, u *user) {
	member, again := t.members[u.ID]
	if member {
		return
	}
	t.members[u.ID] = true
	for _, ch := range []*channel{t.square, t.offTopic} {
		back := again && ch == t.offTopic
		if !back {
			s.enter(ch, u)
		}
		kind, text := "system_join_team", u.Username+" joined the team."
		if ch == t.offTopic {
			kind, text = "system_join_channel", u.Username+" joined the channel."
		}
		s.systemPost(ch, u, kind, text, map[string]any{"username": u.Username})
		if back {
			s.enter(ch, u) // as recorded: who comes back doesn't hear of this post
		}
		s.hub.publish(event{
			name: "user_added", data: map[string]any{"team_id": t.ID, "user_id": u.ID}, to: broadcast{ChannelID: ch.ID},
		})
	}
	added := event{name: "added_to_team", data: map[string]any{"team_id": t.ID, "user_id": u.ID}, to: broadcast{UserID: u.ID}}
	s.hub.publish(added)
	if again {
		s.hub.publish(added) // as recorded: who comes back hears it twice
	}
}

// LeaveTeam removes a user from a team as an administrator does: all its channel
// memberships there end without further events.
func (s *Server) LeaveTeam(teamID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.state.team(teamID)
	if t == nil {
		return
	}
	t.members[userID] = false
	for _, ch := range s.state.rooms {
		if ch.TeamID == teamID {
			delete(ch.members, userID)
		}
	}
	s.hub.publish(event{name: "leave_team", data: map[string]any{"team_id": teamID, "user_id": userID}, to: broadcast{UserID: userID}})
	s.touch()
}

// JoinTeam puts a user into a team as an administrator does: town-square and
// off-topic come with it, no other channel comes back.
func (s *Server) JoinTeam(teamID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, u := s.state.team(teamID), s.state.users[userID]
	if t == nil || u == nil {
		return
	}
	s.joinTeam(t, u)
	s.touch()
}

type teamJSON struct {
	ID                  string  `json:"id"`
	CreateAt            int64   `json:"create_at"`
	UpdateAt            int64   `json:"update_at"`
	DeleteAt            int64   `json:"delete_at"`
	DisplayName         string  `json:"display_name"`
	Name                string  `json:"name"`
	Description         string  `json:"description"`
	Email               string  `json:"email"`
	Type                string  `json:"type"`
	CompanyName         string  `json:"company_name"`
	AllowedDomains      string  `json:"allowed_domains"`
	InviteID            string  `json:"invite_id"`
	AllowOpenInvite     bool    `json:"allow_open_invite"`
	SchemeID            *string `json:"scheme_id"`
	GroupConstrained    *bool   `json:"group_constrained"`
	PolicyID            *string `json:"policy_id"`
	CloudLimitsArchived bool    `json:"cloud_limits_archived"`
}

func (t *team) json() teamJSON {
	return teamJSON{
		ID: t.ID, CreateAt: t.createAt, UpdateAt: t.createAt, DisplayName: t.DisplayName, Name: t.Name, Type: "O",
		InviteID: "fq5qm1qzqpy3xxd3bu3q34ntzw",
	}
}

func (s *Server) teamRoutes() []route {
	return []route{
		{method: "GET", path: "/users/{user_id}/teams", serve: (*call).teamsOf},
		{method: "GET", path: "/teams", serve: (*call).openTeams, query: []string{"page", "per_page"}},
		{method: "GET", path: "/teams/name/{team_name}", serve: (*call).teamByName},
		{method: "GET", path: "/teams/{team_id}", serve: (*call).teamByID},
		{method: "GET", path: "/teams/{team_id}/members/{user_id}", serve: (*call).teamMember},
		{method: "POST", path: "/teams/{team_id}/members", serve: (*call).addTeamMember, status: 201, fields: []string{"team_id", "user_id"}},
		{method: "GET", path: "/teams/{team_id}/channels", serve: (*call).publicChannels, query: []string{"page", "per_page"}},
		{method: "POST", path: "/teams/{team_id}/channels/search", serve: (*call).searchChannels, fields: []string{"term"}},
		{method: "GET", path: "/teams/{team_id}/channels/name/{channel_name}", serve: (*call).channelByName, query: []string{"include_deleted"}},
		{method: "GET", path: "/teams/name/{team_name}/channels/name/{channel_name}", serve: (*call).channelByName, query: []string{"include_deleted"}},
	}
}

func (c *call) teamsOf() (any, error) {
	if c.vars["user_id"] != c.who.ID && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	out := []teamJSON{}
	for _, t := range c.state.teams {
		if t.members[c.vars["user_id"]] {
			out = append(out, t.json())
		}
	}
	return out, nil
}

// openTeams lists teams that anybody may join: none here.
func (c *call) openTeams() (any, error) { return []teamJSON{}, nil }

func (c *call) mayViewTeam(t *team) bool { return t.members[c.who.ID] || c.who.is("system_admin") }

func (c *call) teamByName() (any, error) {
	i := slices.IndexFunc(c.state.teams, func(t *team) bool { return t.Name == c.vars["team_name"] })
	if i < 0 {
		return nil, noTeam()
	}
	if !c.mayViewTeam(c.state.teams[i]) {
		return nil, forbidden()
	}
	return c.state.teams[i].json(), nil
}

func (c *call) teamByID() (any, error) {
	t := c.state.team(c.vars["team_id"])
	if t == nil {
		return nil, fail(404, "app.team.get.find.app_error", "Unable to find the existing team.")
	}
	if !c.mayViewTeam(t) {
		return nil, forbidden()
	}
	return t.json(), nil
}

type teamMemberJSON struct {
	TeamID        string `json:"team_id"`
	UserID        string `json:"user_id"`
	Roles         string `json:"roles"`
	DeleteAt      int64  `json:"delete_at"`
	SchemeGuest   bool   `json:"scheme_guest"`
	SchemeUser    bool   `json:"scheme_user"`
	SchemeAdmin   bool   `json:"scheme_admin"`
	ExplicitRoles string `json:"explicit_roles"`
}

func (c *call) teamMember() (any, error) {
	t := c.state.team(c.vars["team_id"])
	if t == nil || !c.mayViewTeam(t) {
		return nil, forbidden()
	}
	if !t.members[c.vars["user_id"]] {
		return nil, fail(404, "app.team.get_member.missing.app_error", "No team member found for that user ID and team ID.")
	}
	return teamMemberJSON{TeamID: t.ID, UserID: c.vars["user_id"], Roles: "team_user", SchemeUser: true}, nil
}

// addTeamMember: a bot can't join by itself; only an administrator adds.
func (c *call) addTeamMember() (any, error) {
	var in struct {
		TeamID string `json:"team_id"`
		UserID string `json:"user_id"`
	}
	if err := c.decode(&in, "team_member"); err != nil {
		return nil, err
	}
	t, u := c.state.team(c.vars["team_id"]), c.state.users[in.UserID]
	if t == nil || u == nil || !c.who.is("system_admin") {
		return nil, forbidden()
	}
	c.joinTeam(t, u)
	return teamMemberJSON{TeamID: t.ID, UserID: u.ID, Roles: "team_user", SchemeUser: true}, nil
}

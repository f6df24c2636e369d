package mattermost

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the server names group channels by it; nothing is protected
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Channel is a channel; Type is O (public), P (private), D (direct) or G (group).
type Channel struct {
	ID, TeamID, Type, Name, DisplayName, Header, Purpose, CreatorID string
	CreateAt, UpdateAt, DeleteAt                                    int64
}

type channel struct {
	Channel
	members      map[string]*membership
	lastPost     int64
	lastRootPost int64
	count        int
	rootCount    int
}

func (st *state) newChannel(c Channel, now int64) *channel {
	c.ID, c.CreateAt, c.UpdateAt = newID(), now, now
	made := &channel{Channel: c, members: map[string]*membership{}}
	st.channels[made.ID] = made
	st.rooms = append(st.rooms, made)
	return made
}

// AddChannel makes a public channel of the first team with these members.
func (s *Server) AddChannel(name string, members ...string) Channel {
	return s.addChannel(Channel{Type: "O", Name: name}, members)
}

// AddPrivateChannel makes a private channel of the first team with these members.
func (s *Server) AddPrivateChannel(name string, members ...string) Channel {
	return s.addChannel(Channel{Type: "P", Name: name}, members)
}

func (s *Server) addChannel(c Channel, members []string) Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.TeamID, c.CreatorID, c.DisplayName = s.state.teams[0].ID, s.Admin.ID, title(c.Name)
	ch := s.state.newChannel(c, s.now())
	for _, id := range members {
		if u := s.state.users[id]; u != nil {
			s.enter(ch, u)
		}
	}
	s.touch()
	return ch.Channel
}

// title makes a display name of a name.
func title(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// DM opens, or finds, the direct channel of two users.
func (s *Server) DM(a, b string) Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.direct(a, b)
	if ch == nil {
		return Channel{}
	}
	s.touch()
	return ch.Channel
}

// direct finds or makes the direct channel; a is who opens it.
func (s *Server) direct(a, b string) *channel {
	ua, ub := s.state.users[a], s.state.users[b]
	if ua == nil || ub == nil {
		return nil
	}
	name := min(a, b) + "__" + max(a, b)
	for _, ch := range s.state.rooms {
		if ch.Type == "D" && ch.Name == name {
			return ch
		}
	}
	ch := s.state.newChannel(Channel{Type: "D", Name: name, CreatorID: a}, s.now())
	s.enter(ch, ua)
	s.enter(ch, ub)
	s.hub.publish(event{
		name: "direct_added", data: map[string]any{"creator_id": a, "teammate_id": b}, to: broadcast{ChannelID: ch.ID},
	})
	return ch
}

// GroupDM opens, or finds, the group channel of three to eight users.
func (s *Server) GroupDM(members ...string) Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.group(members)
	if ch == nil {
		return Channel{}
	}
	s.touch()
	return ch.Channel
}

func (s *Server) group(members []string) *channel {
	ids := slices.Clone(members)
	slices.Sort(ids)
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		u := s.state.users[id]
		if u == nil {
			return nil
		}
		names = append(names, u.Username)
	}
	slices.Sort(names)
	sum := sha1.Sum([]byte(strings.Join(ids, ""))) //nolint:gosec // a name, see above
	name := hex.EncodeToString(sum[:])
	for _, ch := range s.state.rooms {
		if ch.Type == "G" && ch.Name == name {
			return ch
		}
	}
	ch := s.state.newChannel(Channel{Type: "G", Name: name, DisplayName: strings.Join(names, ", ")}, s.now())
	for _, id := range ids {
		s.enter(ch, s.state.users[id])
	}
	s.hub.publish(event{name: "group_added", data: map[string]any{"teammate_ids": mustJSON(ids)}, to: broadcast{ChannelID: ch.ID}})
	return ch
}

// RenameChannel changes name and display name as an administrator does.
func (s *Server) RenameChannel(id, name, display string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.state.channels[id]
	if ch == nil {
		return
	}
	old := ch.DisplayName
	ch.Name, ch.DisplayName = name, display
	s.channelUpdated(ch)
	admin := s.state.users[s.Admin.ID]
	s.systemPost(ch, admin, "system_displayname_change", admin.Username+" updated the channel display name from: "+old+" to: "+display,
		map[string]any{"new_displayname": display, "old_displayname": old, "username": admin.Username})
	s.touch()
}

func (s *Server) channelUpdated(ch *channel) {
	ch.UpdateAt = s.now()
	s.hub.publish(event{name: "channel_updated", data: map[string]any{"channel": mustJSON(ch.json())}, to: broadcast{ChannelID: ch.ID}})
}

// ArchiveChannel archives as an administrator does.
func (s *Server) ArchiveChannel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.state.channels[id]
	if ch == nil {
		return
	}
	admin := s.state.users[s.Admin.ID]
	s.systemPost(ch, admin, "system_channel_deleted", admin.Username+" archived the channel.", map[string]any{"username": admin.Username})
	ch.DeleteAt = s.now()
	ch.UpdateAt = ch.DeleteAt
	s.hub.publish(event{
		name: "channel_deleted", data: map[string]any{"channel_id": ch.ID, "delete_at": ch.DeleteAt}, to: broadcast{TeamID: ch.TeamID},
	})
	s.touch()
}

type channelJSON struct {
	ID                string  `json:"id"`
	CreateAt          int64   `json:"create_at"`
	UpdateAt          int64   `json:"update_at"`
	DeleteAt          int64   `json:"delete_at"`
	TeamID            string  `json:"team_id"`
	Type              string  `json:"type"`
	DisplayName       string  `json:"display_name"`
	Name              string  `json:"name"`
	Header            string  `json:"header"`
	Purpose           string  `json:"purpose"`
	LastPostAt        int64   `json:"last_post_at"`
	TotalMsgCount     int     `json:"total_msg_count"`
	ExtraUpdateAt     int64   `json:"extra_update_at"`
	CreatorID         string  `json:"creator_id"`
	SchemeID          *string `json:"scheme_id"`
	Props             any     `json:"props"`
	GroupConstrained  *bool   `json:"group_constrained"`
	Autotranslation   bool    `json:"autotranslation"`
	Shared            *bool   `json:"shared"`
	TotalMsgCountRoot int     `json:"total_msg_count_root"`
	PolicyID          *string `json:"policy_id"`
	LastRootPostAt    int64   `json:"last_root_post_at"`
	BannerInfo        any     `json:"banner_info"`
	PolicyEnforced    bool    `json:"policy_enforced"`
	PolicyIsActive    bool    `json:"policy_is_active"`
	DefaultCategory   string  `json:"default_category_name"`
}

func (ch *channel) json() channelJSON {
	out := channelJSON{
		ID: ch.ID, CreateAt: ch.CreateAt, UpdateAt: ch.UpdateAt, DeleteAt: ch.DeleteAt, TeamID: ch.TeamID, Type: ch.Type,
		DisplayName: ch.DisplayName, Name: ch.Name, Header: ch.Header, Purpose: ch.Purpose, LastPostAt: ch.lastPost,
		TotalMsgCount: ch.count, CreatorID: ch.CreatorID, TotalMsgCountRoot: ch.rootCount, LastRootPostAt: ch.lastRootPost,
	}
	if ch.Type == "D" || ch.Type == "G" {
		shared := false
		out.Shared = &shared
	}
	return out
}

// mayRead: members, members of the team in public channels, and administrators.
func (c *call) mayRead(ch *channel) bool { return c.state.mayRead(ch, c.who) }

func (st *state) mayRead(ch *channel, u *user) bool {
	if ch.members[u.ID] != nil || u.is("system_admin") {
		return true
	}
	t := st.team(ch.TeamID)
	return ch.Type == "O" && t != nil && t.members[u.ID]
}

// page cuts a list as page and per_page ask.
func page[T any](c *call, list []T, size int) []T {
	q := c.r.URL.Query()
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 {
		size = min(n, 200)
	}
	n, _ := strconv.Atoi(q.Get("page"))
	from := min(n*size, len(list))
	return list[from:min(from+size, len(list))]
}

func (c *call) channelByID() (any, error) {
	ch := c.state.channels[c.vars["channel_id"]]
	if ch == nil {
		return nil, noChannel(c.vars["channel_id"])
	}
	if !c.mayRead(ch) {
		return nil, forbidden()
	}
	return ch.json(), nil
}

// channelByName: a private channel of others is 404 here, though 403 by its id.
func (c *call) channelByName() (any, error) {
	t := c.state.team(c.vars["team_id"])
	if name := c.vars["team_name"]; name != "" {
		if i := slices.IndexFunc(c.state.teams, func(t *team) bool { return t.Name == name }); i >= 0 {
			t = c.state.teams[i]
		}
	}
	if t == nil {
		return nil, noTeam()
	}
	archived := c.r.URL.Query().Get("include_deleted") == "true"
	for _, ch := range c.state.rooms {
		if ch.TeamID == t.ID && ch.Name == strings.ToLower(c.vars["channel_name"]) && (ch.DeleteAt == 0 || archived) {
			if !c.mayRead(ch) {
				break
			}
			return ch.json(), nil
		}
	}
	return nil, noChannelName()
}

func (c *call) publicChannels() (any, error) {
	t := c.state.team(c.vars["team_id"])
	if t == nil || !c.mayViewTeam(t) {
		return nil, forbidden()
	}
	out := []channelJSON{}
	for _, ch := range c.state.rooms {
		if ch.TeamID == t.ID && ch.Type == "O" && ch.DeleteAt == 0 {
			out = append(out, ch.json())
		}
	}
	slices.SortFunc(out, func(a, b channelJSON) int { return cmp.Compare(a.DisplayName, b.DisplayName) })
	return page(c, out, 60), nil
}

func (c *call) channelsOf() (any, error) {
	if c.vars["user_id"] != c.who.ID && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	archived := c.r.URL.Query().Get("include_deleted") == "true"
	out := []channelJSON{}
	for _, ch := range c.state.rooms {
		team := c.vars["team_id"]
		if ch.members[c.vars["user_id"]] != nil && (ch.DeleteAt == 0 || archived) && (team == "" || ch.TeamID == "" || ch.TeamID == team) {
			out = append(out, ch.json())
		}
	}
	if len(out) == 0 {
		return nil, fail(http.StatusNotFound, "app.channel.get_channels.not_found.app_error", "No channels were found.")
	}
	if c.vars["team_id"] != "" {
		newest := slices.MaxFunc(out, func(a, b channelJSON) int { return cmp.Compare(a.LastPostAt, b.LastPostAt) })
		c.etag(newest.ID, max(newest.LastPostAt, newest.UpdateAt), 0, len(out))
	}
	return out, nil
}

// searchChannels finds channels by a part of their name.
func (c *call) searchChannels() (any, error) {
	var in struct{ Term string }
	if err := c.decode(&in, "channel_search"); err != nil {
		return nil, err
	}
	out := []channelJSON{}
	for _, ch := range c.state.rooms {
		fits := strings.Contains(strings.ToLower(ch.Name+" "+ch.DisplayName), strings.ToLower(in.Term))
		if ch.TeamID == c.vars["team_id"] && fits && ch.DeleteAt == 0 && c.mayRead(ch) {
			out = append(out, ch.json())
		}
	}
	slices.SortFunc(out, func(a, b channelJSON) int { return cmp.Compare(a.DisplayName, b.DisplayName) })
	return out, nil
}

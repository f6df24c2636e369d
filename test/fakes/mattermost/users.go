package mattermost

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// User is a person or a bot.
type User struct {
	ID, Username, Email  string
	FirstName, LastName  string
	Nickname, Position   string
	Roles, Locale        string
	EmailVerified        bool // seen by the user itself and by administrators only
	Bot                  bool
	Description          string // of a bot
	CreateAt, DeleteAt   int64
	ManualTimezone       string
	Status               string // online, offline, away, dnd
	UpdateAt, LastActive int64
	Token                string // of a session, to use the API as this user
}

// user is the server's own User.
type user struct{ User }

func (st *state) newUser(u User, now int64) *user {
	u.ID, u.CreateAt, u.UpdateAt = newID(), now, now
	if u.Email == "" {
		u.Email = u.Username + "@example.com"
	}
	if u.Roles == "" {
		u.Roles = "system_user"
	}
	if u.Locale == "" {
		u.Locale = "en"
	}
	u.Status = "offline"
	made := &user{User: u}
	made.Token = st.login(made)
	st.users[u.ID] = made
	st.order = append(st.order, made)
	return made
}

// AddUser makes a person and a member of the first team.
func (s *Server) AddUser(username string, change ...func(*User)) User {
	u := User{Username: username, FirstName: strings.ToUpper(username[:1]) + username[1:]}
	return s.addUser(u, change)
}

// AddBot makes a bot with the default role and an access token, a member of the
// first team. It is in no channel but town-square and off-topic.
func (s *Server) AddBot(username string, change ...func(*User)) User {
	return s.addUser(User{Username: username, Email: username + "@localhost", Bot: true}, change)
}

func (s *Server) addUser(u User, change []func(*User)) User {
	for _, f := range change {
		f(&u)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.state.newUser(u, s.now())
	s.hub.publish(event{name: "new_user", data: map[string]any{"user_id": made.ID}})
	s.joinTeam(s.state.teams[0], made)
	s.touch()
	return s.publicUser(made)
}

func (s *Server) publicUser(u *user) User { return u.User }

// User looks a user up, by id or name; the zero value when there is none.
func (s *Server) User(idOrName string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.state.users[idOrName]; u != nil {
		return s.publicUser(u)
	}
	if u := s.state.userByName(strings.TrimPrefix(idOrName, "@")); u != nil {
		return s.publicUser(u)
	}
	return User{}
}

// UpdateUser changes a user as an administrator or the user itself would: a new
// name, nickname, locale. All see user_updated.
func (s *Server) UpdateUser(id string, change func(*User)) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.state.users[id]
	if u == nil {
		return User{}
	}
	change(&u.User)
	u.UpdateAt = s.now()
	s.userUpdated(u)
	s.touch()
	return s.publicUser(u)
}

// Deactivate ends a user's rights: its sessions are gone, its sockets are dead.
func (s *Server) Deactivate(id string) { s.setActive(id, false) }

// Activate undoes Deactivate; people must log in again, see NewToken.
func (s *Server) Activate(id string) { s.setActive(id, true) }

// DisableBot is Deactivate of a bot: its token works again after EnableBot, its open
// sockets never do.
func (s *Server) DisableBot(id string) { s.setActive(id, false) }

// EnableBot undoes DisableBot.
func (s *Server) EnableBot(id string) { s.setActive(id, true) }

func (s *Server) setActive(id string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.state.users[id]
	if u == nil {
		return
	}
	u.UpdateAt = s.now()
	u.DeleteAt = 0
	if !active {
		u.DeleteAt = u.UpdateAt
		s.hub.deaden(func(c *conn) bool { return c.userID == id })
		if !u.Bot {
			for token, sess := range s.state.sessions {
				if sess.user == u {
					delete(s.state.sessions, token)
				}
			}
		}
	}
	s.userUpdated(u)
	s.touch()
}

// userUpdated tells everybody, and the user itself with more fields.
func (s *Server) userUpdated(u *user) {
	s.hub.publish(event{
		name: "user_updated", data: map[string]any{"user": u.seenBy(nil)},
		to: broadcast{OmitUsers: map[string]bool{u.ID: true}, Sanitized: true},
	})
	s.hub.publish(event{name: "user_updated", data: map[string]any{"user": u.seenBy(u)}, to: broadcast{UserID: u.ID}})
}

// setStatus changes the presence; only the user itself hears of it.
func (s *Server) setStatus(u *user, status string) {
	if u.Status == status {
		return
	}
	u.Status = status
	s.hub.publish(event{
		name: "status_change", data: map[string]any{"status": status, "user_id": u.ID}, to: broadcast{UserID: u.ID},
	})
}

// userJSON is a user on the wire.
type userJSON struct {
	ID                 string            `json:"id"`
	CreateAt           int64             `json:"create_at"`
	UpdateAt           int64             `json:"update_at"`
	DeleteAt           int64             `json:"delete_at"`
	Username           string            `json:"username"`
	AuthData           *string           `json:"auth_data,omitempty"`
	AuthService        string            `json:"auth_service"`
	Email              string            `json:"email"`
	EmailVerified      bool              `json:"email_verified,omitempty"`
	Nickname           string            `json:"nickname"`
	FirstName          string            `json:"first_name"`
	LastName           string            `json:"last_name"`
	Position           string            `json:"position"`
	Roles              string            `json:"roles"`
	NotifyProps        map[string]string `json:"notify_props,omitempty"`
	LastPasswordUpdate int64             `json:"last_password_update,omitempty"`
	Locale             string            `json:"locale"`
	Timezone           map[string]string `json:"timezone"`
	RemoteID           *string           `json:"remote_id,omitempty"`
	IsBot              bool              `json:"is_bot,omitempty"`
	BotDescription     string            `json:"bot_description,omitempty"`
	DisableWelcome     bool              `json:"disable_welcome_email"`
}

// seenBy gives what viewer may see: an administrator and the user itself see more;
// nil is a stranger.
func (u *user) seenBy(viewer *user) userJSON {
	empty := ""
	out := userJSON{
		ID: u.ID, CreateAt: u.CreateAt, UpdateAt: u.UpdateAt, DeleteAt: u.DeleteAt, Username: u.Username,
		Email: u.Email, Nickname: u.Nickname, FirstName: u.FirstName, LastName: u.LastName, Position: u.Position,
		Roles: u.Roles, Locale: u.Locale, IsBot: u.Bot, BotDescription: u.Description,
		Timezone: map[string]string{
			"automaticTimezone": "", "manualTimezone": u.ManualTimezone, "useAutomaticTimezone": "true",
		},
	}
	if u.ManualTimezone != "" {
		out.Timezone["useAutomaticTimezone"] = "false"
	}
	if !u.Bot {
		out.RemoteID = &empty
	}
	if viewer != u && !viewer.is("system_admin") {
		out.AuthData = &empty
		return out
	}
	out.EmailVerified = u.EmailVerified
	out.NotifyProps = map[string]string{
		"channel": "true", "comments": "never", "desktop": "mention", "desktop_sound": "true", "desktop_threads": "all",
		"email": "true", "email_threads": "all", "first_name": "false", "mention_keys": "", "push": "mention",
		"push_status": "online", "push_threads": "all",
	}
	if viewer == u {
		out.LastPasswordUpdate = u.CreateAt
	}
	return out
}

func (u *user) is(role string) bool {
	return u != nil && slices.Contains(strings.Fields(u.Roles), role)
}

func (s *Server) userRoutes() []route {
	return []route{
		{method: "POST", path: "/users/ids", serve: (*call).usersByIDs, query: []string{"since"}},
		{method: "POST", path: "/users/usernames", serve: (*call).usersByNames},
		{method: "POST", path: "/users/status/ids", serve: (*call).statuses},
		{method: "GET", path: "/users", serve: (*call).usersIn, query: []string{"in_channel", "page", "per_page"}},
		{method: "GET", path: "/users/username/{username}", serve: (*call).userByName},
		{method: "GET", path: "/users/email/{email}", serve: (*call).userByEmail},
		{method: "POST", path: "/users/search", serve: (*call).searchUsers, fields: []string{"term", "team_id", "in_channel_id", "limit", "allow_inactive"}},
		{method: "GET", path: "/users/autocomplete", serve: (*call).completeUsers, query: []string{"name", "in_team", "in_channel", "limit"}},
		{method: "GET", path: "/users/{user_id}", serve: (*call).userByID},
		{method: "PUT", path: "/users/{user_id}", serve: (*call).putUser},
		{method: "PUT", path: "/users/{user_id}/patch", serve: (*call).patchUser, fields: []string{"nickname", "first_name", "last_name", "position", "locale", "timezone", "username", "email"}},
		{method: "GET", path: "/users/{user_id}/status", serve: (*call).status},
		{method: "PUT", path: "/users/{user_id}/status", serve: (*call).putStatus, fields: []string{"user_id", "status"}},
		{method: "PUT", path: "/users/{user_id}/roles", serve: (*call).putRoles, fields: []string{"roles"}},
		{method: "POST", path: "/users/{user_id}/typing", serve: (*call).typing, fields: []string{"channel_id", "parent_id"}},
	}
}

func (c *call) showUser(u *user) (any, error) {
	c.etag(u.ID, u.UpdateAt, "", 0, true, true, 0)
	return u.seenBy(c.who), nil
}

func (c *call) userByID() (any, error) {
	u := c.state.users[c.vars["user_id"]]
	if u == nil {
		return nil, noUser()
	}
	return c.showUser(u)
}

func (c *call) userByName() (any, error) {
	name := c.vars["username"]
	if name != strings.ToLower(name) {
		return nil, badBody("username")
	}
	u := c.state.userByName(name)
	if u == nil {
		return nil, fail(http.StatusNotFound, "app.user.get_by_username.app_error", "Unable to find an existing account matching your username for this team. This team may require an invite from the team owner to join.")
	}
	return c.showUser(u)
}

func (c *call) userByEmail() (any, error) {
	for _, u := range c.state.order {
		if strings.EqualFold(u.Email, c.vars["email"]) {
			return c.showUser(u)
		}
	}
	return nil, fail(http.StatusNotFound, "app.user.missing_account.const", "Unable to find the user.")
}

// stringsOf reads a body that is an array of texts.
func (c *call) stringsOf(what string) ([]string, error) {
	var list []string
	if json.Unmarshal(c.body, &list) != nil || len(list) == 0 {
		return nil, badBody(what)
	}
	return list, nil
}

// usersByIDs leaves out what it doesn't know; clients can't count on the order.
func (c *call) usersByIDs() (any, error) {
	return c.pickUsers("user_ids", func(u *user) string { return u.ID })
}

func (c *call) usersByNames() (any, error) {
	return c.pickUsers("usernames", func(u *user) string { return u.Username })
}

func (c *call) pickUsers(what string, key func(*user) string) (any, error) {
	wanted, err := c.stringsOf(what)
	if err != nil {
		return nil, err
	}
	out := c.sanitized(func(u *user) bool { return slices.Contains(wanted, key(u)) })
	return out, nil
}

// sanitized lists users as strangers see them, also oneself.
func (c *call) sanitized(which func(*user) bool) []userJSON {
	viewer := c.who
	if !viewer.is("system_admin") {
		viewer = nil
	}
	out := []userJSON{}
	for _, u := range c.state.order {
		if which(u) {
			out = append(out, u.seenBy(viewer))
		}
	}
	slices.SortFunc(out, func(a, b userJSON) int { return strings.Compare(a.Username, b.Username) })
	return out
}

func (c *call) usersIn() (any, error) {
	ch := c.state.channels[c.r.URL.Query().Get("in_channel")]
	if ch == nil || !c.mayRead(ch) {
		return nil, forbidden()
	}
	return page(c, c.sanitized(func(u *user) bool { return ch.members[u.ID] != nil }), 60), nil
}

package slack

import (
	"cmp"
	"strings"
)

// User is a person or a bot.
type User struct {
	ID          string // made when empty
	Name        string // the handle, without "@"
	RealName    string
	DisplayName string
	Email       string
	Team        string // of another organisation (Slack Connect); "" = ours
	Bot         bool
	Deleted     bool
	Admin       bool
	Restricted  bool // a multi-channel guest
	Ultra       bool // a single-channel guest
	updated     int64
}

// stranger tells whether the user is of another organisation.
func (u *User) stranger() bool { return u.Team != "" }

// AddUser adds a user and gives the id.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = s.newID("U")
	}
	u.RealName, u.DisplayName = cmp.Or(u.RealName, u.Name), cmp.Or(u.DisplayName, u.Name)
	u.updated = s.clock.Now().Unix()
	s.users.add(u.ID, &u)
	return u.ID
}

// User gives a user as the workspace knows it; the zero User if it doesn't.
func (s *Server) User(id string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users.by[id]; u != nil {
		return *u
	}
	return User{}
}

// ChangeUser changes a user (name, e-mail, guest, ...) and tells the app with user_change.
func (s *Server) ChangeUser(id string, change func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users.by[id]
	if u == nil {
		s.misuse("ChangeUser: no user %s", id)
		return
	}
	change(u)
	u.updated = s.clock.Now().Unix()
	s.emit("user_change", id, object{
		"type": "user_change", "user": s.wireUser(u), "cache_ts": u.updated, "event_ts": s.newTS(),
	})
	s.touch()
}

// Deactivate turns a user's account off.
func (s *Server) Deactivate(id string) { s.ChangeUser(id, func(u *User) { u.Deleted = true }) }

// Reactivate turns a user's account on again.
func (s *Server) Reactivate(id string) { s.ChangeUser(id, func(u *User) { u.Deleted = false }) }

// RenameUser changes a user's handle and names.
func (s *Server) RenameUser(id, name string) {
	s.ChangeUser(id, func(u *User) { u.Name, u.RealName, u.DisplayName = name, name, name })
}

// wireUser is the user object. The lock is held.
func (s *Server) wireUser(u *User) object {
	profile := object{
		"avatar_hash": "ge3b51ca72de", "display_name": u.DisplayName, "display_name_normalized": u.DisplayName,
		"real_name": u.RealName, "real_name_normalized": u.RealName, "status_emoji": "", "status_text": "",
		"team": cmp.Or(u.Team, s.TeamID), "image_48": s.URL + "/avatar.png", "title": "", "phone": "", "skype": "",
	}
	if u.Email != "" && s.scoped("users:read.email") && !u.Bot {
		profile["email"] = u.Email
	}
	if u.Bot {
		profile["api_app_id"], profile["bot_id"] = s.AppID, s.BotID
	}
	out := object{
		"id": u.ID, "team_id": cmp.Or(u.Team, s.TeamID), "name": u.Name, "deleted": u.Deleted, "color": "9f69e7",
		"real_name": u.RealName, "tz": "Europe/Berlin", "tz_label": "Central European Time", "tz_offset": 3600,
		"profile": profile, "is_admin": u.Admin, "is_owner": false, "is_primary_owner": false,
		"is_restricted": u.Restricted || u.Ultra, "is_ultra_restricted": u.Ultra, "is_bot": u.Bot,
		"is_app_user": false, "updated": u.updated, "has_2fa": false,
	}
	if u.stranger() {
		out["is_stranger"] = true
	}
	return out
}

func (s *Server) usersInfo(c *call) (object, *apiError) {
	if ids := c.str("users"); ids != "" {
		var all []object
		for id := range strings.SplitSeq(ids, ",") {
			u := s.users.by[id]
			if u == nil {
				return nil, fail("user_not_found")
			}
			all = append(all, s.localised(c, u))
		}
		return object{"users": all}, nil
	}
	u := s.users.by[c.str("user")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	return object{"user": s.localised(c, u)}, nil
}

func (s *Server) localised(c *call, u *User) object {
	out := s.wireUser(u)
	if c.flag("include_locale") {
		out["locale"] = "en-US"
	}
	return out
}

func (s *Server) usersLookupByEmail(c *call) (object, *apiError) {
	for _, u := range s.users.all() {
		if u.Email != "" && strings.EqualFold(u.Email, c.str("email")) && !u.Deleted && !u.Bot {
			return object{"user": s.wireUser(u)}, nil
		}
	}
	return nil, fail("users_not_found")
}

func (s *Server) usersList(c *call) (object, *apiError) {
	page, next, err := paginate(c, s.users.order, 0, 1000)
	if err != nil {
		return nil, err
	}
	members := []object{}
	for _, id := range page {
		members = append(members, s.localised(c, s.users.by[id]))
	}
	return object{"members": members, "cache_ts": s.clock.Now().Unix(), "response_metadata": object{"next_cursor": next}}, nil
}

func (s *Server) botsInfo(c *call) (object, *apiError) {
	if id := c.str("bot"); id != "" && id != s.BotID {
		return nil, fail("bot_not_found")
	}
	return object{"bot": object{
		"id": s.BotID, "deleted": false, "name": s.cfg.botName, "updated": int64(1700000000), "app_id": s.AppID,
		"user_id": s.BotUserID, "icons": s.icons(),
	}}, nil
}

func (s *Server) icons() object {
	return object{"image_36": s.URL + "/bot_36.png", "image_48": s.URL + "/bot_48.png", "image_72": s.URL + "/bot_72.png"}
}

func (s *Server) teamInfo(c *call) (object, *apiError) {
	if id := c.str("team"); id != "" && id != s.TeamID {
		return nil, fail("team_not_found")
	}
	return object{"team": object{
		"id": s.TeamID, "name": s.cfg.teamName, "domain": s.cfg.domain, "email_domain": s.cfg.domain + ".example.com",
		"icon": object{
			"image_34": s.URL + "/i.png", "image_44": s.URL + "/i.png", "image_68": s.URL + "/i.png", "image_88": s.URL + "/i.png",
			"image_102": s.URL + "/i.png", "image_132": s.URL + "/i.png", "image_default": true,
		},
	}}, nil
}

package gitea

import (
	"slices"
	"strings"
	"time"
)

// owner is a user or an organisation.
type owner struct {
	id      int64
	login   string
	org     bool
	members []string
	rules   OrgRules
}

// OrgRules are what an organisation's owners, and Gitea's administrator, decided.
type OrgRules struct {
	MembersCreate bool // members may create repositories
	MembersOwn    bool // members are in the team of its owners, and may delete
	Hidden        bool // only members see it
	Limit         int  // most repositories; 0: no limit
	LimitStatus   int  // how the limit is told: 403, by default, or 500
	Teams         []string
}

// AddUser makes a person.
func (s *Server) AddUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners = append(s.owners, &owner{id: s.newID(), login: login})
}

// AddOrg makes an organisation whose members are given.
func (s *Server) AddOrg(login string, rules OrgRules, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners = append(s.owners, &owner{id: s.newID(), login: login, org: true, members: members, rules: rules})
}

// owner finds one without regard to case; nil if there is none.
func (s *Server) owner(login string) *owner {
	i := slices.IndexFunc(s.owners, func(o *owner) bool { return strings.EqualFold(o.login, login) })
	if i < 0 {
		return nil
	}
	return s.owners[i]
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// account is a "User"; an organisation has the same fields where it stands for one.
func (s *Server) account(o *owner) object {
	return object{
		"id": o.id, "login": o.login, "login_name": "", "source_id": 0, "full_name": "", "email": o.login + "@noreply.localhost",
		"avatar_url": s.URL + "/avatars/" + o.login, "html_url": s.URL + "/" + o.login, "language": "", "is_admin": false,
		"last_login": "0001-01-01T00:00:00Z", "created": "2024-01-01T00:00:00Z", "restricted": false, "active": false,
		"prohibit_login": false, "location": "", "website": "", "description": "", "visibility": "public",
		"followers_count": 0, "following_count": 0, "starred_repos_count": 0, "username": o.login,
	}
}

func (s *Server) getVersion(*call) reply { return ok(object{"version": s.cfg.version}) }

func (s *Server) getMe(c *call) reply { return ok(s.account(s.owner(c.who.login))) }

func (s *Server) getUser(c *call) reply {
	o := s.owner(c.params["username"])
	if o == nil || o.rules.Hidden && !c.who.member(o) {
		return s.notFound()
	}
	return ok(s.account(o))
}

func (s *Server) getOrg(c *call) reply {
	o := s.owner(c.params["org"])
	if o == nil || !o.org || o.rules.Hidden && !c.who.member(o) {
		return s.notFound()
	}
	return ok(object{
		"id": o.id, "name": o.login, "full_name": "", "email": "", "avatar_url": s.URL + "/avatars/" + o.login, "description": "",
		"website": "", "location": "", "visibility": "public", "repo_admin_change_team_access": true, "username": o.login,
	})
}

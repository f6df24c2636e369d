package github

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// owner is a user or an organisation.
type owner struct {
	id      int64
	login   string
	kind    string // "User" or "Organization"
	members []string
	teams   map[string]int64 // slug -> id
	sso     bool
	rules   OrgRules
}

// OrgRules are what an organisation's administrators decided.
type OrgRules struct {
	SSO           bool   // tokens must be authorised for single sign-on
	MembersCreate bool   // members may create repositories
	NoPrivate     bool   // of the plan: no protection of private repositories
	Limit         int    // most repositories; 0: no limit
	DefaultBranch string // "" = main
	Teams         []string
}

// AddUser makes a person.
func (s *Server) AddUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners = append(s.owners, &owner{id: s.newID(), login: login, kind: "User", rules: OrgRules{DefaultBranch: "main"}})
}

// AddOrg makes an organisation whose members are given; a plain one lets them create
// repositories.
func (s *Server) AddOrg(login string, rules OrgRules, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rules.DefaultBranch == "" {
		rules.DefaultBranch = "main"
	}
	o := &owner{id: s.newID(), login: login, kind: "Organization", members: members, sso: rules.SSO, rules: rules, teams: map[string]int64{}}
	for _, t := range rules.Teams {
		o.teams[t] = s.newID()
	}
	s.owners = append(s.owners, o)
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

// person is a "simple-user".
func (s *Server) person(o *owner) object {
	api := s.URL + apiRoot + "users/" + o.login
	out := object{
		"login": o.login, "id": o.id, "node_id": "U", "avatar_url": s.URL + "/avatars/" + o.login, "gravatar_id": "", "url": api,
		"html_url": s.URL + "/" + o.login, "type": o.kind, "site_admin": false,
		"following_url": api + "/following{/other_user}", "gists_url": api + "/gists{/gist_id}",
		"starred_url": api + "/starred{/owner}{/repo}", "events_url": api + "/events{/privacy}",
	}
	for _, name := range []string{"followers", "subscriptions", "organizations", "repos", "received_events"} {
		out[name+"_url"] = api + "/" + name
	}
	return out
}

// account is a whole user, as others see one.
func (s *Server) account(o *owner) object {
	out := s.person(o)
	for _, name := range []string{"name", "company", "location", "email", "hireable", "bio"} {
		out[name] = nil
	}
	out["blog"], out["user_view_type"] = "", "public"
	out["public_repos"], out["public_gists"], out["followers"], out["following"] = 0, 0, 0, 0
	out["created_at"], out["updated_at"] = "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
	return out
}

func (s *Server) getUser(c *call) reply {
	if o := s.owner(c.params["username"]); o != nil {
		return ok(s.account(o))
	}
	return notFound()
}

func (s *Server) getMe(c *call) reply {
	o := s.owner(c.who.login)
	if c.who.app != nil || o == nil {
		return problem(http.StatusForbidden, "Resource not accessible by integration")
	}
	return ok(s.account(o))
}

func (s *Server) getOrg(c *call) reply {
	o := s.owner(c.params["org"])
	if o == nil || o.kind != "Organization" {
		return notFound()
	}
	api := s.URL + apiRoot + "orgs/" + o.login
	out := object{
		"login": o.login, "id": o.id, "node_id": "O", "url": api, "repos_url": api + "/repos", "events_url": api + "/events",
		"hooks_url": api + "/hooks", "issues_url": api + "/issues", "members_url": api + "/members{/member}",
		"public_members_url": api + "/public_members{/member}", "avatar_url": s.URL + "/avatars/" + o.login, "description": nil,
		"has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0, "followers": 0,
		"following": 0, "html_url": s.URL + "/" + o.login, "type": o.kind, "created_at": "2020-01-01T00:00:00Z",
		"updated_at": "2020-01-01T00:00:00Z", "archived_at": nil,
	}
	if c.member(o) {
		out["members_can_create_repositories"] = o.rules.MembersCreate
	}
	return ok(out)
}

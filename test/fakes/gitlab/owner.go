package gitlab

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"opsbot/test/fakes/githttp"
)

// The roles that count here, as GitLab numbers them.
const (
	Developer  = 30
	Maintainer = 40
	Owner      = 50
)

// GroupRules say how a group behaves.
type GroupRules struct {
	DefaultBranch string // of new projects; "" = main
	// Creation is who may create projects: noone, owner, maintainer, developer; "" = developer.
	Creation string
	Private  bool // nobody but members sees it, and its projects are private
}

// namespace is a group or a person's own.
type namespace struct {
	id      int64
	path    string // whole
	group   bool
	rules   GroupRules
	members map[string]int
	limit   int // of projects, -1: none
}

// AddUser makes an account.
func (s *Server) AddUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spaces = append(s.spaces, &namespace{id: s.newID(), path: login, members: map[string]int{login: Owner}, limit: -1})
}

// LimitProjects sets how many projects of its own an account may have.
func (s *Server) LimitProjects(login string, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space(login).limit = most
}

// AddGroup makes a group, or a subgroup of one that is there; members are roles by
// login. Members of a group are members of what is below it.
func (s *Server) AddGroup(path string, rules GroupRules, members map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rules.DefaultBranch == "" {
		rules.DefaultBranch = "main"
	}
	if rules.Creation == "" {
		rules.Creation = "developer"
	}
	s.spaces = append(s.spaces, &namespace{id: s.newID(), path: path, group: true, rules: rules, members: maps.Clone(members), limit: -1})
}

// space finds a namespace by path. The lock is held.
func (s *Server) space(path string) *namespace {
	i := slices.IndexFunc(s.spaces, func(n *namespace) bool { return strings.EqualFold(n.path, path) })
	if i < 0 {
		return nil
	}
	return s.spaces[i]
}

// role is the highest that somebody has in a namespace or above it.
func (s *Server) role(n *namespace, login string) int {
	best := n.members[login]
	for above := parent(n.path); above != ""; above = parent(above) {
		if up := s.space(above); up != nil {
			best = max(best, up.members[login])
		}
	}
	return best
}

func parent(path string) string {
	i := strings.LastIndex(path, "/")
	return path[:max(i, 0)]
}

func last(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func (s *Server) spaceView(n *namespace) object {
	kind, web := "user", s.URL+"/"+n.path
	if n.group {
		kind, web = "group", s.URL+"/groups/"+n.path
	}
	out := object{
		"id": n.id, "name": last(n.path), "path": last(n.path), "kind": kind, "full_path": n.path, "parent_id": nil, "avatar_url": nil, "web_url": web,
	}
	if up := s.space(parent(n.path)); up != nil {
		out["parent_id"] = up.id
	}
	return out
}

// getNamespace shows a namespace to its members alone.
func (s *Server) getNamespace(c *call) reply {
	n := s.space(c.params["id"])
	if n == nil || s.role(n, c.who.login) == 0 {
		return notFound("Namespace")
	}
	return ok(s.spaceView(n))
}

func (s *Server) getGroup(c *call) reply {
	n := s.space(c.params["id"])
	if n == nil || !n.group || n.rules.Private && s.role(n, c.who.login) == 0 {
		return notFound("Group")
	}
	out := s.spaceView(n)
	out["visibility"], out["project_creation_level"] = "public", n.rules.Creation
	if n.rules.Private {
		out["visibility"] = "private"
	}
	return ok(out)
}

func (s *Server) userView(n *namespace) object {
	return object{"id": n.id, "username": n.path, "name": n.path, "state": "active", "avatar_url": nil, "web_url": s.URL + "/" + n.path}
}

func (s *Server) getMe(c *call) reply { return ok(s.userView(s.space(c.who.login))) }

func (s *Server) getUser(c *call) reply {
	for _, n := range s.spaces {
		if number(n.id) == c.params["id"] && !n.group {
			return ok(s.userView(n))
		}
	}
	return notFound("User")
}

func (s *Server) getVersion(*call) reply {
	return ok(object{"version": "18.6.1", "revision": "4f9b2c8a1d3"})
}

// mayCreate tells whether somebody may create projects in a namespace.
func (s *Server) mayCreate(n *namespace, login string) bool {
	if !n.group {
		return n.path == login
	}
	need := map[string]int{"noone": 100, "owner": Owner, "maintainer": Maintainer, "developer": Developer}[n.rules.Creation]
	return s.role(n, login) >= need
}

// newProject makes a project with its repository. The lock is held.
func (s *Server) newProject(n *namespace, name, login string) (*project, error) {
	branch := or(n.rules.DefaultBranch, "main")
	p := &project{
		id: s.newID(), space: n, path: name, name: name, preferred: branch, creator: s.space(login).id, created: s.clock.Now(),
		protected: map[string]*protection{}, environments: map[string]*environment{}, visibility: "private",
	}
	var err error
	p.Repository, err = githttp.Init(s.dir+"/"+number(p.id)+".git", branch)
	if err != nil {
		return nil, err
	}
	for _, other := range s.projects { // a name that is taken again leads nowhere else
		other.former = slices.DeleteFunc(other.former, func(f string) bool { return strings.EqualFold(f, p.full()) })
	}
	s.projects = append(s.projects, p)
	return p, nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// with finds the project that the path names, if the caller may see it and has the
// role in it.
func (s *Server) with(role int, handle func(*call, *project) reply) func(*call) reply {
	return func(c *call) reply {
		p := s.project(c.params["id"])
		if p == nil {
			return s.moved(c)
		}
		switch have := s.role(p.space, c.who.login); {
		case have == 0 && p.visibility == "private":
			return notFound("Project")
		case have < role:
			return forbidden()
		}
		return handle(c, p)
	}
}

// moved leads from a former path to the project's id.
func (s *Server) moved(c *call) reply {
	for _, p := range s.projects {
		if !slices.ContainsFunc(p.former, func(f string) bool { return strings.EqualFold(f, c.params["id"]) }) {
			continue
		}
		if s.role(p.space, c.who.login) == 0 && p.visibility == "private" {
			return notFound("Project")
		}
		if c.Method != http.MethodGet {
			return problem(http.StatusMethodNotAllowed, "405 Non GET methods are not allowed for moved projects")
		}
		segments := strings.Split(strings.TrimPrefix(c.URL.EscapedPath(), apiRoot), "/")
		segments[2] = number(p.id)
		to := s.URL + apiRoot + strings.Join(segments, "/")
		return reply{status: http.StatusMovedPermanently, header: http.Header{"Location": {to}}, body: plain("This resource has been moved permanently to " + to + ".")}
	}
	return notFound("Project")
}

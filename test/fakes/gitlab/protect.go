package gitlab

import (
	"net/http"
	"path"
	"strings"
)

// protection guards a branch, or what its name may stand for.
type protection struct {
	id          int64
	push, merge int
	force       bool
}

// guarded tells whether a branch is protected, by its name or a wildcard.
func (p *project) guarded(branch string) bool {
	for name := range p.protected {
		if fits, _ := path.Match(strings.ReplaceAll(name, "/", "."), strings.ReplaceAll(branch, "/", ".")); fits {
			return true
		}
	}
	return false
}

func protectionView(name string, g *protection) object {
	level := func(n int) []any {
		return []any{object{"id": 1, "access_level": n, "access_level_description": "Role", "deploy_key_id": nil, "user_id": nil, "group_id": nil}}
	}
	return object{
		"id": g.id, "name": name, "push_access_levels": level(g.push), "merge_access_levels": level(g.merge), "unprotect_access_levels": []any{},
		"allow_force_push": g.force, "code_owner_approval_required": false,
	}
}

func (s *Server) getProtection(c *call, p *project) reply {
	name := c.params["name"]
	if g := p.protected[name]; g != nil {
		return ok(protectionView(name, g))
	}
	return problem(http.StatusNotFound, "404 Not found")
}

func (s *Server) protect(c *call, p *project) reply {
	name := c.text("name")
	if p.protected[name] != nil {
		return problem(http.StatusConflict, "Protected branch '"+name+"' already exists")
	}
	g := &protection{id: s.newID(), push: Maintainer, merge: Maintainer, force: c.flag("allow_force_push")}
	if n := c.number("push_access_level"); n != 0 {
		g.push = int(n)
	}
	if n := c.number("merge_access_level"); n != 0 {
		g.merge = int(n)
	}
	p.protected[name] = g
	return created(protectionView(name, g))
}

func (s *Server) editProtection(c *call, p *project) reply {
	name := c.params["name"]
	g := p.protected[name]
	if g == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	g.force = c.flag("allow_force_push")
	return ok(protectionView(name, g))
}

func (s *Server) unprotect(c *call, p *project) reply {
	if p.protected[c.params["name"]] == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	delete(p.protected, c.params["name"])
	return done()
}

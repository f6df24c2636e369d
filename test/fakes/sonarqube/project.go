package sonarqube

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var tagForm = regexp.MustCompile(`^[a-z0-9+#.-]+$`)

func (s *Server) serveVersion(url.Values) reply { return ok(s.version) }

func (s *Server) serveCurrent(url.Values) reply {
	return ok(object{"isLoggedIn": true, "login": "opsbot", "name": "OpsBot", "permissions": object{"global": append([]string{}, s.may...)}})
}

// visible finds a project that OpsBot's user may see.
func (s *Server) visible(key string) (*project, reply) {
	p := s.find(key)
	switch {
	case p == nil:
		return nil, refused(http.StatusNotFound, fmt.Sprintf("Component key '%s' not found", key))
	case p.foreign && p.Visibility == "private":
		return nil, privileges()
	}
	return p, reply{}
}

// owned finds a project that OpsBot's user administers.
func (s *Server) owned(key string) (*project, reply) {
	p := s.find(key)
	switch {
	case p == nil:
		return nil, refused(http.StatusNotFound, fmt.Sprintf("Project '%s' not found", key))
	case p.foreign:
		return nil, privileges()
	}
	return p, reply{}
}

func (s *Server) serveShow(form url.Values) reply {
	p, no := s.visible(form.Get("component"))
	if p == nil {
		return no
	}
	c := object{"key": p.Key, "name": p.Name, "qualifier": "TRK", "visibility": p.Visibility, "tags": append([]string{}, p.Tags...), "needIssueSync": false}
	if p.Analysed {
		c["analysisDate"] = "2026-03-01T12:00:00+0000"
	}
	return ok(object{"component": c, "ancestors": []object{}})
}

func (s *Server) serveCreate(form url.Values) reply {
	key := form.Get("project")
	if !slices.Contains(s.may, "provisioning") {
		return privileges()
	}
	for _, p := range s.projects {
		if strings.EqualFold(p.Key, key) {
			return refused(http.StatusBadRequest, fmt.Sprintf("Could not create Project with key: %q. A similar key already exists: %q", key, p.Key))
		}
	}
	p := &project{Project: Project{Key: key, Name: form.Get("name"), Visibility: "public", MainBranch: "main"}}
	if v := form.Get("visibility"); v != "" {
		p.Visibility = v
	}
	if b := form.Get("mainBranch"); b != "" {
		p.MainBranch = b
	}
	s.projects = append(s.projects, p)
	return ok(object{"project": object{"key": p.Key, "name": p.Name, "qualifier": "TRK", "visibility": p.Visibility}})
}

func (s *Server) serveDelete(form url.Values) reply {
	p, no := s.owned(form.Get("project"))
	if p == nil {
		return no
	}
	s.projects = slices.DeleteFunc(s.projects, func(other *project) bool { return other == p })
	return done()
}

func (s *Server) serveVisibility(form url.Values) reply {
	p, no := s.owned(form.Get("project"))
	if p == nil {
		return no
	}
	p.Visibility = form.Get("visibility")
	return done()
}

func (s *Server) serveTags(form url.Values) reply {
	p, no := s.owned(form.Get("project"))
	if p == nil {
		return no
	}
	tags := strings.Split(form.Get("tags"), ",")
	for _, tag := range tags {
		if !tagForm.MatchString(tag) {
			return refused(http.StatusBadRequest, fmt.Sprintf("Tag '%s' is invalid. Tags accept only the characters: a-z, 0-9, '+', '-', '#', '.'", tag))
		}
	}
	p.Tags = tags
	return done()
}

func (s *Server) serveBranches(form url.Values) reply {
	p, no := s.visible(form.Get("project"))
	if p == nil {
		return no
	}
	branch := object{"name": p.MainBranch, "isMain": true, "type": "BRANCH", "status": object{}, "excludedFromPurge": true}
	if p.Analysed {
		branch["analysisDate"] = "2026-03-01T12:00:00+0000"
	}
	return ok(object{"branches": []object{branch}})
}

func (s *Server) servePullRequests(form url.Values) reply {
	p, no := s.visible(form.Get("project"))
	if p == nil {
		return no
	}
	list := []object{}
	for _, id := range p.pullRequests {
		list = append(list, object{"key": id, "branch": "feature", "analysisDate": "2026-03-01T12:00:00+0000"})
	}
	return ok(object{"pullRequests": list})
}

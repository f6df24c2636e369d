package gitlab

import (
	"net/http"
	"slices"
	"strings"

	"opsbot/test/fakes/githttp"
)

// serveGit answers clones and pushes by git's own http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	path, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	s.mu.Lock()
	fault := s.fault(r.Method, "git")
	s.mu.Unlock()
	if fault != nil && !fault.After && s.play(w, r, *fault) {
		return
	}
	p, status, said := s.gitAccess(r, path, githttp.Pushing(r, below))
	s.mu.Lock()
	s.calls = append(s.calls, Call{Method: r.Method, Operation: "git", Path: r.URL.RequestURI(), Status: status})
	s.mu.Unlock()
	if status != http.StatusOK {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
		}
		http.Error(w, said, status)
		return
	}
	if fault != nil && fault.After {
		s.backend(&githttp.Nowhere{}, r, p, below) //nolint:contextcheck // as below
		if s.play(w, r, *fault) {
			return
		}
	}
	s.backend(w, r, p, below) //nolint:contextcheck // what a client began goes on without it, as on GitLab
}

// gitAccess decides like GitLab: what may not be seen is not there.
func (s *Server) gitAccess(r *http.Request, path string, write bool) (*project, int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.gitUser(r, write)
	p := s.project(path)
	if p == nil {
		i := slices.IndexFunc(s.projects, func(o *project) bool { return slices.Contains(o.former, path) })
		if i >= 0 {
			p = s.projects[i] // git is led on
		}
	}
	named := r.Header.Get("Authorization") != ""
	role := 0
	if p != nil && who != nil {
		role = s.role(p.space, who.login)
	}
	switch {
	case who == nil && (write || named || p == nil || p.visibility != "public"):
		return nil, http.StatusUnauthorized, "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect or you're required to use a token instead of a password."
	case p == nil, role == 0 && p.visibility == "private":
		return nil, http.StatusNotFound, "The project you were looking for could not be found or you don't have permission to view it."
	case !write:
		return p, http.StatusOK, ""
	case p.archived, role < Developer:
		return nil, http.StatusForbidden, "You are not allowed to push code to this project."
	}
	return p, http.StatusOK, ""
}

// backend serves git and tells the hooks what a push changed.
func (s *Server) backend(w http.ResponseWriter, r *http.Request, p *project, below string) {
	pushing := below == "git-receive-pack"
	s.mu.Lock()
	before, rule := p.heads(), p.rule
	s.mu.Unlock()
	if pushing && rule != "" {
		githttp.Decline(w, r, "pre-receive hook declined", "GitLab: "+rule)
		return
	}
	githttp.Serve(w, r, p.Repository, below)
	if pushing {
		s.pushed(p, before)
	}
}

// pushed protects the first branch, which GitLab does by itself, and tells hooks of
// all branches that moved; of more than three, of none.
func (s *Server) pushed(p *project, before map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.commits = nil
	after := p.heads()
	if name := s.defaultBranch(p); len(before) == 0 && after[name] != "" && p.protected[name] == nil {
		p.protected[name] = &protection{id: s.newID(), push: Maintainer, merge: Maintainer}
	}
	moved := map[string][2]string{}
	for name, id := range after {
		if before[name] != id {
			moved[name] = [2]string{before[name], id}
		}
	}
	for name, id := range before {
		if after[name] == "" {
			moved[name] = [2]string{id, ""}
		}
	}
	if len(moved) > mostHooksOfAPush {
		return
	}
	for name, change := range moved {
		s.tell(p, name, change[0], change[1])
	}
}

package gitea

import (
	"net/http"
	"slices"
	"strings"

	"opsbot/test/fakes/githttp"
)

// serveGit answers clones and pushes by git's own http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	full, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	fault := s.fault(r.Method, "git")
	if fault != nil && !fault.After {
		s.play(w, r, *fault)
		return
	}
	rp, status, said := s.gitAccess(r, full, githttp.Pushing(r, below))
	s.mu.Lock()
	s.calls = append(s.calls, Call{Method: r.Method, Operation: "git", Path: r.URL.RequestURI(), Status: status})
	s.mu.Unlock()
	if status != http.StatusOK {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="Gitea"`)
		}
		http.Error(w, said, status)
		return
	}
	if fault != nil {
		s.backend(&githttp.Nowhere{}, r, rp, below) //nolint:contextcheck // what a client began goes on without it, as on Gitea
		s.play(w, r, *fault)
		return
	}
	s.backend(w, r, rp, below) //nolint:contextcheck // as above
}

// gitAccess decides like Gitea: what may not be seen is not there.
func (s *Server) gitAccess(r *http.Request, full string, write bool) (*repo, int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, rp := s.credential(r), s.repo(full)
	if rp == nil {
		for _, other := range s.repos {
			if slices.ContainsFunc(other.former, func(f string) bool { return strings.EqualFold(f, full) }) {
				rp = other
			}
		}
	}
	level := "read"
	if write {
		level = "write"
	}
	switch {
	case who == nil && (write || r.Header.Get("Authorization") != "" || rp == nil || rp.private):
		return nil, http.StatusUnauthorized, "Unauthorized"
	case rp == nil || rp.private && !who.member(rp.owner):
		return nil, http.StatusNotFound, "Not found."
	case who != nil && !who.covers(level, "repository"):
		return nil, http.StatusForbidden, "Forbidden"
	case !write:
		return rp, http.StatusOK, ""
	case rp.archived:
		return nil, http.StatusForbidden, "This repo is archived. You can view files and clone it, but cannot push or open issues or pull requests."
	case rp.readOnly || !who.member(rp.owner):
		return nil, http.StatusForbidden, "User permission denied"
	}
	return rp, http.StatusOK, ""
}

// backend runs http-backend and tells the hooks what a push changed.
func (s *Server) backend(w http.ResponseWriter, r *http.Request, rp *repo, below string) {
	pushing := below == "git-receive-pack"
	s.mu.Lock()
	before, rule := rp.git.Heads(), rp.rule
	s.mu.Unlock()
	if pushing && rule != "" {
		githttp.Decline(w, r, "pre-receive hook declined", "Gitea: "+rule)
		return
	}
	githttp.Serve(w, r, rp.git, below)
	if pushing {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tell(rp, before)
	}
}

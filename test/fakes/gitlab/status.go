package gitlab

import (
	"net/http"
	"slices"
	"strings"
)

// status is one of a commit's; repeating a finished one makes another.
type status struct {
	id                                     int64
	sha, state, name, description, address string
	retried                                bool
}

func (s *Server) statusView(st *status) object {
	return object{
		"id": st.id, "sha": st.sha, "ref": "main", "status": st.state, "name": st.name, "target_url": orNull(st.address),
		"description": orNull(st.description), "allow_failure": false, "coverage": nil, "pipeline_id": 1,
		"author": s.userView(s.space(s.Login)),
	}
}

func (s *Server) listStatuses(c *call, p *project) reply {
	id := p.resolve(c.params["sha"])
	if id == "" {
		return notFound("Commit")
	}
	var all []any
	for _, st := range p.statuses {
		if st.sha == id && !st.retried && (c.query.Get("name") == "" || st.name == c.query.Get("name")) {
			all = append(all, s.statusView(st))
		}
	}
	return paged(c, all)
}

func (s *Server) createStatus(c *call, p *project) reply {
	id := p.resolve(c.params["sha"])
	branches, _ := p.Git(nil, nil, "for-each-ref", "--contains", or(id, "HEAD"), "refs/heads/")
	state, name := c.text("state"), or(c.text("name"), "default")
	switch {
	case p.archived:
		return forbidden()
	case id == "":
		return notFound("Commit")
	case len(strings.TrimSpace(string(branches))) == 0:
		return notFound("References for commit")
	case !slices.Contains([]string{"pending", "running", "success", "failed", "canceled", "skipped"}, state):
		return reply{status: http.StatusBadRequest, body: object{"error": "state does not have a valid value"}}
	case len(c.text("description")) > 4*255 || len(name) > 4*255:
		return invalid("description", "is too long (maximum is 255 characters)")
	}
	i := slices.IndexFunc(p.statuses, func(st *status) bool { return st.sha == id && st.name == name && !st.retried })
	active := i >= 0 && (p.statuses[i].state == "pending" || p.statuses[i].state == "running")
	if active && state == "pending" {
		return problem(http.StatusBadRequest, "Cannot transition status via :enqueue from :"+p.statuses[i].state+
			" (Reason(s): Status cannot transition via \"enqueue\")")
	}
	if !active {
		if i >= 0 {
			p.statuses[i].retried = true
		}
		p.statuses = append(p.statuses, &status{id: s.newID(), sha: id, name: name})
		i = len(p.statuses) - 1
	}
	st := p.statuses[i]
	st.state, st.description, st.address = state, c.text("description"), c.text("target_url")
	return created(s.statusView(st))
}

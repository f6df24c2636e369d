package gitlab

import (
	"net/http"
	"slices"
)

// merge is a merge request within one project.
type merge struct {
	id, iid                      int64
	title, description           string
	source, target, state, final string // final: the commit, once it is not open any more
}

func (s *Server) mergeView(p *project, m *merge) object {
	sha := or(m.final, p.heads()[m.source])
	return object{
		"id": m.id, "iid": m.iid, "project_id": p.id, "source_project_id": p.id, "target_project_id": p.id, "title": m.title,
		"description": orNull(m.description), "state": m.state, "source_branch": m.source, "target_branch": m.target, "sha": orNull(sha),
		"web_url": s.URL + "/" + p.full() + "/-/merge_requests/" + number(m.iid), "created_at": stamp(p.created), "draft": false,
		"author": s.userView(s.space(s.Login)), "merge_commit_sha": nil, "labels": []any{},
	}
}

// listMerges lists the newest first; no other order is asked for.
func (s *Server) listMerges(c *call, p *project) reply {
	q := c.query
	if q.Get("order_by") != "created_at" || q.Get("sort") != "desc" || q.Get("state") != "all" {
		return reply{status: http.StatusBadRequest, body: object{"error": "not in this order"}}
	}
	var all []any
	for _, m := range slices.Backward(p.merges) {
		if m.source == q.Get("source_branch") && m.target == q.Get("target_branch") {
			all = append(all, s.mergeView(p, m))
		}
	}
	return paged(c, all)
}

func (s *Server) createMerge(c *call, p *project) reply {
	source, target := c.text("source_branch"), c.text("target_branch")
	heads := p.heads()
	switch {
	case p.archived:
		return forbidden()
	case heads[source] == "" || heads[target] == "":
		return invalid("base", "Source or target branch does not exist")
	}
	for _, m := range p.merges {
		if m.source == source && m.target == target && m.state == "opened" {
			return problem(http.StatusConflict, []any{"Another open merge request already exists for this source branch: !" + number(m.iid)})
		}
	}
	m := &merge{id: s.newID(), iid: int64(len(p.merges) + 1), title: c.text("title"), description: c.text("description"), source: source, target: target, state: "opened"}
	p.merges = append(p.merges, m)
	return created(s.mergeView(p, m))
}

func (s *Server) editMerge(c *call, p *project) reply {
	i := slices.IndexFunc(p.merges, func(m *merge) bool { return number(m.iid) == c.params["iid"] })
	if i < 0 {
		return problem(http.StatusNotFound, "404 Not found")
	}
	m := p.merges[i]
	if c.text("state_event") == "close" && m.state == "opened" {
		m.state, m.final = "closed", p.heads()[m.source]
	}
	return ok(s.mergeView(p, m))
}

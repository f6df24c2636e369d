package gitea

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
)

var topicForm = regexp.MustCompile(`^[a-z0-9][-.a-z0-9]{0,34}$`)

func (s *Server) listTopics(_ *call, r *repo) reply {
	return ok(object{"topics": append([]string{}, r.topics...)})
}

func (s *Server) putTopics(c *call, r *repo) reply {
	list := texts(c.body["topics"])
	for _, t := range list {
		if !topicForm.MatchString(t) {
			return reply{status: http.StatusUnprocessableEntity, body: object{"invalidTopics": []string{t}, "message": "Topic names are invalid"}}
		}
	}
	r.topics = list
	return done()
}

func (s *Server) listTeams(_ *call, r *repo) reply {
	if !r.owner.org {
		return s.problem(http.StatusMethodNotAllowed, "repo is not owned by an organization")
	}
	out := []any{object{"id": 1, "name": "Owners", "permission": "owner", "includes_all_repositories": true}}
	for i, t := range r.teams {
		out = append(out, object{"id": i + 2, "name": t, "permission": "write", "includes_all_repositories": false})
	}
	return ok(out)
}

func (s *Server) putTeam(c *call, r *repo) reply {
	team := c.params["team"]
	switch {
	case !r.owner.org:
		return s.problem(http.StatusMethodNotAllowed, "repo is not owned by an organization")
	case !slices.Contains(r.owner.rules.Teams, team):
		return s.problem(http.StatusNotFound, "team does not exist [org_id %d, team_id 0, name: %s]", r.owner.id, team)
	case slices.Contains(r.teams, team):
		return s.problem(http.StatusUnprocessableEntity, "team '%s' is already added to repo", team)
	}
	r.teams = append(r.teams, team)
	return done()
}

func (s *Server) getProtection(c *call, r *repo) reply {
	if have := r.protection[c.params["name"]]; have != nil {
		return ok(have)
	}
	return s.notFound()
}

func (s *Server) createProtection(c *call, r *repo) reply {
	name := c.text("rule_name")
	if name == "" {
		name = c.text("branch_name")
	}
	switch {
	case name == "":
		return s.problem(http.StatusBadRequest, "both rule_name and branch_name are empty")
	case r.protection[name] != nil:
		return s.problem(http.StatusForbidden, "Branch protection already exist")
	}
	have := object{"branch_name": name, "created_at": stamp(c.now), "updated_at": stamp(c.now)}
	for field, kind := range c.route.fields {
		have[field] = zero(kind)
	}
	maps.Copy(have, set(c.body))
	have["rule_name"] = name
	r.protection[name] = have
	return created(have)
}

// zero is what Gitea shows of a field that was not set.
func zero(kind string) any {
	switch kind {
	case "flag":
		return false
	case "number":
		return 0
	case "texts":
		return []string{}
	}
	return ""
}

// set are the fields of a body that are not null.
func set(body object) object {
	out := object{}
	for field, value := range body {
		if value != nil {
			out[field] = value
		}
	}
	return out
}

func (s *Server) editProtection(c *call, r *repo) reply {
	have := r.protection[c.params["name"]]
	if have == nil {
		return s.notFound()
	}
	maps.Copy(have, set(c.body))
	return ok(have)
}

func (s *Server) deleteProtection(c *call, r *repo) reply {
	if r.protection[c.params["name"]] == nil {
		return s.notFound()
	}
	delete(r.protection, c.params["name"])
	return done()
}

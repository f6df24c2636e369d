package github

import (
	"net/http"
	"regexp"
)

var topicForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)

func (s *Server) putTopics(c *call, r *repo) reply {
	names, _ := c.body["names"].([]any)
	topics := []string{}
	for _, n := range names {
		name, _ := n.(string)
		if !topicForm.MatchString(name) {
			return invalid("Validation Failed", "Repository", "topics", "custom",
				"Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens.")
		}
		topics = append(topics, name)
	}
	if len(topics) > 20 {
		return invalid("Validation Failed", "Repository", "topics", "custom", "A repository cannot have more than 20 topics.")
	}
	r.topics = topics
	return ok(object{"names": topics})
}

func (s *Server) putTeam(c *call, r *repo) reply {
	o := s.owner(c.params["org"])
	if o == nil || o.teams[c.params["team_slug"]] == 0 {
		return notFound()
	}
	permission := c.text("permission")
	switch permission {
	case "":
		permission = "push"
	case "pull", "triage", "push", "maintain", "admin":
	default:
		return invalid("Validation Failed", "Repository", "permission", "custom", "Invalid permission")
	}
	r.teams[c.params["team_slug"]] = permission
	return done()
}

func (s *Server) protected(c *call, r *repo) (string, reply) {
	branch := c.params["branch"]
	if _, there := heads(r)[branch]; !there {
		return "", problem(http.StatusNotFound, "Branch not found")
	}
	if r.private && r.owner.rules.NoPrivate {
		return "", problem(http.StatusForbidden, "Upgrade to GitHub Pro or make this repository public to enable this feature.")
	}
	return branch, reply{}
}

func (s *Server) getProtection(c *call, r *repo) reply {
	branch, out := s.protected(c, r)
	switch {
	case out.status != 0:
		return out
	case r.protection[branch] == nil:
		return problem(http.StatusNotFound, "Branch not protected")
	}
	return ok(s.protectionView(r, branch))
}

func (s *Server) protectionView(r *repo, branch string) object {
	url := s.URL + apiRoot + "repos/" + r.full() + "/branches/" + branch + "/protection"
	put := r.protection[branch]
	out := object{"url": url, "enforce_admins": object{"url": url + "/enforce_admins", "enabled": put["enforce_admins"] == true}}
	if checks, is := put["required_status_checks"].(object); is {
		contexts, _ := checks["contexts"].([]any)
		list := []any{}
		for _, name := range contexts {
			list = append(list, object{"context": name, "app_id": nil})
		}
		out["required_status_checks"] = object{
			"url": url + "/required_status_checks", "strict": checks["strict"], "contexts": contexts,
			"contexts_url": url + "/required_status_checks/contexts", "checks": list,
		}
	}
	for _, name := range []string{"allow_force_pushes", "allow_deletions"} {
		out[name] = object{"enabled": put[name] == true}
	}
	return out
}

func (s *Server) putProtection(c *call, r *repo) reply {
	branch, out := s.protected(c, r)
	if out.status != 0 {
		return out
	}
	for _, field := range []string{"required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions"} {
		if _, there := c.body[field]; !there {
			return invalid("Invalid request.", "Branch", field, "missing_field", field+" wasn't supplied.")
		}
	}
	r.protection[branch] = c.body
	return ok(s.protectionView(r, branch))
}

func (s *Server) deleteProtection(c *call, r *repo) reply {
	branch, out := s.protected(c, r)
	switch {
	case out.status != 0:
		return out
	case r.protection[branch] == nil:
		return problem(http.StatusNotFound, "Branch not protected")
	}
	delete(r.protection, branch)
	return done()
}

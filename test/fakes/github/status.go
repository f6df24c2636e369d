package github

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// deployment is one, with what became of it.
type deployment struct {
	id       int64
	body     object
	sha      string
	statuses []object // newest first
	created  time.Time
}

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (s *Server) createStatus(c *call, r *repo) reply {
	sha := c.params["sha"]
	if !fullHash.MatchString(sha) || !exists(r, sha) {
		return problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+sha)
	}
	if len([]rune(c.text("description"))) > 140 {
		return invalid("Validation Failed", "Status", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	context := c.text("context")
	if context == "" {
		context = "default"
	}
	api := s.URL + apiRoot + "repos/" + r.full()
	one := object{
		"url": api + "/statuses/" + sha, "id": s.newID(), "node_id": "S", "avatar_url": nil, "state": c.text("state"),
		"description": orNull(c.text("description")), "target_url": orNull(c.text("target_url")), "context": context,
		"created_at": stamp(c.now), "updated_at": stamp(c.now), "creator": s.person(r.owner),
	}
	kept := object{"sha": sha}
	for key, value := range one {
		kept[key] = value
	}
	r.statuses = append(r.statuses, kept)
	return created(one)
}

func (s *Server) deploymentView(r *repo, d *deployment) object {
	api := s.URL + apiRoot + "repos/" + r.full()
	url := api + "/deployments/" + strconv.FormatInt(d.id, 10)
	out := object{
		"url": url, "id": d.id, "node_id": "D", "sha": d.sha, "ref": d.body["ref"], "task": "deploy", "payload": object{},
		"environment": "production", "description": nil, "creator": s.person(r.owner), "created_at": stamp(d.created),
		"updated_at": stamp(d.created), "statuses_url": url + "/statuses", "repository_url": api, "production_environment": false,
	}
	for _, key := range []string{"task", "payload", "environment", "description", "production_environment"} {
		if v := d.body[key]; v != nil {
			out[key] = v
		}
	}
	return out
}

func (s *Server) createDeployment(c *call, r *repo) reply {
	sha := resolve(r, c.text("ref"))
	if sha == "" {
		return problem(http.StatusUnprocessableEntity, "No ref found for: "+c.text("ref"))
	}
	if wanted, given := c.body["required_contexts"].([]any); !given || len(wanted) > 0 {
		return problem(http.StatusConflict, "Conflict: Commit status checks failed for "+c.text("ref")+".")
	}
	d := &deployment{id: s.newID(), body: c.body, sha: sha, created: c.now}
	r.deployments = append(r.deployments, d)
	return created(s.deploymentView(r, d))
}

func (s *Server) listDeployments(c *call, r *repo) reply {
	var all []any
	for _, d := range slices.Backward(r.deployments) {
		view := s.deploymentView(r, d)
		fits := true
		for _, key := range []string{"sha", "ref", "task", "environment"} {
			if want := c.query.Get(key); want != "" && want != "none" && view[key] != want {
				fits = false
			}
		}
		if fits {
			all = append(all, view)
		}
	}
	return s.paged(c, all)
}

func deploymentOf(c *call, r *repo) *deployment {
	for _, d := range r.deployments {
		if strconv.FormatInt(d.id, 10) == c.params["deployment_id"] {
			return d
		}
	}
	return nil
}

func (s *Server) createDeploymentStatus(c *call, r *repo) reply {
	d := deploymentOf(c, r)
	if d == nil {
		return notFound()
	}
	if len([]rune(c.text("description"))) > 140 {
		return invalid("Validation Failed", "DeploymentStatus", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	view := s.deploymentView(r, d)
	one := object{
		"url": view["statuses_url"], "id": s.newID(), "node_id": "DS", "state": c.text("state"), "creator": s.person(r.owner),
		"description": c.text("description"), "environment": view["environment"], "target_url": c.text("log_url"), "log_url": c.text("log_url"),
		"environment_url": c.text("environment_url"), "created_at": stamp(c.now), "updated_at": stamp(c.now),
		"deployment_url": view["url"], "repository_url": view["repository_url"],
	}
	d.statuses = append([]object{one}, d.statuses...)
	return created(one)
}

func (s *Server) listDeploymentStatuses(c *call, r *repo) reply {
	d := deploymentOf(c, r)
	if d == nil {
		return notFound()
	}
	var all []any
	for _, one := range d.statuses {
		all = append(all, one)
	}
	return s.paged(c, all)
}

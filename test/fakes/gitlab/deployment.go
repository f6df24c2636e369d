package gitlab

import (
	"net/http"
	"slices"
	"strings"
)

// deployment is a record of one.
type deployment struct {
	id, iid          int64
	sha, ref, status string
	tag              bool
	environment      *environment
	states           []string // all that it had
}

// environment is where deployments go.
type environment struct {
	id              int64
	name, tier, web string
}

func (s *Server) deploymentView(d *deployment) object {
	e := d.environment
	return object{
		"id": d.id, "iid": d.iid, "ref": d.ref, "sha": d.sha, "status": d.status, "created_at": stamp(s.clock.Now()), "updated_at": stamp(s.clock.Now()),
		"user": s.userView(s.space(s.Login)), "deployable": nil, "environment": environmentView(e),
	}
}

func environmentView(e *environment) object {
	return object{"id": e.id, "name": e.name, "slug": e.name, "external_url": orNull(e.web), "state": "available", "tier": e.tier}
}

func (s *Server) createDeployment(c *call, p *project) reply {
	switch {
	case p.archived:
		return forbidden()
	case p.resolve(c.text("ref")) == "":
		return invalid("ref", "The branch or tag does not exist")
	case p.resolve(c.text("sha")) == "":
		return invalid("sha", "The commit does not exist")
	case !slices.Contains([]string{"running", "success", "failed", "canceled"}, c.text("status")):
		return reply{status: http.StatusBadRequest, body: object{"error": "status does not have a valid value"}}
	}
	name := c.text("environment")
	e := p.environments[name]
	if e == nil {
		e = &environment{id: s.newID(), name: name, tier: tierOf(name)}
		p.environments[name] = e
	}
	d := &deployment{sha: c.text("sha"), ref: c.text("ref"), tag: c.flag("tag"), status: c.text("status"), environment: e}
	for _, other := range slices.Backward(p.deployments) {
		if other.environment != e {
			continue
		}
		if other.sha == d.sha && other.ref == d.ref && other.tag == d.tag && other.status == d.status {
			return created(s.deploymentView(other)) // the last one is asked for again
		}
		break
	}
	d.id, d.iid, d.states = s.newID(), int64(len(p.deployments)+1), []string{d.status}
	p.deployments = append(p.deployments, d)
	return created(s.deploymentView(d))
}

// tierOf guesses as GitLab does.
func tierOf(name string) string {
	for _, tier := range []string{"production", "staging", "testing", "development"} {
		if strings.Contains(name, tier) || strings.HasPrefix(tier, name) {
			return tier
		}
	}
	return "other"
}

func deploymentOf(c *call, p *project) *deployment {
	i := slices.IndexFunc(p.deployments, func(d *deployment) bool { return number(d.id) == c.params["deployment_id"] })
	if i < 0 {
		return nil
	}
	return p.deployments[i]
}

func (s *Server) getDeployment(c *call, p *project) reply {
	if d := deploymentOf(c, p); d != nil {
		return ok(s.deploymentView(d))
	}
	return problem(http.StatusNotFound, "404 Not found")
}

func (s *Server) editDeployment(c *call, p *project) reply {
	d, status := deploymentOf(c, p), c.text("status")
	switch {
	case d == nil:
		return problem(http.StatusNotFound, "404 Not found")
	case status == d.status || status == "running":
		return invalid("status", "cannot transition via \""+status+"\"")
	}
	d.status, d.states = status, append(d.states, status)
	return ok(s.deploymentView(d))
}

func (s *Server) editEnvironment(c *call, p *project) reply {
	for _, e := range p.environments {
		if number(e.id) == c.params["environment_id"] {
			e.web, e.tier = or(c.text("external_url"), e.web), or(c.text("tier"), e.tier)
			return ok(environmentView(e))
		}
	}
	return problem(http.StatusNotFound, "404 Not found")
}

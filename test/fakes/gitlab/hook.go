package gitlab

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// hook is a webhook of a project.
type hook struct {
	id         int64
	fields     object // as set
	failures   int    // in a row
	until      time.Time
	created    time.Time
	deliveries []Delivery // oldest first
}

// The failures in a row after which GitLab sends a webhook nothing for a while, or
// for good; and how many webhooks a project may have.
const (
	pauseAfter       = 4
	stopAfter        = 40
	mostHooks        = 100
	mostHooksOfAPush = 3
)

func (h *hook) alert(now time.Time) string {
	switch {
	case h.failures >= stopAfter:
		return "disabled"
	case h.failures >= pauseAfter && now.Before(h.until):
		return "temporarily_disabled"
	}
	return "executable"
}

func (s *Server) hookView(p *project, h *hook) object {
	out := object{
		"id": h.id, "project_id": p.id, "created_at": stamp(h.created), "alert_status": h.alert(s.clock.Now()), "disabled_until": nil,
		"push_events": true, "tag_push_events": false, "merge_requests_events": false, "enable_ssl_verification": true,
		"push_events_branch_filter": nil, "issues_events": false, "note_events": false, "job_events": false, "pipeline_events": false,
		"url_variables": []any{}, "custom_headers": []any{}, "repository_update_events": false,
	}
	for key, value := range h.fields {
		if key != "token" { // never shown
			out[key] = value
		}
	}
	return out
}

func (s *Server) listHooks(c *call, p *project) reply {
	var all []any
	for _, h := range p.hooks {
		all = append(all, s.hookView(p, h))
	}
	return paged(c, all)
}

// hookOf is the hook that the path names.
func hookOf(c *call, p *project) *hook {
	i := slices.IndexFunc(p.hooks, func(h *hook) bool { return number(h.id) == c.params["hook_id"] })
	if i < 0 {
		return nil
	}
	return p.hooks[i]
}

func (s *Server) getHook(c *call, p *project) reply {
	if h := hookOf(c, p); h != nil {
		return ok(s.hookView(p, h))
	}
	return problem(http.StatusNotFound, "404 Not found")
}

func (s *Server) badHook(c *call) (reply, bool) {
	u, err := url.Parse(c.text("url"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return problem(http.StatusUnprocessableEntity, "Invalid url given"), true
	case u.Hostname() == "10.0.0.1":
		return problem(http.StatusUnprocessableEntity, object{"url": []any{"is blocked: Requests to the local network are not allowed"}}), true
	}
	return reply{}, false
}

func (s *Server) createHook(c *call, p *project) reply {
	if out, bad := s.badHook(c); bad {
		return out
	}
	if len(p.hooks) >= mostHooks {
		return problem(http.StatusUnprocessableEntity, object{"base": []any{"Maximum number of project hooks (100) exceeded"}})
	}
	h := &hook{id: s.newID(), fields: c.body, created: c.now}
	p.hooks = append(p.hooks, h)
	return created(s.hookView(p, h))
}

func (s *Server) editHook(c *call, p *project) reply {
	h := hookOf(c, p)
	if h == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	if out, bad := s.badHook(c); bad {
		return out
	}
	for key, value := range c.body {
		h.fields[key] = value
	}
	return ok(s.hookView(p, h))
}

func (s *Server) deleteHook(c *call, p *project) reply {
	h := hookOf(c, p)
	if h == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	p.hooks = slices.DeleteFunc(p.hooks, func(other *hook) bool { return other == h })
	return done()
}

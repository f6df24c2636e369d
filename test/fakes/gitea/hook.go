package gitea

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// hook is a webhook of a repository.
type hook struct {
	id      int64
	kind    string
	active  bool
	filter  string
	events  []string
	config  map[string]string
	created time.Time
}

// view does not show the secret.
func (h *hook) view() object {
	return object{
		"id": h.id, "type": h.kind, "branch_filter": h.filter, "config": object{"content_type": h.config["content_type"], "url": h.config["url"]},
		"events": h.events, "authorization_header": "", "active": h.active, "updated_at": stamp(h.created), "created_at": stamp(h.created),
	}
}

func (s *Server) listHooks(c *call, r *repo) reply {
	var all []any
	for _, h := range r.hooks {
		all = append(all, h.view())
	}
	return s.paged(c, all)
}

// hookOf is the hook that the path names.
func hookOf(c *call, r *repo) *hook {
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return strconv.FormatInt(h.id, 10) == c.params["id"] })
	if i < 0 {
		return nil
	}
	return r.hooks[i]
}

// chosen makes the events of what was asked for: "pull_request" is a whole family.
func chosen(wanted []string) []string {
	if len(wanted) == 0 {
		return []string{"push"}
	}
	out := []string{}
	for _, e := range wanted {
		if e == "pull_request" {
			out = append(out, "pull_request_assign", "pull_request_label", "pull_request_milestone", "pull_request_comment", "pull_request_review_approved",
				"pull_request_review_rejected", "pull_request_review_comment", "pull_request_sync", "pull_request_review_request")
		}
		out = append(out, e)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// set takes what a body says; the reply's status is not 0 if that is refused.
func (s *Server) set(h *hook, c *call) reply {
	config, _ := c.body["config"].(object)
	for key, value := range config {
		h.config[key], _ = value.(string)
	}
	if !slices.Contains([]string{"json", "form"}, h.config["content_type"]) {
		return s.problem(http.StatusUnprocessableEntity, "Invalid content type")
	}
	h.events, h.filter = chosen(texts(c.body["events"])), c.text("branch_filter")
	if c.body["active"] != nil {
		h.active = c.flag("active")
	}
	return reply{}
}

func (s *Server) createHook(c *call, r *repo) reply {
	h := &hook{kind: c.text("type"), config: map[string]string{}, created: c.now}
	if !slices.Contains([]string{"gitea", "gogs", "slack", "discord", "forgejo"}, h.kind) {
		return s.problem(http.StatusUnprocessableEntity, "Invalid hook type: %s", h.kind)
	}
	config, _ := c.body["config"].(object)
	for _, key := range []string{"url", "content_type"} {
		if config[key] == nil {
			return s.problem(http.StatusUnprocessableEntity, "Missing config option: %s", key)
		}
	}
	if out := s.set(h, c); out.status != 0 {
		return out
	}
	h.id = s.newID()
	r.hooks = append(r.hooks, h)
	return created(h.view())
}

func (s *Server) getHook(c *call, r *repo) reply {
	if h := hookOf(c, r); h != nil {
		return ok(h.view())
	}
	return s.notFound()
}

func (s *Server) editHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return s.notFound()
	}
	if out := s.set(h, c); out.status != 0 {
		return out
	}
	return ok(h.view())
}

func (s *Server) deleteHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return s.notFound()
	}
	r.hooks = slices.DeleteFunc(r.hooks, func(other *hook) bool { return other == h })
	return done()
}

// testHook delivers a push from the newest commit to itself.
func (s *Server) testHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return s.notFound()
	}
	if head := r.git.Heads()[r.defaultBranch]; head != "" {
		s.send(r, h, "push", s.pushPayload(r, r.defaultBranch, head, head))
	}
	return done()
}

package github

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hook is a webhook of a repository.
type hook struct {
	id         int64
	active     bool
	events     []string
	config     object
	created    time.Time
	deliveries []*Delivery // oldest first
}

const mostHooks = 20 // per event, as on GitHub

func (s *Server) hookView(r *repo, h *hook) object {
	api := s.URL + apiRoot + "repos/" + r.full() + "/hooks/" + strconv.FormatInt(h.id, 10)
	config := object{}
	for key, value := range h.config {
		config[key] = value
	}
	if config["secret"] != nil {
		config["secret"] = "********"
	}
	last := object{"code": nil, "status": "unused", "message": nil}
	if n := len(h.deliveries); n > 0 {
		d := h.deliveries[n-1]
		last = object{"code": d.StatusCode, "status": "active", "message": d.Status}
	}
	return object{
		"type": "Repository", "id": h.id, "name": "web", "active": h.active, "events": h.events, "config": config, "url": api,
		"test_url": api + "/test", "ping_url": api + "/pings", "deliveries_url": api + "/deliveries",
		"created_at": stamp(h.created), "updated_at": stamp(h.created), "last_response": last,
	}
}

func (s *Server) listHooks(c *call, r *repo) reply {
	var all []any
	for _, h := range r.hooks {
		all = append(all, s.hookView(r, h))
	}
	return s.paged(c, all)
}

// paged gives the page that was asked for, with the links to the others.
func (s *Server) paged(c *call, all []any) reply {
	size, _ := strconv.Atoi(c.query.Get("per_page"))
	if size <= 0 {
		size = 30
	}
	size = min(size, 100)
	page, _ := strconv.Atoi(c.query.Get("page"))
	page = max(page, 1)
	out := ok([]any{})
	if from := (page - 1) * size; from < len(all) {
		out.body = all[from:min(from+size, len(all))]
	}
	if page*size < len(all) {
		link := func(n int, rel string) string {
			q := c.URL.Query()
			q.Set("page", strconv.Itoa(n))
			return "<" + s.URL + c.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + rel + `"`
		}
		out.header = http.Header{"Link": {link(page+1, "next") + ", " + link((len(all)+size-1)/size, "last")}}
	}
	return out
}

// hookOf is the hook that the path names.
func hookOf(c *call, r *repo) *hook {
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return strconv.FormatInt(h.id, 10) == c.params["hook_id"] })
	if i < 0 {
		return nil
	}
	return r.hooks[i]
}

func (h *hook) set(body object) {
	if config, is := body["config"].(object); is {
		h.config = config
	}
	if events, is := body["events"].([]any); is {
		h.events = nil
		for _, e := range events {
			name, _ := e.(string)
			h.events = append(h.events, name)
		}
	}
	if active, is := body["active"].(bool); is {
		h.active = active
	}
}

func (h *hook) url() string {
	text, _ := h.config["url"].(string)
	return text
}

// wrong says why a hook is refused.
func (h *hook) wrong(r *repo) reply {
	u, err := url.Parse(h.url())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return invalid("Validation Failed", "Hook", "url", "custom", "url must be a valid URL")
	}
	same := 0
	for _, other := range r.hooks {
		if other.id == h.id {
			continue
		}
		if other.url() == h.url() && overlap(other.events, h.events) {
			return invalid("Validation Failed", "Hook", "", "custom", "Hook already exists on this repository")
		}
		if overlap(other.events, h.events) {
			same++
		}
	}
	if same >= mostHooks {
		return invalid("Validation Failed", "Hook", "", "custom", "The \""+strings.Join(h.events, "\", \"")+"\" event cannot have more than 20 hooks")
	}
	return reply{}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(e string) bool { return slices.Contains(b, e) })
}

func (s *Server) createHook(c *call, r *repo) reply {
	h := &hook{id: -1, active: true, events: []string{"push"}, config: object{}, created: c.now}
	h.set(c.body)
	if out := h.wrong(r); out.status != 0 {
		return out
	}
	h.id = s.newID()
	r.hooks = append(r.hooks, h)
	s.ping(r, h, c.now)
	return created(s.hookView(r, h))
}

func (s *Server) editHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return notFound()
	}
	tried := *h
	tried.set(c.body)
	if out := tried.wrong(r); out.status != 0 {
		return out
	}
	*h = tried
	return ok(s.hookView(r, h))
}

func (s *Server) deleteHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return notFound()
	}
	r.hooks = slices.DeleteFunc(r.hooks, func(other *hook) bool { return other == h })
	return done()
}

func (s *Server) pingHook(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return notFound()
	}
	s.ping(r, h, c.now)
	return done()
}

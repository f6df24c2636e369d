package gitlab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	apiRoot = "/api/v4"
	maxBody = 64 << 20
)

// route is an operation that is answered.
type route struct {
	method, template string // "/projects/:id"
	// params are the names that GitLab knows in query or body, separated by blanks;
	// "!" after one means that it must be there.
	params string
	free   bool // whatever the token's scopes
	handle func(c *call) reply
}

// call is a request on its way. The server's lock is held while it is handled.
type call struct {
	*http.Request
	route  route
	params map[string]string
	query  url.Values
	body   object
	who    *token
	now    time.Time
}

func (c *call) text(key string) string {
	if v, is := c.body[key].(string); is {
		return v
	}
	return c.query.Get(key)
}

func (c *call) flag(key string) bool {
	v, _ := c.body[key].(bool)
	return v || c.query.Get(key) == "true"
}

func (c *call) number(key string) int64 {
	v, _ := c.body[key].(float64)
	return int64(v)
}

// serve tells the API from git.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, apiRoot+"/"):
		s.serveAPI(w, r, strings.TrimPrefix(path, apiRoot))
	case strings.Contains(path, ".git/"):
		s.serveGit(w, r)
	case path == "/users/sign_in":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<html><body>Sign in <input type="password"></body></html>`)
	default:
		s.unexpected("%s %s: there is nothing at this address", r.Method, r.URL.Path)
		http.NotFound(w, r)
	}
}

// match finds the route of a path and the values of its parameters, which are
// escaped in one segment each.
func (s *Server) match(method, path string) (route, map[string]string, bool) {
	have := strings.Split(path, "/")
	for _, r := range s.routes {
		want := strings.Split(r.template, "/")
		if r.method != method || len(want) != len(have) {
			continue
		}
		params, fits := map[string]string{}, true
		for i, segment := range want {
			name, is := strings.CutPrefix(segment, ":")
			value, err := url.PathUnescape(have[i])
			if fits = fits && err == nil && (is || segment == value); is {
				params[name] = value
			}
		}
		if fits {
			return r, params, true
		}
	}
	return route{}, nil, false
}

// readCall makes the call; the answer's status is not 0 if it is none.
func (s *Server) readCall(r *http.Request, path string) (*call, reply) {
	c := &call{Request: r, query: r.URL.Query(), now: s.clock.Now()}
	var found bool
	if c.route, c.params, found = s.match(r.Method, path); !found {
		s.unexpected("%s %s: no such operation", r.Method, r.URL.Path)
		return c, reply{status: http.StatusNotFound, body: object{"error": "404 Not Found"}}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return c, problem(http.StatusBadRequest, "400 Bad request")
	}
	if len(raw) > 0 && json.Unmarshal(raw, &c.body) != nil {
		s.unexpected("%s %s: the body is no JSON object", r.Method, r.URL.Path)
		return c, problem(http.StatusBadRequest, "400 Bad request")
	}
	if wrong := c.wrong(); wrong != "" {
		s.unexpected("%s %s: %s", r.Method, r.URL.Path, wrong)
		return c, reply{status: http.StatusBadRequest, body: object{"error": wrong}}
	}
	return c, reply{}
}

// wrong tells of a parameter that is not known, or missing.
func (c *call) wrong() string {
	var known []string
	for _, name := range strings.Fields(c.route.params) {
		bare, needed := strings.CutSuffix(name, "!")
		if known = append(known, bare); needed && c.body[bare] == nil && !c.query.Has(bare) {
			return bare + " is missing"
		}
	}
	for name, value := range c.body {
		if !slices.Contains(known, name) {
			return name + " is not known"
		}
		if value == nil {
			return name + " is null"
		}
	}
	for name := range c.query {
		if !slices.Contains(known, name) && name != "page" && name != "per_page" {
			return name + " is not known"
		}
	}
	return ""
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, path string) {
	c, out := s.readCall(r, path)
	var fault *Fault
	if out.status == 0 {
		s.mu.Lock()
		fault = s.fault(r.Method, c.route.template)
		s.mu.Unlock()
		if fault != nil && !fault.After && s.play(w, r, *fault) {
			s.note(c, fault.Status)
			return
		}
		out = s.answer(c)
	}
	s.note(c, out.status)
	if fault != nil && fault.After && s.play(w, r, *fault) {
		return
	}
	s.write(w, c, out)
}

// answer handles a call with the lock held.
func (s *Server) answer(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.expected {
		if e.operation == c.Method+" "+c.route.template {
			e.met++
		}
	}
	if out, over := s.limited(c); over {
		return out
	}
	if out := s.admit(c); out.status != 0 {
		return out
	}
	return c.route.handle(c)
}

func (s *Server) note(c *call, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{Method: c.Method, Operation: c.route.template, Path: c.URL.Path, Status: status, Body: c.body})
}

func (s *Server) write(w http.ResponseWriter, c *call, out reply) {
	h := w.Header()
	for name, values := range out.header {
		h[name] = values
	}
	h.Set("X-Request-Id", fmt.Sprintf("%X", c.now.UnixNano()))
	h.Set("Date", c.now.Format(http.TimeFormat))
	text, isPlain := out.body.(plain)
	switch {
	case out.body == nil:
		w.WriteHeader(out.status)
		return
	case isPlain:
		h.Set("Content-Type", "text/plain")
		w.WriteHeader(out.status)
		_, _ = io.WriteString(w, string(text))
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(out.status)
	if err := json.NewEncoder(w).Encode(out.body); err != nil && c.Context().Err() == nil {
		s.unexpected("%s %s: encode: %v", c.Method, c.URL.Path, err)
	}
}

// paged gives the page that was asked for, with GitLab's headers about the others.
func paged(c *call, all []any) reply {
	size, _ := strconv.Atoi(c.query.Get("per_page"))
	if size <= 0 {
		size = 20
	}
	size = min(size, 100)
	page, _ := strconv.Atoi(c.query.Get("page"))
	page = max(page, 1)
	out := ok([]any{})
	if from := (page - 1) * size; from < len(all) {
		out.body = all[from:min(from+size, len(all))]
	}
	out.header = http.Header{"X-Page": {strconv.Itoa(page)}, "X-Per-Page": {strconv.Itoa(size)}, "X-Next-Page": {""}}
	if page*size < len(all) {
		out.header.Set("X-Next-Page", strconv.Itoa(page+1))
	}
	return out
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

package gitea

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	apiRoot = "/api/v1/"
	maxBody = 32 << 20
	// Gitea's defaults: a page, and the most that one can have.
	defaultPage, mostPage = 30, 50
)

// route is an operation that is answered.
type route struct {
	method, template string
	scopes           []string // categories; a token needs all: "repository", "user"
	query            []string // parameters besides page and limit
	paged            bool
	fields           fields // of the body; nil: there is none
	handle           func(c *call) reply
}

// fields are those of a body with their kinds: text, flag, number, texts, list,
// object. Each may be null.
type fields map[string]string

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

// reply is what is answered; body nil is none.
type reply struct {
	status int
	body   any
	header http.Header
}

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }
func done() reply            { return reply{status: http.StatusNoContent} }

func (s *Server) problem(status int, format string, args ...any) reply {
	return reply{status: status, body: object{"message": fmt.Sprintf(format, args...), "url": s.URL + "/api/swagger"}}
}

func (s *Server) notFound() reply {
	return reply{status: http.StatusNotFound, body: object{"errors": []any{}, "message": "The target couldn't be found.", "url": s.URL + "/api/swagger"}}
}

func (c *call) text(key string) string {
	v, _ := c.body[key].(string)
	return v
}

func (c *call) flag(key string) bool {
	v, _ := c.body[key].(bool)
	return v
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, one := range list {
		text, _ := one.(string)
		out = append(out, text)
	}
	return out
}

// serve tells the API from git.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, apiRoot):
		s.serveAPI(w, r, strings.TrimPrefix(path, apiRoot))
	case strings.Contains(path, ".git/"):
		s.serveGit(w, r)
	case path == "/user/login":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<html><body>Sign In <input type="password"></body></html>`)
	default:
		s.unexpected("%s %s: there is nothing at this address", r.Method, r.URL.Path)
		http.NotFound(w, r)
	}
}

// match finds the route of a path and the values of its parameters.
func (s *Server) match(method, path string) (route, map[string]string, bool) {
	have := strings.Split(path, "/")
	for _, r := range s.routes {
		if r.method != method {
			continue
		}
		if params, ok := matchTemplate(strings.Split(strings.TrimPrefix(r.template, "/"), "/"), have); ok {
			return r, params, true
		}
	}
	return route{}, nil, false
}

func matchTemplate(want, have []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, segment := range want {
		if i >= len(have) || have[i] == "" {
			return nil, false
		}
		name := strings.Trim(segment, "{}")
		if name == segment {
			if have[i] != segment {
				return nil, false
			}
			continue
		}
		value := have[i]
		if name == "filepath" || name == "branch" { // these take slashes, and come last
			value, have = strings.Join(have[i:], "/"), have[:i+1]
		}
		text, err := url.PathUnescape(value)
		if err != nil {
			return nil, false
		}
		params[name] = text
	}
	return params, len(have) == len(want)
}

// readCall makes the call; the reply's status is not 0 if it is none.
func (s *Server) readCall(r *http.Request, path string) (*call, reply) {
	c := &call{Request: r, query: r.URL.Query(), now: s.clock.Now()}
	var found bool
	if c.route, c.params, found = s.match(r.Method, path); !found {
		s.unexpected("%s %s: no such operation", r.Method, r.URL.Path)
		return c, s.notFound()
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return c, s.problem(http.StatusBadRequest, "the body cannot be read")
	}
	if len(raw) > 0 && json.Unmarshal(raw, &c.body) != nil {
		s.unexpected("%s %s: the body is no JSON object", r.Method, r.URL.Path)
		return c, s.problem(http.StatusUnprocessableEntity, "[]: invalid character")
	}
	if wrong := c.wrong(len(raw) > 0); wrong != "" {
		s.unexpected("%s %s: %s", r.Method, r.URL.Path, wrong)
		return c, s.problem(http.StatusUnprocessableEntity, "%s", wrong)
	}
	return c, reply{}
}

// wrong says what no client should send.
func (c *call) wrong(hasBody bool) string {
	for name := range c.query {
		if !slices.Contains(c.route.query, name) && !(c.route.paged && (name == "page" || name == "limit")) {
			return fmt.Sprintf("there is no parameter %q", name)
		}
	}
	switch {
	case hasBody && c.route.fields == nil:
		return "there is no body"
	case hasBody && !strings.HasPrefix(c.Header.Get("Content-Type"), "application/json"):
		return "the body is not said to be JSON"
	case !hasBody && c.route.fields != nil:
		return "the body is missing"
	}
	for _, name := range slices.Sorted(maps.Keys(c.body)) {
		kind, known := c.route.fields[name]
		if !known {
			return fmt.Sprintf("there is no field %q", name)
		}
		if c.body[name] != nil && kindOf(c.body[name]) != kind && !(kind == "texts" && kindOf(c.body[name]) == "list") {
			return fmt.Sprintf("the field %q is no %s", name, kind)
		}
	}
	return ""
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "flag"
	case float64:
		return "number"
	case []any:
		return "list"
	default:
		return "object"
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, path string) {
	c, out := s.readCall(r, path)
	var fault *Fault
	if out.status == 0 {
		if fault = s.fault(r.Method, c.route.template); fault == nil || fault.After {
			out = s.answer(c)
		}
	}
	s.note(c, out.status)
	if fault != nil {
		s.play(w, r, *fault)
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
	if out := s.admit(c); out.status != 0 {
		return out
	}
	if out := s.moved(c); out.status != 0 {
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
	for name, values := range out.header {
		w.Header()[name] = values
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(out.body); err != nil {
		s.unexpected("%s %s: encode: %v", c.Method, c.URL.Path, err)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(out.status)
	_, _ = w.Write(text.Bytes())
}

// paged gives the page that was asked for, with the links to the others.
func (s *Server) paged(c *call, all []any) reply {
	size, _ := strconv.Atoi(c.query.Get("limit"))
	if size <= 0 {
		size = defaultPage
	}
	size = min(size, mostPage)
	page, _ := strconv.Atoi(c.query.Get("page"))
	page = max(page, 1)
	out := ok([]any{})
	if from := (page - 1) * size; from < len(all) {
		out.body = all[from:min(from+size, len(all))]
	}
	out.header = http.Header{"X-Total-Count": {strconv.Itoa(len(all))}}
	if page*size < len(all) {
		link := func(n int, rel string) string {
			q := c.URL.Query()
			q.Set("page", strconv.Itoa(n))
			return "<" + s.URL + c.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + rel + `"`
		}
		out.header["Link"] = []string{link(page+1, "next") + "," + link((len(all)+size-1)/size, "last")}
	}
	return out
}

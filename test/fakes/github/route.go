package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	apiRoot = "/api/v3/"
	maxBody = 8 << 20
)

// route is an operation that is answered.
type route struct {
	method, template string
	// scopes of a classic token, any of which will do; none: any token may.
	scopes []string
	// permission of an App or fine-grained token: "administration=write".
	permission string
	app        bool // wants an App's JWT
	handle     func(c *call) reply
}

func (r route) operation() Operation { return Operation{r.method, r.template} }

// call is a request on its way. The server's lock is held while it is handled.
type call struct {
	*http.Request
	route  route
	params map[string]string
	query  url.Values
	raw    []byte
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

func (c *call) text(key string) string {
	v, _ := c.body[key].(string)
	return v
}

func (c *call) flag(key string) bool {
	v, _ := c.body[key].(bool)
	return v
}

// serve tells the API from git.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if s.cfg.latency > 0 {
		select {
		case <-s.clock.After(s.cfg.latency):
		case <-r.Context().Done():
		}
	}
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, apiRoot):
		s.serveAPI(w, r, strings.TrimPrefix(path, apiRoot))
	case strings.Contains(path, ".git/"):
		s.serveGit(w, r)
	case path == "/login":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<html><body>Sign in <input type="password"></body></html>`)
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
		if i >= len(have) {
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
		if name == "path" || name == "ref" { // those that take slashes, and the last
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

// readCall makes the call; the answer is not 0 if it is none.
func (s *Server) readCall(r *http.Request, path string) (*call, reply) {
	c := &call{Request: r, query: r.URL.Query(), now: s.clock.Now()}
	path = s.byID(path)
	var found bool
	if c.route, c.params, found = s.match(r.Method, path); !found {
		s.unexpected("%s %s: no such operation", r.Method, r.URL.Path)
		return c, notFound()
	}
	var err error
	if c.raw, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
		return c, problem(http.StatusBadRequest, "Problems reading the body")
	}
	if len(c.raw) > 0 && json.Unmarshal(c.raw, &c.body) != nil {
		s.unexpected("%s %s: the body is no JSON object", r.Method, r.URL.Path)
		return c, problem(http.StatusBadRequest, "Problems parsing JSON")
	}
	if err := s.allowed(c); err != nil {
		s.unexpected("%s %s: GitHub's OpenAPI description does not allow this: %v", r.Method, r.URL.Path, err)
		return c, problem(http.StatusUnprocessableEntity, "Invalid request.")
	}
	return c, reply{}
}

// allowed holds a request to the description, if there is one.
func (s *Server) allowed(c *call) error {
	if s.cfg.contract == nil {
		return nil
	}
	return s.cfg.contract.Request(c.Request, c.raw, c.route.operation(), c.params)
}

// byID turns repositories/ID/..., where the API redirects to after a rename, into
// repos/OWNER/NAME/...
func (s *Server) byID(path string) string {
	rest, ok := strings.CutPrefix(path, "repositories/")
	if !ok {
		return path
	}
	text, below, _ := strings.Cut(rest, "/")
	id, _ := strconv.ParseInt(text, 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.repos {
		if r.id == id {
			return strings.TrimSuffix("repos/"+r.owner.login+"/"+r.name+"/"+below, "/")
		}
	}
	return strings.TrimSuffix("repos/-/"+text+"/"+below, "/") // nothing is there
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
	s.meet(c)
	header := http.Header{}
	out := s.admit(c, header)
	if out.status == 0 {
		if out = s.moved(c); out.status == 0 {
			out = c.route.handle(c)
		}
	}
	s.limitHeader(c, header)
	for name, values := range out.header {
		header[name] = values
	}
	out.header = header
	return out
}

func (s *Server) note(c *call, status int) {
	s.remember(Call{Method: c.Method, Operation: c.route.template, Path: c.URL.Path, Status: status, Body: c.body})
}

// remember must not be called with the lock held.
func (s *Server) remember(c Call) {
	s.mu.Lock()
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	if s.cfg.called != nil {
		s.cfg.called(c)
	}
}

// write sends an answer, with an ETag, or 304 when the client has it already.
func (s *Server) write(w http.ResponseWriter, c *call, out reply) {
	for name, values := range out.header {
		w.Header()[name] = values
	}
	h := w.Header()
	h.Set("X-GitHub-Request-Id", fmt.Sprintf("%X:%X", c.now.UnixNano(), len(c.raw)))
	h.Set("X-GitHub-Enterprise-Version", "3.16.0")
	h.Set("Date", c.now.Format(http.TimeFormat))
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out.body); err != nil {
		s.unexpected("%s %s: encode: %v", c.Method, c.URL.Path, err)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if c.Method == http.MethodGet && out.status == http.StatusOK {
		tag := etag(text.Bytes())
		h.Set("ETag", tag)
		if c.Header.Get("If-None-Match") == tag {
			s.giveBack(c)
			s.note(c, http.StatusNotModified)
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if s.cfg.contract != nil && c.route.template != "" && out.status < 300 {
		if err := s.cfg.contract.Answer(c.Request, c.route.operation(), c.params, out.status, h, text.Bytes()); err != nil {
			s.unexpected("%s %s: our own answer is not as GitHub's OpenAPI description says: %v", c.Method, c.URL.Path, err)
		}
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(text.Bytes())
}

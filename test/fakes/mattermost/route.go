package mattermost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// mostBody is MaximumPayloadSizeBytes.
const mostBody = 300_000

// route is one entry of the API. What isn't named here is unexpected.
type route struct {
	method, path string // below /api/v4, variables in braces
	serve        func(c *call) (any, error)
	status       int      // of success; 0 is 200
	query        []string // known query parameters
	fields       []string // known fields of the JSON body; nil: not checked
	public       bool     // needs no session
	outward      bool     // takes the lock itself, since it waits on others
	big          bool     // a file: its body isn't bounded by mostBody
}

// call is one request on its way through a route.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	vars  map[string]string
	body  []byte
	who   *user // nil when nobody is logged in
	token string
	id    string // of the request
	odd   []string
}

// raw is an answer that is no JSON object of ours.
type raw struct {
	kind string
	body []byte
}

// statusOK is the answer of calls with nothing to tell.
func statusOK() map[string]string { return map[string]string{"status": "OK"} }

// ServeHTTP makes the server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	c := &call{Server: s, w: rec, r: r, id: newID()}
	s.mu.Lock()
	s.expectedMet(r)
	limited := s.limit.refuse(s, rec, r)
	fault := s.takeFault(r)
	s.mu.Unlock()
	switch {
	case limited:
	case fault != nil:
		fault.play(c, s.dispatch)
	default:
		s.dispatch(c)
	}
	s.note(c, rec.status)
	for _, what := range c.odd {
		s.opt.unexpected(fmt.Sprintf("%s %s: %s", r.Method, r.URL.RequestURI(), what))
	}
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// note writes the journal.
func (s *Server) note(c *call, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.odd = nil // the test is over
	}
	entry := Call{Method: c.r.Method, Path: c.r.URL.Path, Query: c.r.URL.RawQuery, Status: status, At: s.opt.now(), Body: c.body}
	if c.who != nil {
		entry.User = c.who.ID
	}
	s.calls = append(s.calls, entry)
	s.touch()
}

// dispatch finds the route and runs it.
func (s *Server) dispatch(c *call) {
	path := c.r.URL.Path
	switch {
	case strings.Contains(path, "//"):
		c.w.Header().Set("Location", regexp.MustCompile(`/+`).ReplaceAllString(path, "/"))
		c.w.WriteHeader(http.StatusMovedPermanently)
		return
	case strings.TrimSuffix(path, "/") == "/api/v4/websocket" && c.r.Method == http.MethodGet:
		s.serveSocket(c)
		return
	case strings.HasPrefix(path, "/hooks/commands/") && c.r.Method == http.MethodPost:
		c.answer(http.StatusOK)(s.delayed(c, strings.TrimPrefix(path, "/hooks/commands/")))
		return
	}
	rt, vars := s.find(c.r.Method, path)
	if rt == nil {
		c.unknownRoute(path)
		return
	}
	c.vars = vars
	status := rt.status
	if status == 0 {
		status = http.StatusOK
	}
	c.answer(status)(c.run(rt))
}

// buttonPath is a click; that a bad action id finds no route is the server's trap
// for the author of the button, not for who clicks.
var buttonPath = regexp.MustCompile(`^/api/v4/posts/[a-z0-9]{26}/actions/[^/]+$`)

func (c *call) unknownRoute(path string) {
	if !buttonPath.MatchString(path) {
		c.oddly("no such route")
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	if !strings.HasPrefix(path, "/api/v4/") {
		c.commonHeaders()
		h.Del("Expires")
	}
	c.w.WriteHeader(http.StatusNotFound)
	_ = writeJSON(c.w, noRoute(path), false)
}

// commonHeaders are on every answer of the API but a missing route and a 429.
func (c *call) commonHeaders() {
	h := c.w.Header()
	for key, value := range map[string]string{
		"Permissions-Policy": "", "Referrer-Policy": "no-referrer", "Vary": "Accept-Encoding",
		"X-Content-Type-Options": "nosniff", "X-Request-Id": c.id, "X-Version-Id": versionID,
	} {
		h.Set(key, value)
	}
	if c.r.Method == http.MethodGet {
		h.Set("Expires", "0")
	}
}

// oddly notes what a strict server doesn't accept.
func (c *call) oddly(format string, args ...any) { c.odd = append(c.odd, fmt.Sprintf(format, args...)) }

// find looks a route up; the first that matches wins.
func (s *Server) find(method, path string) (*route, map[string]string) {
	rest, ok := strings.CutPrefix(path, "/api/v4/")
	if !ok {
		return nil, nil
	}
	got := strings.Split(rest, "/")
	for i := range s.routes {
		rt := &s.routes[i]
		if rt.method != method {
			continue
		}
		if vars, ok := matchPath(strings.Split(rt.path[1:], "/"), got); ok {
			return rt, vars
		}
	}
	return nil, nil
}

func matchPath(want, got []string) (map[string]string, bool) {
	if len(want) != len(got) {
		return nil, false
	}
	vars := map[string]string{}
	for i, seg := range want {
		name, isVar := strings.CutPrefix(seg, "{")
		if !isVar {
			if seg != got[i] {
				return nil, false
			}
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if !varForm(name).MatchString(got[i]) {
			return nil, false
		}
		vars[name] = got[i]
	}
	return vars, true
}

var (
	formID       = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	formUsername = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	formName     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	formEmoji    = regexp.MustCompile(`^[A-Za-z0-9_+-]+$`)
	formAny      = regexp.MustCompile(`^.+$`)
)

// varForm is the form that the server's router demands of a path variable.
func varForm(name string) *regexp.Regexp {
	switch name {
	case "username":
		return formUsername
	case "channel_name", "team_name", "role_name":
		return formName
	case "emoji_name":
		return formEmoji
	case "email":
		return formAny
	}
	return formID
}

// run checks what is common to all routes, in the server's order, and serves.
func (c *call) run(rt *route) (any, error) {
	if err := c.readBody(rt); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if err := c.authenticate(rt); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	if rt.outward {
		c.mu.Unlock()
	} else {
		defer c.mu.Unlock()
	}
	c.checkQuery(rt)
	c.checkFields(rt)
	if err := c.checkIDs(); err != nil {
		return nil, err
	}
	return rt.serve(c)
}

// checkIDs replaces "me" and refuses ids of a wrong form.
func (c *call) checkIDs() error {
	for name, value := range c.vars {
		if !strings.HasSuffix(name, "_id") || name == "action_id" {
			continue
		}
		if name == "user_id" && value == "me" && c.who != nil {
			c.vars[name] = c.who.ID
			continue
		}
		if !isID(value) {
			return badURL(name)
		}
	}
	return nil
}

func (c *call) readBody(rt *route) error {
	most := int64(mostBody)
	if rt.big {
		most = 100 << 20
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, most+1))
	if err != nil {
		return badBody("body")
	}
	if int64(len(body)) > most {
		c.w.Header().Set("Connection", "close")
		return tooLarge()
	}
	c.body = body
	return nil
}

func (c *call) checkQuery(rt *route) {
	for key := range c.r.URL.Query() {
		if !slices.Contains(rt.query, key) {
			c.oddly("unknown query parameter %q", key)
		}
	}
}

// checkFields reports unknown fields of the body's object; what the server does
// with them (mostly nothing) it does all the same.
func (c *call) checkFields(rt *route) {
	var object map[string]json.RawMessage
	if rt.fields == nil || json.Unmarshal(c.body, &object) != nil {
		return
	}
	for key := range object {
		if !slices.Contains(rt.fields, key) {
			c.oddly("unknown field %q in the body", key)
		}
	}
}

// decode reads the JSON body, or says that what is missing.
func (c *call) decode(v any, what string) error {
	if json.NewDecoder(bytes.NewReader(c.body)).Decode(v) != nil {
		return badBody(what)
	}
	return nil
}

// answer writes what a route returned.
func (c *call) answer(status int) func(v any, err error) {
	return func(v any, err error) {
		h := c.w.Header()
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
		c.commonHeaders()
		var api *apiError
		switch {
		case errors.As(err, &api):
			api.RequestID = c.id
			api.translate(c.r.Header.Get("Accept-Language"))
			h.Del("Etag")
			c.w.WriteHeader(api.Status)
			_ = writeJSON(c.w, api, false)
		case err != nil:
			c.oddly("%v", err)
			c.w.WriteHeader(http.StatusNotImplemented)
		case h.Get("Etag") != "" && c.r.Header.Get("If-None-Match") == h.Get("Etag"):
			c.w.WriteHeader(http.StatusNotModified)
		default:
			c.success(status, v)
		}
	}
}

func (c *call) success(status int, v any) {
	if text, ok := v.(raw); ok {
		c.w.Header().Set("Content-Type", text.kind)
		c.w.WriteHeader(status)
		_, _ = c.w.Write(text.body)
		return
	}
	c.w.WriteHeader(status)
	_ = writeJSON(c.w, v, false)
}

// writeJSON writes v as encoding/json does, with < > & escaped, and a line end if
// asked for.
func writeJSON(w io.Writer, v any, lineEnd bool) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if lineEnd {
		data = append(data, '\n')
	}
	_, err = w.Write(data)
	return err
}

// mustJSON is for what always has a JSON form.
func mustJSON(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func (c *call) etag(parts ...any) {
	tag := version
	for _, p := range parts {
		tag += fmt.Sprintf(".%v", p)
	}
	c.w.Header().Set("Etag", tag)
}

package jenkins

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// serve is every request: the network's faults, then the start-up page, then the
// door, then the handlers.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	if f := s.fault(r); f != nil {
		if f.wrong() { // before the client can know that it has ended
			s.journal(r, "", f.Status)
		}
		if f.spoil(w, r, func(w http.ResponseWriter) { s.answer(w, r) }) {
			return
		}
	}
	name := s.answer(rec, r)
	s.journal(r, name, rec.status)
}

func (s *Server) journal(r *http.Request, user string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, User: user, Status: status})
	for _, e := range s.expected {
		if e.method == r.Method && e.path == r.URL.EscapedPath() {
			e.left--
		}
	}
}

// answer returns who asked.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	switch {
	case now.Before(s.downUntil):
		hangUp(w)
		return ""
	case now.Before(s.upAt):
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>Starting Jenkins</title></head><body>Please wait while Jenkins is getting ready to work</body></html>"))
		return ""
	}
	s.advance()
	c, ok := s.authenticate(w, r)
	if !ok {
		return ""
	}
	if r.URL.Path == "/login" {
		page(w, http.StatusOK, "Sign in [Jenkins]", "Sign in to Jenkins")
		return c.name()
	}
	if s.admit(w, r, c) {
		w.Header().Set("X-Jenkins", version)
		w.Header().Set("X-Jenkins-Session", s.session)
		s.dispatch(w, r, c)
	}
	return c.name()
}

// request is one that was let in, with what is left of its path.
type request struct {
	*http.Request
	caller
	rest []string
}

// is compares the method and the rest of the path.
func (r *request) is(method string, path ...string) bool {
	if r.Method != method || len(r.rest) != len(path) {
		return false
	}
	for i, want := range path {
		if want != "*" && r.rest[i] != want {
			return false
		}
	}
	return true
}

// dispatch walks down the items and hands the rest to what it finds.
func (s *Server) dispatch(w http.ResponseWriter, hr *http.Request, c caller) {
	var rest []string
	for part := range strings.SplitSeq(strings.Trim(hr.URL.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			jetty(w, hr, http.StatusBadRequest, "Ambiguous URI")
			return
		}
		rest = append(rest, plain)
	}
	at := s.root
	for len(rest) >= 2 && rest[0] == "job" {
		if at = at.child(rest[1]); at == nil {
			notFound(w)
			return
		}
		rest = rest[2:]
	}
	if len(rest) == 1 && rest[0] == "" {
		rest = nil
	}
	r := &request{Request: hr, caller: c, rest: rest}
	known := false
	switch at.kind {
	case kindRoot:
		known = s.serveRoot(w, r)
	case kindFolder, kindMultibranch:
		known = s.serveFolder(w, r, at)
	case kindBranch, kindPipeline:
		known = s.serveJob(w, r, at)
	}
	if !known {
		s.mu.Unlock() // the callback is the test's
		s.unexpected("%s %s: no client of a Jenkins has business there", hr.Method, hr.URL.RequestURI())
		s.mu.Lock()
		notFound(w)
	}
}

func (s *Server) serveRoot(w http.ResponseWriter, r *request) bool {
	switch {
	case r.is("GET", "api", "json"):
		s.view(w, r, s.rootView())
	case r.is("GET", "crumbIssuer", "api", "json"):
		s.crumb(w, r.caller)
	case r.is("GET", "whoAmI", "api", "json"):
		s.view(w, r, object{"_class": "hudson.security.WhoAmI", "anonymous": false, "authenticated": true, "authorities": []any{"authenticated"}, "name": r.name()})
	case r.is("GET", "pluginManager", "api", "json"):
		if s.require(w, r.caller, "hudson.model.Hudson.SystemRead") {
			s.view(w, r, s.pluginsView())
		}
	case r.is("POST", "createItem"):
		s.createItem(w, r, s.root)
	case r.is("GET", "checkJobName"):
		if s.require(w, r.caller, ItemCreate) {
			s.checkJobName(w, r.URL.Query().Get("value"))
		}
	case r.is("GET", "queue", "api", "json"):
		s.view(w, r, s.queueView())
	case r.is("GET", "queue", "item", "*", "api", "json"):
		s.queueItem(w, r)
	case r.is("POST", "queue", "cancelItem"):
		s.cancelItem(w, r)
	default:
		return false
	}
	return true
}

func (s *Server) serveFolder(w http.ResponseWriter, r *request, i *item) bool {
	switch {
	case r.is("GET", "api", "json"):
		s.view(w, r, i.view())
	case r.is("GET", "config.xml"), r.is("POST", "config.xml"):
		s.serveConfig(w, r, i)
	case r.is("POST", "createItem"):
		s.createItem(w, r, i)
	case r.is("POST", "doDelete"):
		s.delete(w, r, i)
	case i.kind == kindMultibranch && r.is("POST", "build"):
		s.triggerScan(w, r, i)
	case i.kind == kindMultibranch && r.is("GET", "indexing", "consoleText"):
		text(w, i.scanLog())
	case i.kind == kindMultibranch && (r.is("POST", "disable") || r.is("POST", "enable")):
		if s.require(w, r.caller, ItemConfigure) {
			i.setDisabled(r.rest[0] == "disable")
			s.redirect(w, i.path())
		}
	default:
		return false
	}
	return true
}

func (s *Server) serveJob(w http.ResponseWriter, r *request, i *item) bool {
	switch {
	case r.is("GET"):
		s.redirect(w, i.path())
	case r.is("GET", "api", "json"):
		s.view(w, r, i.view())
	case r.is("GET", "config.xml") && i.kind == kindPipeline:
		s.serveConfig(w, r, i)
	case r.is("POST", "build"), r.is("POST", "buildWithParameters"):
		s.trigger(w, r, i)
	case r.is("GET", "build"):
		formRequired(w)
	case r.is("POST", "doDelete"):
		r.Without(ItemDelete, i.kind == kindBranch)
		s.delete(w, r, i)
	case r.is("POST", "disable") && i.kind == kindBranch:
		r.Without(ItemConfigure, true)
		s.require(w, r.caller, ItemConfigure)
	default:
		if len(r.rest) < 2 {
			return false
		}
		number, err := strconv.Atoi(r.rest[0])
		if r.rest[0] == "lastBuild" {
			number, err = i.last, nil
		}
		if err != nil {
			return false
		}
		b := i.build(number)
		if b == nil {
			notFound(w)
			return true
		}
		r.rest = r.rest[1:]
		return s.serveBuild(w, r, b)
	}
	return true
}

// Without takes a permission away for this one request.
func (r *request) Without(permission string, when bool) {
	if when && r.user != nil {
		u := *r.user
		u.Without = append([]string{permission}, u.Without...)
		r.user = &u
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

// Unwrap lets http.ResponseController hijack.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

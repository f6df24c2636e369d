package sonarqube

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is an operation that is answered.
type route struct {
	method   string
	required []string
	optional []string
	open     bool // whatever the credentials
	handle   func(s *Server, form url.Values) reply
}

// reply is what is answered; body nil is none.
type reply struct {
	status int
	body   any
}

func ok(body any) reply { return reply{http.StatusOK, body} }
func done() reply       { return reply{http.StatusNoContent, nil} }

func refused(status int, texts ...string) reply {
	var list []object
	for _, text := range texts {
		list = append(list, object{"msg": text})
	}
	return reply{status, object{"errors": list}}
}

func privileges() reply { return refused(http.StatusForbidden, "Insufficient privileges") }

// routes are the operations by their path.
func routes() map[string]route {
	return map[string]route{
		"/api/server/version":             {method: "GET", open: true, handle: (*Server).serveVersion},
		"/api/authentication/validate":    {method: "GET", open: true},
		"/api/users/current":              {method: "GET", handle: (*Server).serveCurrent},
		"/api/components/show":            {method: "GET", required: []string{"component"}, handle: (*Server).serveShow},
		"/api/projects/create":            {method: "POST", required: []string{"project", "name"}, optional: []string{"visibility", "mainBranch"}, handle: (*Server).serveCreate},
		"/api/projects/delete":            {method: "POST", required: []string{"project"}, handle: (*Server).serveDelete},
		"/api/projects/update_visibility": {method: "POST", required: []string{"project", "visibility"}, handle: (*Server).serveVisibility},
		"/api/project_tags/set":           {method: "POST", required: []string{"project", "tags"}, handle: (*Server).serveTags},
		"/api/project_branches/list":      {method: "GET", required: []string{"project"}, handle: (*Server).serveBranches},
		"/api/project_pull_requests/list": {method: "GET", required: []string{"project"}, handle: (*Server).servePullRequests},
		"/api/webhooks/list":              {method: "GET", required: []string{"project"}, handle: (*Server).serveHooks},
		"/api/webhooks/create":            {method: "POST", required: []string{"name", "url", "project"}, optional: []string{"secret"}, handle: (*Server).serveNewHook},
		"/api/webhooks/update":            {method: "POST", required: []string{"webhook", "name", "url"}, optional: []string{"secret"}, handle: (*Server).serveChangeHook},
		"/api/webhooks/delete":            {method: "POST", required: []string{"webhook"}, handle: (*Server).serveDeleteHook},
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sessions/new" {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<html><body>Log in <input type="password"></body></html>`))
		return
	}
	route, known := routes()[r.URL.Path]
	if !known || route.method != r.Method {
		s.t.Errorf("fake sonarqube: %s %s: there is no such operation", r.Method, r.URL.Path)
		http.NotFound(w, r)
		return
	}
	form, wrong := arguments(r, route)
	if wrong != "" {
		s.t.Errorf("fake sonarqube: %s %s: %s", r.Method, r.URL.Path, wrong)
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	fault := s.fault(r.URL.Path)
	out := reply{}
	if fault == nil || fault.After {
		out = s.answer(r, route, form)
	}
	s.calls = append(s.calls, Call{Method: r.Method, Path: r.URL.Path, Status: out.status})
	s.mu.Unlock()
	if fault != nil {
		s.play(w, r, *fault)
		return
	}
	write(w, out)
}

// arguments are a request's; the text says what is wrong with them.
func arguments(r *http.Request, route route) (url.Values, string) {
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		if len(form) > 0 {
			return nil, "a command with a query"
		}
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
			return nil, "a command without a form"
		}
		form = r.PostForm
	}
	for _, name := range route.required {
		if form.Get(name) == "" {
			return nil, "no parameter " + name
		}
	}
	for name, values := range form {
		if !slices.Contains(route.required, name) && !slices.Contains(route.optional, name) || len(values) != 1 {
			return nil, "the parameter " + name + " is unknown or given twice"
		}
	}
	return form, ""
}

// answer handles a call with the lock held.
func (s *Server) answer(r *http.Request, route route, form url.Values) reply {
	user, password, _ := r.BasicAuth()
	login := user == s.Token && password == ""
	if strings.HasSuffix(r.URL.Path, "/validate") {
		return ok(object{"valid": login})
	}
	if !login && !route.open {
		return reply{http.StatusUnauthorized, nil}
	}
	return route.handle(s, form)
}

func write(w http.ResponseWriter, out reply) {
	if text, isText := out.body.(string); isText {
		w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		w.WriteHeader(out.status)
		_, _ = w.Write([]byte(text))
		return
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(out.status)
	_ = json.NewEncoder(w).Encode(out.body)
}

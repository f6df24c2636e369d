package artifactory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	root    = "/artifactory"
	maxBody = 1 << 20
)

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

// reply is what is answered: JSON, or a text.
type reply struct {
	status int
	body   any
}

func refused(status int, text string) reply {
	return reply{status, object{"errors": []object{{"status": status, "message": text}}}}
}

// operation names a request without the repository's key: "PUT /api/repositories".
func operation(r *http.Request) (name, key string, known bool) {
	path, ok := strings.CutPrefix(r.URL.Path, root)
	for _, o := range []string{"GET /api/repositories", "PUT /api/repositories", "DELETE /api/repositories", "GET /api/storage"} {
		method, prefix, _ := strings.Cut(o, " ")
		if rest, found := strings.CutPrefix(path, prefix+"/"); ok && found && method == r.Method && rest != "" && !strings.Contains(rest, "/") {
			return o, rest, true
		}
	}
	name = r.Method + " " + path
	return name, "", ok && name == "GET /api/system/version"
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ui/login" {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<html><body>Log in <input type="password"></body></html>`)
		return
	}
	if !strings.HasPrefix(r.URL.Path, root+"/") { // the router in front of it
		http.NotFound(w, r)
		return
	}
	name, key, known := operation(r)
	if !known || r.URL.RawQuery != "" {
		s.t.Errorf("fake artifactory: %s %s: there is no such operation", r.Method, r.URL)
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	fault := s.fault(name)
	out := reply{}
	if fault == nil || fault.After {
		if out = s.answer(r, name, key, body); out.status < 300 {
			s.counts[name]++
		}
	}
	s.mu.Unlock()
	if fault != nil {
		s.play(w, r, *fault)
		return
	}
	write(w, out)
}

// answer handles a call with the lock held.
func (s *Server) answer(r *http.Request, name, key string, body []byte) reply {
	if r.Header.Get("Authorization") != "Bearer "+s.Token {
		return refused(http.StatusUnauthorized, "Bad credentials")
	}
	manages := strings.Contains(name, "/repositories")
	switch {
	case manages && s.openSource:
		return refused(http.StatusBadRequest, "This REST API is available only in Artifactory Pro (see: jfrog.com/artifactory/features). "+
			"If you are already running Artifactory Pro please make sure your server is activated with a valid license key.\n")
	case manages && s.noAdmin && r.Method != http.MethodGet:
		return refused(http.StatusForbidden, "Forbidden")
	}
	switch name {
	case "GET /api/system/version":
		return reply{http.StatusOK, object{"version": "7.90.8", "revision": "79008900", "addons": []string{}}}
	case "GET /api/repositories":
		return s.show(key)
	case "PUT /api/repositories":
		return s.create(r, key, body)
	case "DELETE /api/repositories":
		return s.remove(key)
	}
	return s.list(key)
}

func (s *Server) show(key string) reply {
	r := s.find(key)
	if r == nil {
		return refused(http.StatusBadRequest, "Bad Request")
	}
	out := object{"key": r.Key, "packageType": r.PackageType, "description": r.Description, "url": s.URL + "/" + r.Key}
	if !s.noAdmin {
		out["rclass"], out["notes"], out["includesPattern"] = r.Class, "", "**/*"
	}
	return reply{http.StatusOK, out}
}

func (s *Server) create(r *http.Request, key string, body []byte) reply {
	var in struct {
		Key         string `json:"key"`
		Class       string `json:"rclass"`
		PackageType string `json:"packageType"`
		Description string `json:"description"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("fake artifactory: the body of %s %s is not what it should be: %v", r.Method, r.URL.Path, err)
		return refused(http.StatusBadRequest, "Bad Request")
	}
	switch {
	case in.Key != key || !keyForm.MatchString(key):
		return refused(http.StatusBadRequest, "Invalid repository key")
	case in.Class != "local" || !slices.Contains([]string{"gradle", "maven", "generic"}, in.PackageType):
		return refused(http.StatusBadRequest, "Invalid repository type")
	case s.similar(key):
		return refused(http.StatusBadRequest, "Case insensitive repository key already exists")
	}
	s.repositories = append(s.repositories, &Repository{Key: key, Class: in.Class, PackageType: in.PackageType, Description: in.Description})
	return reply{http.StatusOK, fmt.Sprintf("Successfully created repository '%s' \n", key)}
}

func (s *Server) remove(key string) reply {
	if s.find(key) == nil {
		return refused(http.StatusNotFound, fmt.Sprintf("Repository %s does not exist", key))
	}
	s.repositories = slices.DeleteFunc(s.repositories, func(r *Repository) bool { return r.Key == key })
	return reply{http.StatusOK, fmt.Sprintf("Repository %s and all its content have been removed successfully.\n", key)}
}

func (s *Server) list(key string) reply {
	r := s.find(key)
	if r == nil {
		return refused(http.StatusNotFound, "Unable to find item")
	}
	children := []object{}
	for _, f := range r.Files {
		top, _, deep := strings.Cut(f, "/")
		children = append(children, object{"uri": "/" + top, "folder": deep})
	}
	return reply{http.StatusOK, object{"repo": key, "path": "/", "created": "2026-03-01T12:00:00.000Z", "children": children, "uri": s.URL + "/api/storage/" + key}}
}

func write(w http.ResponseWriter, out reply) {
	if text, isText := out.body.(string); isText {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(out.status)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(out.status)
	_ = json.NewEncoder(w).Encode(out.body)
}

package jenkins

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"slices"
)

// The permissions that the server asks for, as X-Required-Permission names them.
const (
	OverallRead   = "hudson.model.Hudson.Read"
	ItemRead      = "hudson.model.Item.Read"
	ItemCreate    = "hudson.model.Item.Create"
	ItemConfigure = "hudson.model.Item.Configure"
	ItemBuild     = "hudson.model.Item.Build"
	ItemCancel    = "hudson.model.Item.Cancel"
	ItemDelete    = "hudson.model.Item.Delete"
)

// User is somebody who may log in, by API token or by password.
type User struct {
	Name, Token, Password string
	// Without are the permissions that the user lacks.
	Without []string
}

// AddUser adds a user.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.Name] = &u
}

// caller is who sends a request.
type caller struct {
	user    *User // nil: anonymous
	byToken bool
	session string
}

func (c caller) name() string {
	if c.user == nil {
		return "anonymous"
	}
	return c.user.Name
}

func (c caller) may(permission string) bool {
	return c.user != nil && !slices.Contains(c.user.Without, permission)
}

// authenticate answers 401 for wrong credentials; without any, or with a scheme
// that Jenkins does not know, the caller is anonymous.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (caller, bool) {
	var c caller
	if cookie, err := r.Cookie("JSESSIONID.597e4089"); err == nil {
		if name, ok := s.sessions[cookie.Value]; ok {
			c.session, c.user = cookie.Value, s.users[name]
		}
	}
	name, secret, ok := r.BasicAuth()
	if !ok {
		return c, true
	}
	u := s.users[name]
	if u == nil || secret == "" || secret != u.Token && secret != u.Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="Jenkins"`)
		jetty(w, r, http.StatusUnauthorized, "Unauthorized")
		return c, false
	}
	c.user, c.byToken = u, secret == u.Token
	return c, true
}

// admit checks what comes before every handler: the crumb of a POST, then whether
// anonymous may see anything at all.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, c caller) bool {
	if r.Method == http.MethodPost && !c.byToken {
		if c.session == "" || r.Header.Get("Jenkins-Crumb") != crumbOf(c.session) {
			jetty(w, r, http.StatusForbidden, "No valid crumb was included in the request")
			return false
		}
	}
	if c.user == nil {
		w.Header().Set("X-Jenkins", version)
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<html><head><meta http-equiv='refresh' content='1;url=/login?from=%s'/></head><body style='background-color:white; color:white;'>\nAuthentication required\n</body></html>", html.EscapeString(r.URL.EscapedPath()))
		return false
	}
	return s.require(w, c, OverallRead)
}

// require answers 403 with the permission's name.
func (s *Server) require(w http.ResponseWriter, c caller, permission string) bool {
	if c.may(permission) {
		return true
	}
	h := w.Header()
	h.Set("X-You-Are-Authenticated-As", c.name())
	h.Set("X-Required-Permission", permission)
	h.Add("X-Permission-Implied-By", "hudson.security.Permission.GenericWrite")
	h.Add("X-Permission-Implied-By", "hudson.model.Hudson.Administer")
	page(w, http.StatusForbidden, "Jenkins", "Access Denied")
	return false
}

func crumbOf(session string) string {
	sum := sha256.Sum256([]byte("crumb of " + session))
	return hex.EncodeToString(sum[:])
}

// crumb answers the crumb issuer. With a password it begins a session, which the
// crumb is tied to.
func (s *Server) crumb(w http.ResponseWriter, c caller) {
	session := c.session
	if session == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", s.session, c.name(), len(s.calls)))
		session = "node0" + hex.EncodeToString(sum[:12])
		s.sessions[session] = c.name()
		w.Header().Add("Set-Cookie", "JSESSIONID.597e4089="+session+"; Path=/; HttpOnly")
	}
	answer(w, object{"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumbOf(session), "crumbRequestField": "Jenkins-Crumb"})
}

package github

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// token is a credential: a classic token with scopes, or that of an installation
// with permissions.
type token struct {
	value       string
	login       string
	scopes      []string
	permissions map[string]string // not nil: no classic token
	app         *app              // an installation's, or the App itself
	jwt         bool
	expires     time.Time // by the machine's clock; zero: never
	authorized  []string  // organisations with single sign-on
	revoked     bool
}

func allScopes() []string {
	return []string{"repo", "admin:repo_hook", "delete_repo", "read:org", "workflow"}
}

// AddToken makes a classic token of an account.
func (s *Server) AddToken(value, login string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value] = &token{value: value, login: login, scopes: scopes}
}

// AddFineToken makes a fine-grained token: permissions such as "contents": "write".
func (s *Server) AddFineToken(value, login string, permissions map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value] = &token{value: value, login: login, permissions: permissions}
}

// Authorize lets a token into an organisation with single sign-on.
func (s *Server) Authorize(value, org string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value].authorized = append(s.tokens[value].authorized, org)
}

// Revoke makes a token worthless.
func (s *Server) Revoke(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value].revoked = true
}

// covers: a scope may be part of a wider one.
func (t *token) covers(scope string) bool {
	wider := map[string][]string{
		"read:org": {"admin:org", "write:org"}, "public_repo": {"repo"}, "repo:status": {"repo"}, "repo_deployment": {"repo"},
		"write:repo_hook": {"admin:repo_hook"}, "read:repo_hook": {"admin:repo_hook", "write:repo_hook"},
	}
	return slices.Contains(t.scopes, scope) || slices.ContainsFunc(wider[scope], func(w string) bool { return slices.Contains(t.scopes, w) })
}

// admit decides whether a call may be handled; the answer's status is 0 if so.
func (s *Server) admit(c *call, header http.Header) reply {
	c.who = s.credential(c.Request)
	switch {
	case c.who == nil:
		return problem(http.StatusUnauthorized, "Bad credentials")
	case c.route.app != c.who.jwt:
		return problem(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	if out := s.meterCall(c); out.status != 0 {
		return out
	}
	if c.who.permissions == nil && !c.who.jwt {
		header.Set("X-OAuth-Scopes", strings.Join(c.who.scopes, ", "))
		header.Set("X-Accepted-OAuth-Scopes", strings.Join(c.route.scopes, ", "))
	}
	if out := s.signOn(c); out.status != 0 {
		return out
	}
	return s.permitted(c, header)
}

// credential finds who is asking; nil for nobody known.
func (s *Server) credential(r *http.Request) *token {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if _, secret, basic := r.BasicAuth(); basic {
		scheme, value = "token", secret
	}
	if t := s.tokens[value]; t != nil && !t.revoked && (t.expires.IsZero() || t.expires.After(time.Now())) {
		if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "token") {
			return t
		}
	}
	if strings.EqualFold(scheme, "Bearer") {
		return s.appOf(value)
	}
	return nil
}

// signOn refuses a token that was not authorised for the organisation's single
// sign-on.
func (s *Server) signOn(c *call) reply {
	login := c.params["owner"] + c.params["org"]
	o := s.owner(login)
	if o == nil || !o.sso || c.who.app != nil || slices.Contains(c.who.authorized, o.login) {
		return reply{}
	}
	out := problem(http.StatusForbidden, "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.")
	out.header = http.Header{"X-Github-Sso": {"required; url=" + s.URL + "/orgs/" + o.login + "/sso?authorization_request=AZSCKtL4"}}
	return out
}

// permitted looks at scopes and permissions. What a classic token may not see is
// not there; an App is told what it lacks.
func (s *Server) permitted(c *call, header http.Header) reply {
	if c.who.permissions != nil && c.route.permission != "" {
		header.Set("X-Accepted-GitHub-Permissions", c.route.permission)
		name, want, _ := strings.Cut(c.route.permission, "=")
		if have := c.who.permissions[name]; have == "" || want == "write" && have != "write" {
			by := "personal access token"
			if c.who.app != nil {
				by = "integration"
			}
			return problem(http.StatusForbidden, "Resource not accessible by "+by)
		}
	}
	if c.who.permissions != nil || len(c.route.scopes) == 0 || slices.ContainsFunc(c.route.scopes, c.who.covers) {
		return reply{}
	}
	if c.Method == http.MethodDelete && c.route.scopes[0] == "delete_repo" {
		return problem(http.StatusForbidden, "Must have admin rights to Repository.")
	}
	return notFound()
}

// member tells whether the caller belongs to an organisation, or is the owner.
func (c *call) member(o *owner) bool {
	if c.who.app != nil {
		return c.who.app.owner == o
	}
	return o.login == c.who.login || slices.Contains(o.members, c.who.login)
}

package gitea

import (
	"net/http"
	"slices"
	"strings"
)

// token is an access token with its scopes.
type token struct {
	value, login string
	scopes       []string // "write:repository", ...
}

func allScopes() []string {
	return []string{"write:organization", "write:repository", "write:user"}
}

// AddToken makes a token of an account.
func (s *Server) AddToken(value, login string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value] = &token{value: value, login: login, scopes: scopes}
}

// Revoke ends a token.
func (s *Server) Revoke(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, value)
}

// covers tells whether the token has a scope, or one that is more.
func (t *token) covers(level, category string) bool {
	return slices.Contains(t.scopes, "all") || slices.Contains(t.scopes, "write:"+category) ||
		level == "read" && slices.Contains(t.scopes, "read:"+category)
}

func (t *token) member(o *owner) bool {
	return t != nil && (strings.EqualFold(t.login, o.login) || slices.Contains(o.members, t.login))
}

// credential is the token that a request carries; nil for none that is valid.
func (s *Server) credential(r *http.Request) *token {
	text := r.Header.Get("Authorization")
	for _, prefix := range []string{"token ", "Bearer "} {
		if value, found := strings.CutPrefix(text, prefix); found {
			return s.tokens[value]
		}
	}
	if _, password, is := r.BasicAuth(); is {
		return s.tokens[password]
	}
	return nil
}

// admit finds out who asks and whether the token is one for that. Who may see the
// version needs none.
func (s *Server) admit(c *call) reply {
	c.who = s.credential(c.Request)
	switch {
	case c.who == nil && c.Header.Get("Authorization") != "":
		return s.problem(http.StatusUnauthorized, "invalid username, password or token")
	case c.who == nil && c.route.template != "/version":
		return s.problem(http.StatusUnauthorized, "token is required")
	}
	level := "read"
	if c.Method != http.MethodGet {
		level = "write"
	}
	for _, category := range c.route.scopes {
		if c.who.covers(level, category) {
			continue
		}
		if s.forgejo() {
			return s.problem(http.StatusForbidden, "token does not have at least one of required scope(s): [%s:%s]", level, category)
		}
		return s.problem(http.StatusForbidden, "token does not have at least one of required scope(s), required=[%s:%s], token scope=%s",
			level, category, strings.Join(c.who.scopes, ","))
	}
	return reply{}
}

func (s *Server) forgejo() bool { return strings.Contains(s.cfg.version, "+gitea-") }

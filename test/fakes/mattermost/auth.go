package mattermost

import (
	"net/http"
	"strings"
)

// session is what a token stands for: an access token of a bot, or a login.
type session struct {
	id       string // of the token, to revoke it by
	token    string
	user     *user
	disabled bool
}

// authenticate finds who asks. A missing, a bad, a revoked and a disabled token are
// answered alike, but for the cookie that a presented one gets cleared.
func (c *call) authenticate(rt *route) error {
	token, place := tokenOf(c.r)
	c.token = token
	sess := c.state.sessions[token]
	if sess.alive() {
		if place == "query" {
			return fail(http.StatusUnauthorized, "api.context.token_provided.app_error", "Session is not OAuth but token was provided in the query string.")
		}
		c.who = sess.user
		return nil
	}
	if rt.public {
		return nil
	}
	if token != "" && c.r.Method != http.MethodHead {
		c.w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
	}
	return unauthorized()
}

// alive: a disabled token and a deactivated user's token are as good as none.
func (s *session) alive() bool { return s != nil && !s.disabled && s.user.DeleteAt == 0 }

// tokenOf reads the token from where the server looks for one.
func tokenOf(r *http.Request) (token, place string) {
	scheme, value, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")) {
		return value, "header"
	}
	if cookie, err := r.Cookie("MMAUTHTOKEN"); err == nil {
		return cookie.Value, "cookie"
	}
	if t := r.URL.Query().Get("access_token"); t != "" {
		return t, "query"
	}
	return "", ""
}

// RevokeToken ends a token for good. Sockets opened with it stay open, silent and
// dead; they answer a ping with FAIL 401.
func (s *Server) RevokeToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.sessions, token)
	s.hub.deaden(func(c *conn) bool { return c.token == token })
	s.touch()
}

// DisableToken makes a token useless until EnableToken; its sockets die as with
// RevokeToken and don't come back to life.
func (s *Server) DisableToken(token string) { s.setDisabled(token, true) }

// EnableToken undoes DisableToken.
func (s *Server) EnableToken(token string) { s.setDisabled(token, false) }

func (s *Server) setDisabled(token string, disabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess := s.state.sessions[token]; sess != nil {
		sess.disabled = disabled
	}
	if disabled {
		s.hub.deaden(func(c *conn) bool { return c.token == token })
	}
	s.touch()
}

// NewToken gives a user one more access token.
func (s *Server) NewToken(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.state.users[userID]
	if u == nil {
		return ""
	}
	return s.state.login(u)
}

// TokenID is the id of a token, by which an administrator revokes it over REST.
func (s *Server) TokenID(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess := s.state.sessions[token]; sess != nil {
		return sess.id
	}
	return ""
}

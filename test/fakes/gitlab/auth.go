package gitlab

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// token is an access token.
type token struct {
	id      int64
	value   string
	login   string
	scopes  []string
	expires time.Time // zero: never
	revoked bool
}

// AddToken makes a token of an account.
func (s *Server) AddToken(value, login string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value] = &token{id: s.newID(), value: value, login: login, scopes: scopes}
}

// Revoke makes a token worthless.
func (s *Server) Revoke(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value].revoked = true
}

// Expire sets the day on which a token ends.
func (s *Server) Expire(value string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value].expires = at
}

// admit decides whether a call may be handled; the answer's status is 0 if so.
func (s *Server) admit(c *call) reply {
	value := c.Header.Get("Private-Token")
	if value == "" {
		value, _ = strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	}
	t := s.tokens[value]
	switch {
	case t == nil:
		return problem(http.StatusUnauthorized, "401 Unauthorized")
	case t.revoked:
		return oauth(http.StatusUnauthorized, "invalid_token", "Token was revoked. You have to re-authorize from the user.")
	case t.expired(c.now):
		return oauth(http.StatusUnauthorized, "invalid_token", "Token is expired. You can either do re-authorization or token refresh.")
	}
	c.who = t
	need := []string{"api"}
	if c.Method == http.MethodGet {
		need = []string{"api", "read_api"}
	}
	if !c.route.free && !slices.ContainsFunc(need, func(n string) bool { return slices.Contains(t.scopes, n) }) {
		out := oauth(http.StatusForbidden, "insufficient_scope", "The request requires higher privileges than provided by the access token.")
		out.body.(object)["scope"] = strings.Join(need, " ")
		return out
	}
	return reply{}
}

func (t *token) expired(now time.Time) bool { return !t.expires.IsZero() && !now.Before(t.expires) }

// gitUser finds who pushes or clones; nil for nobody known, or without the scope.
func (s *Server) gitUser(r *http.Request, write bool) *token {
	_, secret, _ := r.BasicAuth()
	t := s.tokens[secret]
	if t == nil || t.revoked || t.expired(s.clock.Now()) {
		return nil
	}
	for _, scope := range []string{"api", "write_repository"} {
		if slices.Contains(t.scopes, scope) {
			return t
		}
	}
	if !write && slices.Contains(t.scopes, "read_repository") {
		return t
	}
	return nil
}

// getToken is "personal_access_tokens/self".
func (s *Server) getToken(c *call) reply {
	t := c.who
	out := object{
		"id": t.id, "name": "opsbot", "revoked": t.revoked, "created_at": stamp(c.now), "description": nil, "scopes": t.scopes,
		"user_id": s.space(t.login).id, "last_used_at": stamp(c.now), "active": true, "expires_at": nil,
	}
	if !t.expires.IsZero() {
		out["expires_at"] = t.expires.Format(time.DateOnly)
	}
	return ok(out)
}

// limited counts a call for the rate limit. The lock is held.
func (s *Server) limited(c *call) (reply, bool) {
	if s.cfg.limit == 0 {
		return reply{}, false
	}
	if c.now.Sub(s.window) >= time.Minute {
		s.window, s.used = c.now.Truncate(time.Minute), 0
	}
	s.used++
	if s.used <= s.cfg.limit {
		return reply{}, false
	}
	reset := s.window.Add(time.Minute)
	return reply{status: http.StatusTooManyRequests, body: plain("Retry later\n"), header: http.Header{
		"Retry-After": {number(int64(reset.Sub(c.now) / time.Second))}, "Ratelimit-Reset": {number(reset.Unix())},
		"Ratelimit-Limit": {number(int64(s.cfg.limit))}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Observed": {number(int64(s.used))},
		"Ratelimit-Name": {"throttle_authenticated_api"},
	}}, true
}

// plain is an answer that is no JSON.
type plain string

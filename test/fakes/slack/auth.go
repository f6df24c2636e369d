package slack

import (
	"crypto/subtle"
	"slices"
	"strings"
)

// token is what the app was given at its installation.
type token struct {
	app    bool
	scopes []string
	dead   string // the refusal once it is of no use: token_revoked, account_inactive, ...
}

type tokens map[string]*token

// authorize finds the token and checks its kind. The lock is held.
func (s *Server) authorize(given string, m *method) (*token, *apiError) {
	if given == "" {
		return nil, fail("not_authed")
	}
	var t *token
	for known, candidate := range s.tokens {
		if subtle.ConstantTimeCompare([]byte(known), []byte(given)) == 1 {
			t = candidate
		}
	}
	switch {
	case t == nil:
		return nil, fail("invalid_auth")
	case t.dead != "":
		return nil, fail(t.dead)
	case t.app != m.app && m.name != "auth.test":
		return nil, fail("not_allowed_token_type")
	}
	return t, nil
}

// missing refuses a token without any of the scopes.
func (s *Server) missing(t *token, anyOf []string) *apiError {
	if len(anyOf) == 0 || slices.ContainsFunc(anyOf, func(scope string) bool { return slices.Contains(t.scopes, scope) }) {
		return nil
	}
	return missingScope(t, anyOf)
}

func missingScope(t *token, needed []string) *apiError {
	return &apiError{code: "missing_scope", more: object{
		"needed": strings.Join(needed, ","), "provided": strings.Join(t.scopes, ","),
	}}
}

// scoped tells whether the bot has a scope. The lock is held.
func (s *Server) scoped(scope string) bool { return slices.Contains(s.botScopes(), scope) }

func (s *Server) botScopes() []string { return s.tokens[s.BotToken].scopes }

// SetScopes changes the bot token's scopes, as a new installation does.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[s.BotToken].scopes = slices.Clone(scopes)
	s.touch()
}

// SetAppScopes changes the app token's scopes.
func (s *Server) SetAppScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[s.AppToken].scopes = slices.Clone(scopes)
	s.touch()
}

// RevokeTokens takes the bot token away: the app is told with tokens_revoked, and
// every call is refused with token_revoked from then on.
func (s *Server) RevokeTokens() { s.kill("token_revoked") }

// DeactivateBot turns the bot's account off: every call is refused with
// account_inactive from then on.
func (s *Server) DeactivateBot() { s.kill("account_inactive") }

// RestoreTokens makes both tokens valid again.
func (s *Server) RestoreTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		t.dead = ""
	}
	s.touch()
}

// RevokeAppToken takes the app token away: no connection can be opened any more.
func (s *Server) RevokeAppToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[s.AppToken].dead = "invalid_auth"
	s.touch()
}

// Uninstall removes the app: it is told with app_uninstalled, and its tokens are gone.
func (s *Server) Uninstall() {
	s.mu.Lock()
	s.emit("app_uninstalled", "", object{"type": "app_uninstalled", "event_ts": s.newTS()})
	s.mu.Unlock()
	s.RevokeTokens()
}

func (s *Server) kill(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == "token_revoked" {
		s.emit("tokens_revoked", "", object{
			"type": "tokens_revoked", "tokens": object{"oauth": []string{}, "bot": []string{s.BotUserID}}, "event_ts": s.newTS(),
		})
	}
	s.tokens[s.BotToken].dead = code
	s.touch()
}

func (s *Server) authTest(c *call) (object, *apiError) {
	out := object{
		"url": "https://" + s.cfg.domain + ".slack.com/", "team": s.cfg.teamName, "user": s.cfg.botName, "team_id": s.TeamID,
		"user_id": s.BotUserID, "bot_id": s.BotID, "is_enterprise_install": false,
	}
	if c.token.app {
		return object{"app_name": s.cfg.botName, "app_id": s.AppID}, nil
	}
	return out, nil
}

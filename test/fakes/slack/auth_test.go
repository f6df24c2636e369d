package slack_test

import (
	"strings"
	"testing"

	"opsbot/test/fakes/slack"
)

func TestTokensAndScopes(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.refused(t, "not_authed", "auth.test", "token", "")
	r.refused(t, "invalid_auth", "auth.test", "token", "xoxb-other")
	r.refused(t, "not_allowed_token_type", "chat.postMessage", "token", r.AppToken, "channel", r.dev, "text", "x")
	r.refused(t, "not_allowed_token_type", "apps.connections.open")
	r.SetScopes("channels:read", "im:write")
	got := r.refused(t, "missing_scope", "chat.postMessage", "channel", r.dev, "text", "x")
	if got["needed"] != "chat:write" || got["provided"] != "channels:read,im:write" {
		t.Errorf("refusal %v", got)
	}
	r.refused(t, "missing_scope", "conversations.history", "channel", r.dev)
	r.refused(t, "missing_scope", "conversations.list", "types", "public_channel,private_channel")
	r.refused(t, "missing_scope", "conversations.open", "users", r.alice+","+r.bob)
	r.accepted(t, "conversations.list")
	r.SetAppScopes()
	r.refused(t, "missing_scope", "apps.connections.open", "token", r.AppToken)
}

func TestRevokedTokensComeBack(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.RevokeTokens()
	r.refused(t, "token_revoked", "auth.test")
	r.RestoreTokens()
	r.accepted(t, "auth.test")
	r.DeactivateBot()
	r.refused(t, "account_inactive", "auth.test")
	r.RevokeAppToken()
	r.refused(t, "invalid_auth", "apps.connections.open", "token", r.AppToken)
}

func TestScopesDecideWhichEventsCome(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t, slack.WithScopes("app_mentions:read", "chat:write"))
	r.Say(r.alice, r.dev, "@opsbot hello", "")
	if e := a.next(t).payload(t)["event"].(map[string]any); e["type"] != "app_mention" {
		t.Errorf("without channels:history came %v", e)
	}
}

func TestUnknownRequestsFailTheTest(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(*rig){
		"no such method": func(r *rig) { r.refused(t, "unknown_method", "chat.yell") },
		"unsupported argument: colour": func(r *rig) {
			r.refused(t, "invalid_arguments", "chat.postMessage", "channel", r.dev, "text", "x", "colour", "red")
		},
		"missing required field: channel": func(r *rig) { r.refused(t, "invalid_arguments", "chat.postMessage", "text", "x") },
		"argument limit":                  func(r *rig) { r.refused(t, "invalid_arguments", "conversations.list", "limit", "many") },
		"argument ts":                     func(r *rig) { r.refused(t, "invalid_arguments", "chat.delete", "channel", r.dev, "ts", "yesterday") },
		"argument inclusive": func(r *rig) {
			r.refused(t, "invalid_arguments", "conversations.history", "channel", r.dev, "inclusive", "yes")
		},
		"argument blocks":         func(r *rig) { r.refused(t, "invalid_arguments", "chat.postMessage", "channel", r.dev, "blocks", "{}") },
		"takes forms only":        func(r *rig) { r.send(t, "users.info", "application/json", `{"user":"U1"}`, "") },
		"token in a JSON body":    func(r *rig) { r.send(t, "auth.test", "application/json", `{"token":"`+r.BotToken+`"}`, "") },
		"two different tokens":    func(r *rig) { r.send(t, "auth.test", formType, "token=other", r.BotToken) },
		"given 2 times":           func(r *rig) { r.send(t, "auth.test", formType, "a=1&a=2", r.BotToken) },
		"nothing at this address": func(r *rig) { r.send(t, "../elsewhere", "text/plain", "", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, quiet())
			send(r)
			r.complained(t, name)
		})
	}
}

// send posts a body to a method and gives the answer's object, nil for other answers.
func (r *rig) send(t *testing.T, method, contentType, body, bearer string) map[string]any {
	t.Helper()
	answer := fetch(t, r.URL+"/api/"+method, contentType, body, bearer)
	if !strings.HasPrefix(answer.header.Get("Content-Type"), "application/json") {
		return nil
	}
	return object(t, answer.body)
}

func TestJSONBodies(t *testing.T) {
	t.Parallel()
	r := setup(t)
	got := r.send(t, "chat.postMessage", "application/json", `{"channel":"`+r.dev+`","text":"a","unfurl_links":false,"blocks":`+button("Go")+`}`, r.BotToken)
	if got["ok"] != true || got["warning"] != "missing_charset" {
		t.Errorf("without charset: %v", got)
	}
	got = r.send(t, "chat.postMessage", "application/json; charset=utf-8", `{"channel":"`+r.dev+`","text":"b"}`, r.BotToken)
	if got["ok"] != true || got["warning"] != nil {
		t.Errorf("with charset: %v", got)
	}
	if n := len(r.CallsOf("chat.postMessage")); n != 2 || len(r.FromBot(r.dev)) != 2 {
		t.Errorf("%d calls, messages %v", n, r.FromBot(r.dev))
	}
}

func TestTokensStayOutOfTheJournal(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x")
	c := r.Calls()[0]
	if c.Args["token"] != nil || c.Channel != r.dev || c.Status != 200 || c.Error != "" || c.At.IsZero() {
		t.Errorf("call %+v", c)
	}
	if r.call(t, "auth.test").header.Get("X-OAuth-Scopes") == "" {
		t.Error("no scopes in the header")
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	s, err := slack.Start()
	if err != nil {
		t.Fatal(err)
	}
	s.Expect(slack.Expectation{Method: "auth.test", Times: 2})
	s.Expect(slack.Expectation{Method: "auth.test"})
	fetch(t, s.URL+"/api/auth.test", formType, "", s.BotToken)
	s.Close()
	if got := s.Unexpected(); len(got) != 1 || !strings.Contains(got[0], "expected auth.test 2 times, got 1") {
		t.Errorf("complaints %q", got)
	}
}

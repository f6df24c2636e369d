package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

// App is a GitHub App with one installation.
type App struct {
	ID, Installation int64
	Key              string // PEM
}

type app struct {
	id, installation int64
	owner            *owner
	key              *rsa.PrivateKey
	permissions      map[string]string
	suspended        bool
}

// appKey is the key of all Apps of a process: making one takes longer than most tests.
//
//nolint:gochecknoglobals // made once, never changed
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// AddApp makes an App that is installed on all repositories of an owner, with the
// permissions that OpsBot needs and the changes given ("" takes one away).
func (s *Server) AddApp(login string, changes map[string]string) (App, error) {
	key, err := appKey()
	if err != nil {
		return App{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &app{id: s.newID(), installation: s.newID(), owner: s.owner(login), key: key, permissions: map[string]string{
		"metadata": "read", "administration": "write", "contents": "write", "repository_hooks": "write", "statuses": "write",
		"deployments": "write", "workflows": "write", "members": "read",
		"pull_requests": "write",
	}}
	maps.Copy(a.permissions, changes)
	s.apps = append(s.apps, a)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return App{ID: a.id, Installation: a.installation, Key: string(text)}, nil
}

// RevokeInstallationTokens makes all tokens that installations were given worthless.
func (s *Server) RevokeInstallationTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		t.revoked = t.revoked || t.app != nil
	}
}

// appOf checks an App's JWT by the machine's clock, as the client makes it by that;
// nil for one that is not in order.
func (s *Server) appOf(jwt string) *token {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil
	}
	var head struct{ Alg string }
	var claims struct {
		Iss      any
		Iat, Exp float64
	}
	if !decodePart(parts[0], &head) || head.Alg != "RS256" || !decodePart(parts[1], &claims) {
		return nil
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	now := float64(time.Now().Unix())
	for _, a := range s.apps {
		if claims.Iss != strconv.FormatInt(a.id, 10) && claims.Iss != float64(a.id) {
			continue
		}
		genuine := rsa.VerifyPKCS1v15(&a.key.PublicKey, crypto.SHA256, digest[:], signature) == nil
		if genuine && claims.Iat <= now+5 && claims.Exp > now && claims.Exp-claims.Iat <= 660 {
			return &token{value: jwt, jwt: true, app: a}
		}
	}
	return nil
}

func decodePart(part string, into any) bool {
	data, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(data, into) == nil
}

func (s *Server) makeInstallationToken(c *call) reply {
	a := c.who.app
	switch {
	case c.params["installation_id"] != strconv.FormatInt(a.installation, 10):
		return notFound()
	case a.suspended:
		return problem(http.StatusForbidden, "This installation has been suspended")
	}
	t := &token{
		value: "ghs_" + bot.NewToken() + bot.NewToken(), app: a, login: "opsbot[bot]",
		permissions: a.permissions, expires: time.Now().Add(s.cfg.tokenLife),
	}
	s.tokens[t.value] = t
	granted := object{}
	for name, value := range a.permissions {
		if value != "" {
			granted[name] = value
		}
	}
	return created(object{"token": t.value, "expires_at": t.expires.UTC().Format(time.RFC3339), "permissions": granted, "repository_selection": "all"})
}

// Suspend suspends all installations.
func (s *Server) Suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		a.suspended = true
	}
}

func (s *Server) getApp(c *call) reply {
	a := c.who.app
	granted := object{}
	for name, value := range a.permissions {
		granted[name] = value
	}
	return ok(object{
		"id": a.id, "node_id": "A", "owner": s.person(a.owner), "name": "OpsBot", "slug": "opsbot", "description": nil,
		"external_url": s.URL, "html_url": s.URL + "/apps/opsbot", "created_at": stamp(c.now), "updated_at": stamp(c.now),
		"permissions": granted, "events": []any{},
	})
}

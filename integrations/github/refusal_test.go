package github

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/github"
)

// refused wants a code and words that help, and nothing that is secret.
func refused(t *testing.T, w *world, err error, code bot.Code, words ...string) {
	t.Helper()
	if bot.CodeOf(err) != code {
		t.Errorf("code %s, want %s: %v", bot.CodeOf(err), code, err)
	}
	text := bot.Unescape(bot.Text(bot.MessageOf(err)))
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	if err != nil && (strings.Contains(err.Error(), w.hub.Token) || strings.Contains(w.log.String(), w.hub.Token)) {
		t.Error("the token is in the error or the log")
	}
}

func TestNameTaken(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.hub.AddRepo("foo-org/shop", "main"); err != nil {
		t.Fatal(err)
	}
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "foo-org has the repository shop already", w.hub.URL+"/foo-org/shop")
}

// TestNameTakenUnseen: by a private repository that the token may not see.
func TestNameTakenUnseen(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.hub.AddRepo("foo-org/shop", ""); err != nil {
		t.Fatal(err)
	}
	w.hub.Fail(fake.Fault{Method: "GET", Operation: "/repos/{owner}/{repo}", Status: 404})
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "cannot see", w.hub.URL+"/foo-org/shop")
}

func TestOwnersRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		owner string
		code  bot.Code
		words []string
	}{
		"not configured": {"bar-org", bot.CodeInvalid, []string{"bar-org", "configuration"}},
		"unknown":        {"nobody", bot.CodeNotFound, []string{"no organisation or user nobody"}},
		"other person":   {"alice", bot.CodeForbidden, []string{"alice", "opsbot", "only a token of alice"}},
		"not a member":   {"closed-org", bot.CodeForbidden, []string{"closed-org", "not a member"}},
		"not allowed":    {"strict-org", bot.CodeForbidden, []string{"may not create", "owner"}},
		"full":           {"full-org", bot.CodeForbidden, []string{"as many repositories"}},
		"single sign-on": {"sso-org", bot.CodeForbidden, []string{"single sign-on", "/orgs/sso-org/sso?authorization_request="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, func(c *Config) {
				c.Owners = []string{"foo-org", "nobody", "alice", "closed-org", "strict-org", "full-org", "sso-org"}
			})
			w.hub.AddUser("alice")
			w.hub.AddOrg("closed-org", fake.OrgRules{MembersCreate: true})
			w.hub.AddOrg("strict-org", fake.OrgRules{}, w.hub.Login)
			w.hub.AddOrg("full-org", fake.OrgRules{MembersCreate: true, Limit: 1}, w.hub.Login)
			w.hub.AddOrg("sso-org", fake.OrgRules{MembersCreate: true, SSO: true}, w.hub.Login)
			if err := w.hub.AddRepo("full-org/first", ""); err != nil {
				t.Fatal(err)
			}
			s := spec("shop")
			s.Owner = c.owner
			_, err := w.forge.EnsureRepository(t.Context(), s)
			refused(t, w, err, c.code, c.words...)
			if n := len(w.hub.Calls()); c.owner == "bar-org" && n != 0 {
				t.Errorf("GitHub was asked %d times about an owner that is not configured", n)
			}
		})
	}
}

func TestScopesRefused(t *testing.T) {
	t.Parallel()
	full := "repo admin:repo_hook delete_repo workflow read:org"
	for name, c := range map[string]struct {
		scopes string
		do     func(w *world, repo bot.Repository) error
		lacks  string
	}{
		"create": {"read:org", func(w *world, _ bot.Repository) error {
			_, err := w.forge.EnsureRepository(w.t.Context(), spec("other"))
			return err
		}, "repo"},
		"delete":      {"repo", func(w *world, r bot.Repository) error { return w.forge.RemoveRepository(w.t.Context(), r) }, "delete_repo"},
		"status":      {"read:org", func(w *world, r bot.Repository) error { return w.forge.ArchiveRepository(w.t.Context(), r) }, "repo"},
		"all of them": {full, func(w *world, r bot.Repository) error { return w.forge.RemoveRepository(w.t.Context(), r) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			repo, _ := w.made("shop")
			w.hub.AddToken("ghp_other", w.hub.Login, strings.Fields(c.scopes)...)
			w.cfg.Token = secret(t, "ghp_other")
			w.restart()
			err := c.do(w, repo)
			if c.lacks == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, w, err, bot.CodeForbidden, "lacks the scope "+c.lacks, "it has "+c.scopes)
		})
	}
}

func TestPermissionsRefused(t *testing.T) {
	t.Parallel()
	w := asApp(t, map[string]string{"repository_hooks": "read", "administration": ""})
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeForbidden, "lacks the permission administration=write")
	if err := w.hub.AddRepo("foo-org/old", "main"); err != nil {
		t.Fatal(err)
	}
	repo, err := w.forge.get(t.Context(), "foo-org", "old")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.EnsureHook(t.Context(), hookOf(toRepository(repo)))
	refused(t, w, err, bot.CodeForbidden, "lacks the permission repository_hooks=write")
}

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	w.hub.Revoke(w.hub.Token)
	_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeUnauthenticated, "token")

	app := asApp(t, nil)
	app.hub.Suspend()
	_, _, err = app.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, app, err, bot.CodeUnauthenticated, "suspended")

	other := asApp(t, nil)
	other.cfg.App.Installation++
	other.restart()
	_, _, err = other.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, other, err, bot.CodeUnauthenticated, "uninstalled")

	key := asApp(t, nil)
	key.cfg.App.ID++
	key.restart()
	_, _, err = key.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, key, err, bot.CodeUnauthenticated, "key")
}

func TestPushRefusedByRule(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.hub.Rule("foo-org/shop", "push declined due to repository rule violations"); err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeConflict, "refused the push", "repository rule violations")
}

func TestPushWithoutRights(t *testing.T) {
	t.Parallel()
	w := asApp(t, map[string]string{"contents": "read"})
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeForbidden, "contents=write", "single sign-on")
}

// TestTokenStaysHome: a clone URL on another server than the configured one gets no
// token.
func TestTokenStaysHome(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.APIURL = c.URL + "/api/v3"; c.URL = "http://elsewhere.example" })
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeInvalid, "another server than elsewhere.example", "integrations.github.url")
	w.cfg.URL = ""
	w.restart()
	if _, err = w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Errorf("with the API's own host: %v", err)
	}
}

func TestUnknownTeam(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Teams = map[string]string{"nobodies": "push"} })
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeNotFound, "no team nobodies", "integrations.github.teams")
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}))
	_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeUnavailable, "certificate that is not trusted")
}

// certificate is one that nobody vouches for.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{Token: secret(t, "x"), WebhookSecret: secret(t, "y")}
	for field, change := range map[string]func(*Config){
		"token is needed":         func(c *Config) { c.Token = Config{}.Token },
		"exclude each other":      func(c *Config) { c.App.ID = 1 },
		"app needs":               func(c *Config) { c.Token = Config{}.Token; c.App.ID = 1 },
		"webhook_secret":          func(c *Config) { c.WebhookSecret = Config{}.WebhookSecret },
		"teams.a must be":         func(c *Config) { c.Teams = map[string]string{"a": "write"} },
		"topics":                  func(c *Config) { c.Topics = []string{"No Topic"} },
		"integrations.github.url": func(c *Config) { c.URL = "ftp://x" },
	} {
		c := good
		change(&c)
		_, err := New(bot.IntegrationEnv{Name: "github", Clock: newClock(), Config: section{c}}, nil)
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for url, want := range map[string]string{
		"": "https://api.github.com/", "https://github.com/": "https://api.github.com/", "https://ghe.example.com": "https://ghe.example.com/api/v3/",
	} {
		c := good
		c.URL = url
		f, err := New(bot.IntegrationEnv{Name: "github", Clock: newClock(), Config: section{c}}, nil)
		if err != nil || f.apiURL() != want || f.DisplayName() != "GitHub" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

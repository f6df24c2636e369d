package gitlab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
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
	if err != nil && (strings.Contains(err.Error(), w.lab.Token) || strings.Contains(w.log.String(), w.lab.Token)) {
		t.Error("the token is in the error or the log")
	}
}

func TestPathTaken(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.lab.AddProject("foo/shop", "main"); err != nil {
		t.Fatal(err)
	}
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "foo has the project shop already (made by opsbot)", w.lab.URL+"/foo/shop")
}

// TestPathTakenUnseen: by a project that the token may not see.
func TestPathTakenUnseen(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.lab.AddProject("foo/shop", ""); err != nil {
		t.Fatal(err)
	}
	w.lab.Fail(fake.Fault{Method: "GET", Operation: projectPath, Status: 404})
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "cannot see", w.lab.URL+"/foo/shop")
}

func TestOwnersRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		owner string
		code  bot.Code
		words []string
	}{
		"not configured": {"bar", bot.CodeInvalid, []string{"bar", "configuration"}},
		"unknown":        {"nobody", bot.CodeNotFound, []string{"no group or user nobody"}},
		"not a member":   {"closed", bot.CodeForbidden, []string{"not a member of the group closed", "/closed/-/group_members"}},
		"hidden":         {"secret/deep", bot.CodeNotFound, []string{"no group or user secret/deep"}},
		"nobody may":     {"strict", bot.CodeForbidden, []string{"may not create projects", "Maintainer"}},
		"role too low":   {"low", bot.CodeForbidden, []string{"may not create projects", "Maintainer"}},
		"limit reached":  {"opsbot", bot.CodeForbidden, []string{"as many projects"}},
		"only private":   {"private", bot.CodeInvalid, []string{"less visible", "private"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, func(c *Config) {
				c.Owners = []string{"nobody", "closed", "secret/deep", "strict", "low", "opsbot", "private"}
			})
			w.lab.AddGroup("closed", fake.GroupRules{}, nil)
			w.lab.AddGroup("secret", fake.GroupRules{Private: true}, nil)
			w.lab.AddGroup("secret/deep", fake.GroupRules{Private: true}, nil)
			w.lab.AddGroup("strict", fake.GroupRules{Creation: "noone"}, map[string]int{w.lab.Login: fake.Owner})
			w.lab.AddGroup("low", fake.GroupRules{Creation: "maintainer"}, map[string]int{w.lab.Login: fake.Developer})
			w.lab.AddGroup("private", fake.GroupRules{Private: true}, map[string]int{w.lab.Login: fake.Owner})
			w.lab.LimitProjects("opsbot", 1)
			if err := w.lab.AddProject("opsbot/first", ""); err != nil {
				t.Fatal(err)
			}
			s := spec("shop")
			s.Owner = c.owner
			_, err := w.forge.EnsureRepository(t.Context(), s)
			refused(t, w, err, c.code, c.words...)
			if n := len(w.lab.Calls()); c.owner == "bar" && n != 0 {
				t.Errorf("GitLab was asked %d times about an owner that is not configured", n)
			}
			if len(w.lab.Projects(c.owner)) > 1 {
				t.Error("a project was made")
			}
		})
	}
}

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		code   bot.Code
		words  []string
	}{
		"unknown": {func(w *world) { w.cfg.Token = secret(t, "glpat-another"); w.restart() }, bot.CodeUnauthenticated, []string{"does not know OpsBot's token", "integrations.gitlab.token"}},
		"revoked": {func(w *world) { w.lab.Revoke(w.lab.Token) }, bot.CodeUnauthenticated, []string{"was revoked", "new one"}},
		"expired": {func(w *world) { w.lab.Expire(w.lab.Token, w.clock.Now()) }, bot.CodeUnauthenticated, []string{"has expired", "new one"}},
		"scope": {func(w *world) {
			w.lab.AddToken("glpat-narrow", w.lab.Login, "read_api", "write_repository")
			w.cfg.Token = secret(t, "glpat-narrow")
			w.restart()
		}, bot.CodeForbidden, []string{"lacks the scope api", "new token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			c.change(w)
			_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
			refused(t, w, err, c.code, c.words...)
		})
	}
}

func TestRolesRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Owners = nil })
	w.lab.AddGroup("low", fake.GroupRules{}, map[string]int{w.lab.Login: fake.Developer})
	s := spec("shop")
	s.Owner = "low"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.forge.Push(t.Context(), request(repo, "x")); err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.EnsureHook(t.Context(), hookOf(repo))
	refused(t, w, err, bot.CodeForbidden, "must be a Maintainer of low/shop")
	refused(t, w, w.forge.RemoveRepository(t.Context(), repo), bot.CodeForbidden, "delete the project low/shop")
}

func TestPushRefusedByRule(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.lab.Rule("foo/shop", "You are not allowed to push code to protected branches on this project."); err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeConflict, "refused the push", "pre-receive hook declined", "not allowed to push code to protected branches")
}

func TestPushWithoutRights(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	w.lab.AddToken("glpat-narrow", w.lab.Login, "read_api", "read_repository")
	w.cfg.Token = secret(t, "glpat-narrow")
	w.restart()
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeForbidden, "foo/shop", "scope api or write_repository", "role Developer")
}

func TestWebhookAddressRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	hook := hookOf(repo)
	hook.URL = "http://10.0.0.1/hooks/gitlab/0190-resource"
	_, err := w.forge.EnsureHook(t.Context(), hook)
	refused(t, w, err, bot.CodeInvalid, "own network", "Outbound requests")
}

// TestTokenStaysHome: a clone URL on another server than the configured one gets no
// token.
func TestTokenStaysHome(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(w.lab.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.URL = "http://localhost:" + port
	w.via = &rewriting{host: strings.TrimPrefix(w.lab.URL, "http://"), next: &http.Transport{}}
	w.restart()
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeInvalid, "another server than localhost:"+port, "integrations.gitlab.url")
}

// rewriting sends everything to one host.
type rewriting struct {
	host string
	next http.RoundTripper
}

func (r *rewriting) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host = r.host
	return r.next.RoundTrip(req)
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
		"webhook_secret":          func(c *Config) { c.WebhookSecret = Config{}.WebhookSecret },
		"visibility":              func(c *Config) { c.Visibility = "public" },
		"topics":                  func(c *Config) { c.Topics = []string{"a,b"} },
		"owners":                  func(c *Config) { c.Owners = []string{"/foo"} },
		"integrations.gitlab.url": func(c *Config) { c.URL = "ftp://x" },
	} {
		c := good
		change(&c)
		_, err := New(bot.IntegrationEnv{Name: "gitlab", Clock: newClock(), Config: section{c}}, nil)
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for url, want := range map[string]string{
		"": "https://gitlab.com/api/v4/", "https://gitlab.com/": "https://gitlab.com/api/v4/", "https://example.com/gitlab": "https://example.com/gitlab/api/v4/",
	} {
		c := good
		c.URL = url
		f, err := New(bot.IntegrationEnv{Name: "gitlab", Clock: newClock(), Config: section{c}}, nil)
		if err != nil || f.api.BaseURL().String() != want || f.DisplayName() != "GitLab" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	f := setup(t, nil).forge
	for name, fine := range map[string]bool{
		"shop": true, "a.b-c_d": true, "_x": true, "Shop2": true, "": false, "-x": false, "a--b": false, "x.git": false, "x.atom": false,
		"tree": false, "a b": false, "a/b": false, "..": false, "x.": false, "x-deletion_scheduled-7": false,
	} {
		if err := f.CheckName(name); (err == nil) != fine || err != nil && bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

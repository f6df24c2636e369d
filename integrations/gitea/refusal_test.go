package gitea

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
	fake "opsbot/test/fakes/gitea"
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
	if err != nil && (strings.Contains(err.Error(), w.tea.Token) || strings.Contains(w.log.String(), w.tea.Token)) {
		t.Error("the token is in the error or the log")
	}
}

func TestNameTaken(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.tea.AddRepo("foo-org/shop", "main"); err != nil {
		t.Fatal(err)
	}
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "foo-org has the repository shop already", w.tea.URL+"/foo-org/shop")
}

// TestNameTakenUnseen: by a private repository that the token may not see, or by
// files that a repository left behind.
func TestNameTakenUnseen(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if err := w.tea.AddRepo("foo-org/shop", ""); err != nil {
		t.Fatal(err)
	}
	w.tea.Fail(fake.Fault{Method: "GET", Operation: "/repos/{owner}/{repo}", Status: 404})
	_, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "cannot see", w.tea.URL+"/foo-org/shop")

	w = setup(t, nil)
	w.tea.Fail(fake.Fault{
		Method: "POST", Operation: "/orgs/{org}/repos", Status: 409,
		Body: `{"message":"Files already exist for this repository. Adopt them or delete them."}`,
	})
	_, err = w.forge.EnsureRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeConflict, "files of an earlier repository", "administrator")
}

func TestOwnersRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		owner string
		code  bot.Code
		words []string
	}{
		"not configured":    {"bar-org", bot.CodeInvalid, []string{"bar-org", "configuration"}},
		"unknown":           {"nobody", bot.CodeNotFound, []string{"no organisation or user nobody"}},
		"hidden":            {"hidden-org", bot.CodeNotFound, []string{"no organisation or user hidden-org", "hides it"}},
		"other person":      {"alice", bot.CodeForbidden, []string{"alice", "opsbot", "only a token of alice"}},
		"not a member":      {"closed-org", bot.CodeForbidden, []string{"create the repository closed-org/shop", "may not create repositories"}},
		"not allowed":       {"strict-org", bot.CodeForbidden, []string{"may not create repositories", "team"}},
		"full":              {"full-org", bot.CodeForbidden, []string{"as many repositories"}},
		"full, older Gitea": {"old-org", bot.CodeForbidden, []string{"as many repositories"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, func(c *Config) {
				c.Owners = []string{"foo-org", "nobody", "hidden-org", "alice", "closed-org", "strict-org", "full-org", "old-org"}
			})
			w.tea.AddUser("alice")
			w.tea.AddOrg("hidden-org", fake.OrgRules{Hidden: true})
			w.tea.AddOrg("closed-org", fake.OrgRules{MembersCreate: true})
			w.tea.AddOrg("strict-org", fake.OrgRules{}, w.tea.Login)
			w.tea.AddOrg("full-org", fake.OrgRules{MembersCreate: true, Limit: 1}, w.tea.Login)
			w.tea.AddOrg("old-org", fake.OrgRules{MembersCreate: true, Limit: 1, LimitStatus: 500}, w.tea.Login)
			for _, full := range []string{"full-org/first", "old-org/first"} {
				if err := w.tea.AddRepo(full, ""); err != nil {
					t.Fatal(err)
				}
			}
			s := spec("shop")
			s.Owner = c.owner
			_, err := w.forge.EnsureRepository(t.Context(), s)
			refused(t, w, err, c.code, c.words...)
			if retry, _ := bot.RetryOf(err); retry != bot.RetryNever {
				t.Errorf("it is tried again: %v", err)
			}
			if n := len(w.tea.Calls()); c.owner == "bar-org" && n != 0 {
				t.Errorf("Gitea was asked %d times about an owner that is not configured", n)
			}
		})
	}
}

// TestScopesRefused: in the words of Gitea and of Forgejo.
func TestScopesRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scopes, version, lacks string
		do                     func(w *world, repo bot.Repository) error
	}{
		"find": {"write:user", "1.24.3", "read:repository (it has write:user)", func(w *world, _ bot.Repository) error {
			_, _, err := w.forge.FindRepository(w.t.Context(), spec("other"))
			return err
		}},
		"organisation": {"write:repository", "1.24.3", "read:organization", func(w *world, _ bot.Repository) error {
			_, err := w.forge.EnsureRepository(w.t.Context(), spec("other"))
			return err
		}},
		"create": {"write:repository read:user read:organization", "12.0.1+gitea-1.22.0", "write:organization", func(w *world, _ bot.Repository) error {
			_, err := w.forge.EnsureRepository(w.t.Context(), spec("other"))
			return err
		}},
		"account": {"write:repository", "12.0.1+gitea-1.22.0", "read:organization", func(w *world, _ bot.Repository) error {
			s := spec("other")
			s.Owner = "opsbot"
			_, err := w.forge.EnsureRepository(w.t.Context(), s)
			return err
		}},
		"create own": {"write:repository read:user", "1.24.3", "write:user", func(w *world, _ bot.Repository) error {
			s := spec("other")
			s.Owner = "opsbot"
			_, err := w.forge.EnsureRepository(w.t.Context(), s)
			return err
		}},
		"hook": {"read:repository", "12.0.1+gitea-1.22.0", "write:repository", func(w *world, r bot.Repository) error {
			_, err := w.forge.EnsureHook(w.t.Context(), hookOf(r))
			return err
		}},
		"push": {"read:repository", "1.24.3", "write:repository", func(w *world, r bot.Repository) error {
			_, err := w.forge.Push(w.t.Context(), request(r, "hello"))
			return err
		}},
		"all of them": {"all", "1.24.3", "", func(w *world, r bot.Repository) error { return w.forge.RemoveRepository(w.t.Context(), r) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil, fake.WithVersion(c.version))
			repo, _ := w.made("shop")
			w.tea.AddToken("other-token", w.tea.Login, strings.Fields(c.scopes)...)
			w.cfg.Token = secret(t, "other-token")
			w.restart()
			err := c.do(w, repo)
			if c.lacks == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, w, err, bot.CodeForbidden, c.lacks)
		})
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	w.tea.Revoke(w.tea.Token)
	_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeUnauthenticated, "token")
	err = w.forge.ClosePullRequest(t.Context(), proposing(repo))
	refused(t, w, err, bot.CodeUnauthenticated, "token")
}

// TestRightsRefused: the account may read, and no more.
func TestRightsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection.Enabled = true })
	repo, commit := w.made("shop")
	if err := w.tea.ReadOnly("foo-org/shop"); err != nil {
		t.Fatal(err)
	}
	_, err := w.forge.Push(t.Context(), request(repo, "other"))
	refused(t, w, err, bot.CodeForbidden, "write:repository", "right to write")
	_, err = w.forge.EnsureHook(t.Context(), hookOf(repo))
	refused(t, w, err, bot.CodeForbidden, "list the webhooks of foo-org/shop", "no administrator")
	err = w.forge.EnsureProtection(t.Context(), bot.ProtectionSpec{Repository: repo, Branch: "main"})
	refused(t, w, err, bot.CodeForbidden, "no administrator")
	err = w.forge.WriteStatus(t.Context(), bot.CommitStatus{Repository: repo, Commit: commit, Check: "ci", State: bot.StatusSuccess})
	refused(t, w, err, bot.CodeForbidden, "show the result of ci")
	_, err = w.forge.EnsurePullRequest(t.Context(), proposing(repo))
	refused(t, w, err, bot.CodeForbidden, "commit to the new branch opsbot/adopt")
}

// TestDeletionRefused: an organisation's member that is none of its owners.
func TestDeletionRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Owners = []string{"bar-org"} })
	w.tea.AddOrg("bar-org", fake.OrgRules{MembersCreate: true}, w.tea.Login)
	s := spec("shop")
	s.Owner = "bar-org"
	repo, err := w.forge.EnsureRepository(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.RetireRepository(t.Context(), repo, "op-1")
	refused(t, w, err, bot.CodeForbidden, "delete the repository bar-org/shop", "owner of the organisation")
}

func TestPushRefusedByRule(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.tea.Rule("foo-org/shop", "Not allowed to push to protected branch main"); err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeConflict, "refused the push", "pre-receive hook declined", "protected branch main")
}

// TestArchivedRefused: each change says why it cannot be.
func TestArchivedRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Protection.Enabled = true })
	repo, commit := w.made("shop")
	if err := w.forge.ArchiveRepository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	_, err := w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeConflict, "foo-org/shop is archived")
	_, err = w.forge.EnsureHook(t.Context(), hookOf(repo))
	refused(t, w, err, bot.CodeConflict, "is archived")
	err = w.forge.WriteStatus(t.Context(), bot.CommitStatus{Repository: repo, Commit: commit, Check: "ci", State: bot.StatusSuccess})
	refused(t, w, err, bot.CodeConflict, "is archived")
}

func TestUnknownTeam(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Teams = []string{"nobodies"} })
	repo, err := w.forge.EnsureRepository(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.forge.Push(t.Context(), request(repo, "x"))
	refused(t, w, err, bot.CodeNotFound, "no team nobodies", "integrations.gitea.teams")
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	w := setup(t, nil, fake.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}))
	_, _, err := w.forge.FindRepository(t.Context(), spec("shop"))
	refused(t, w, err, bot.CodeUnavailable, "certificate that is not trusted")
	if probed := w.forge.Probe(t.Context()); len(probed) != 1 || probed[0].OK || !strings.Contains(probed[0].Text, "certificate that is not trusted") {
		t.Errorf("doctor says %+v", probed)
	}
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
	good := Config{URL: "https://gitea.example.com/", Token: secret(t, "x"), WebhookSecret: secret(t, "y")}
	for field, change := range map[string]func(*Config){
		"gitea.url is needed":    func(c *Config) { c.URL = "" },
		"without /api/v1":        func(c *Config) { c.URL += "api/v1/" },
		"integrations.gitea.url": func(c *Config) { c.URL = "ftp://x" },
		"token is needed":        func(c *Config) { c.Token = Config{}.Token },
		"webhook_secret":         func(c *Config) { c.WebhookSecret = Config{}.WebhookSecret },
		"teams":                  func(c *Config) { c.Teams = []string{"a/b"} },
		"topics":                 func(c *Config) { c.Topics = []string{"No Topic"} },
	} {
		c := good
		change(&c)
		_, err := New(bot.IntegrationEnv{Name: "gitea", Clock: newClock(), Config: section{c}}, nil)
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	f, err := New(bot.IntegrationEnv{Name: "gitea", Clock: newClock(), Config: section{good}}, nil)
	if err != nil || f.cfg.URL != "https://gitea.example.com" || f.DisplayName() != "Gitea" {
		t.Errorf("a good one: %v", err)
	}
}

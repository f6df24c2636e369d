package artifactory

import (
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/artifactory"
)

func TestEnsure(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.hub.Expect("PUT /api/repositories", 1)
	want := bot.Provision{ExternalID: key, Name: key, URL: w.hub.URL + "/foo-org-shop-local/"}
	for range 3 {
		got, err := w.s.EnsureProvision(t.Context(), spec(nil))
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		w.restart()
	}
	r, _ := w.hub.Repository(key)
	if r.PackageType != "gradle" || r.Class != "local" || r.Description != "Packages of foo-org/shop. Made by OpsBot, operation op-1." {
		t.Errorf("the repository is %+v", r)
	}
	if n := w.hub.Count("PUT /api/repositories"); n != 1 {
		t.Errorf("%d repositories were made", n)
	}
	presence, got, err := w.s.FindProvision(t.Context(), spec(nil))
	if err != nil || presence != bot.PresenceOurs || got != want {
		t.Errorf("found %s, %+v, %v", presence, got, err)
	}
}

// TestFind goes through what may be there.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w *world)
		want   bot.Presence
	}{
		"nothing":             {func(*world) {}, bot.PresenceAbsent},
		"somebody's":          {func(w *world) { w.foreign(key) }, bot.PresenceForeign},
		"hidden":              {func(w *world) { w.hub.Fail(fake.Fault{Status: 403, Times: 1}) }, bot.PresenceForeign},
		"seen by no admin":    {func(w *world) { w.ensure(); w.hub.NoAdmin() }, bot.PresenceOurs},
		"another operation's": {func(w *world) { w.of("op-10") }, bot.PresenceForeign},
		"a remote one": {func(w *world) {
			w.hub.AddRepository(fake.Repository{Key: key, Class: "remote", Description: mark("op-1")})
		}, bot.PresenceForeign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			c.before(w)
			got, p, err := w.s.FindProvision(t.Context(), spec(nil))
			if err != nil || got != c.want || (got == bot.PresenceAbsent) != (p == bot.Provision{}) {
				t.Errorf("got %s, %+v, %v, want %s", got, p, err, c.want)
			}
		})
	}
}

// of makes the repository by another operation.
func (w *world) of(operation string) {
	w.t.Helper()
	_, err := w.s.EnsureProvision(w.t.Context(), spec(func(s *bot.ProvisionSpec) { s.Operation = operation }))
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w *world)
		spec   func(*bot.ProvisionSpec)
		code   bot.Code
		words  []string
	}{
		"taken":        {func(w *world) { w.foreign(key) }, nil, bot.CodeConflict, []string{"the key foo-org-shop-local already", "OpsBot has not made", "/foo-org-shop-local/"}},
		"other case":   {func(w *world) { w.foreign("Foo-Org-shop-local") }, nil, bot.CodeConflict, []string{"the key foo-org-shop-local already"}},
		"no admin":     {func(w *world) { w.hub.NoAdmin() }, nil, bot.CodeForbidden, []string{"create the repository foo-org-shop-local", "administrator"}},
		"no licence":   {func(w *world) { w.hub.OpenSource() }, nil, bot.CodeUnsupported, []string{"licence", "Pro"}},
		"no login":     {func(w *world) { w.cfg.Token = secret(w.t, "other token") }, nil, bot.CodeUnauthenticated, []string{"Artifactory", "token"}},
		"other type":   {func(w *world) { w.ensure(); w.cfg.PackageType = "maven" }, nil, bot.CodeConflict, []string{"gradle packages", "integrations.artifactory.package_type"}},
		"odd owner":    {nil, func(s *bot.ProvisionSpec) { s.Owner = "a b" }, bot.CodeInvalid, []string{"no repository with the key"}},
		"no operation": {nil, func(s *bot.ProvisionSpec) { s.Operation = "" }, bot.CodeInternal, []string{"no usable id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			if c.before != nil {
				c.before(w)
				w.restart()
			}
			_, err := w.s.EnsureProvision(t.Context(), spec(c.spec))
			refused(t, w, err, c.code, c.words...)
		})
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	w := setup(t)
	remove := func(operation string) error {
		return w.s.RemoveProvision(t.Context(), spec(func(s *bot.ProvisionSpec) { s.Operation = operation }))
	}
	if err := remove("op-1"); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
	w.ensure()
	refused(t, w, remove("op-2"), bot.CodeConflict, "not made by this operation")
	w.hub.Deploy(key, "org/example/shop/1.0/shop-1.0.jar")
	refused(t, w, remove("op-1"), bot.CodeConflict, "holds packages", "would be lost", w.hub.URL+"/foo-org-shop-local/")
	if r, _ := w.hub.Repository(key); len(r.Files) != 1 {
		t.Errorf("the repository is %+v", r)
	}
}

func TestRemoveEmpty(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ensure()
	if err := w.s.RemoveProvision(t.Context(), spec(nil)); err != nil {
		t.Error(err)
	}
	if _, there := w.hub.Repository(key); there {
		t.Error("it is still there")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("abcdefghij/", 12)
	for owner, want := range map[string]string{
		"foo-org": key, "Group/Sub.team": "group-sub.team-shop-local", long + "a": keyOf(long+"a", "shop"),
	} {
		got := keyOf(owner, "shop")
		if got != want || len(got) > mostKey || !keyForm.MatchString(got) || !strings.HasSuffix(got, suffix) {
			t.Errorf("%s: %s", owner, got)
		}
	}
	if keyOf(long+"a", "shop") == keyOf(long+"b", "shop") {
		t.Error("two projects share a key")
	}
	if w := setup(t); w.s.ProvisionTitle() != "Artifactory repository" || w.s.ProvisionKind() != bot.ResourcePackages || Kind().Type != "artifactory" {
		t.Error("it is called something else")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(w *world)
		subject string // which is not well; "" = all are
		text    string
	}{
		"well":          {func(*world) {}, "", ""},
		"no /ending":    {func(w *world) { w.cfg.URL = strings.TrimSuffix(w.hub.URL, "/artifactory") }, "server", "ends in /artifactory"},
		"token":         {func(w *world) { w.cfg.Token = secret(w.t, "other token") }, "server", "credentials"},
		"down":          {func(w *world) { w.hub.Fail(fake.Fault{Status: 503}) }, "server", "not ready"},
		"something":     {func(w *world) { w.hub.Fail(fake.Fault{Status: 200, Body: "{}"}) }, "server", "does not tell its version"},
		"no licence":    {func(w *world) { w.hub.OpenSource() }, "repositories", "licence"},
		"no permission": {func(w *world) { w.hub.Fail(fake.Fault{Operation: "GET /api/repositories", Status: 403}) }, "repositories", "administrator"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			c.change(w)
			w.restart()
			var bad []bot.Finding
			for _, f := range w.s.Probe(t.Context()) {
				if !f.OK {
					bad = append(bad, f)
				}
			}
			if c.subject == "" {
				if len(bad) > 0 {
					t.Errorf("%+v", bad)
				}
				return
			}
			if len(bad) != 1 || bad[0].Subject != c.subject || !strings.Contains(bad[0].Text, c.text) {
				t.Errorf("got %+v, want %s: %s", bad, c.subject, c.text)
			}
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{URL: "https://artifactory.example.com/artifactory", Token: secret(t, "x")}
	for field, change := range map[string]func(*Config){
		"url is needed":                func(c *Config) { c.URL = "" },
		"integrations.artifactory.url": func(c *Config) { c.URL = "ftp://x" },
		"token is needed":              func(c *Config) { c.Token = Config{}.Token },
		"package_type must be":         func(c *Config) { c.PackageType = "npm" },
	} {
		c := good
		change(&c)
		_, err := New(bot.IntegrationEnv{Name: "artifactory", Clock: clock{}, Config: section{c}}, nil)
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

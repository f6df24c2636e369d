package sonarqube

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/sonarqube"
)

func TestEnsure(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.hub.Expect("/api/projects/create", 1)
	want := bot.Provision{ExternalID: key, Name: key, URL: w.hub.URL + "/dashboard?id=foo-org_shop"}
	for range 3 {
		if got := w.ensure(spec(nil)); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	p := w.project()
	if p.MainBranch != "trunk" || p.Visibility != "private" || !slices.Equal(p.Tags, []string{"opsbot-op-1"}) {
		t.Errorf("the project is %+v", p)
	}
	if len(p.Hooks) != 1 || p.Hooks[0].URL != hookURL || p.Hooks[0].Secret != secretOf(hookSecret, key) {
		t.Errorf("the webhooks are %+v", p.Hooks)
	}
	if n := w.hub.Count("/api/projects/create"); n != 1 {
		t.Errorf("%d projects were made", n)
	}
}

// TestFind goes through what may be there.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w *world)
		want   bot.Presence
	}{
		"nothing":            {func(*world) {}, bot.PresenceAbsent},
		"ours":               {func(w *world) { w.ensure(spec(nil)) }, bot.PresenceOurs},
		"ours, for a public": {func(w *world) { w.ensure(spec(func(s *bot.ProvisionSpec) { s.Private = false })) }, bot.PresenceAbsent},
		"another operation's": {func(w *world) {
			w.ensure(spec(func(s *bot.ProvisionSpec) { s.Operation = "op-2"; s.HookURL += "x" }))
		}, bot.PresenceForeign},
		"somebody's":         {func(w *world) { w.hub.AddProject(key, "public") }, bot.PresenceForeign},
		"somebody's, hidden": {func(w *world) { w.hub.AddProject(key, "private") }, bot.PresenceForeign},
		"untagged": {func(w *world) {
			w.ensure(spec(nil))
			w.hub.Untag(key)
		}, bot.PresenceAbsent},
		"no webhook": {func(w *world) { w.ensure(spec(func(s *bot.ProvisionSpec) { s.HookURL = "" })) }, bot.PresenceAbsent},
		"second webhook": {func(w *world) {
			w.ensure(spec(nil))
			w.hub.AddHook(key, hookURL)
		}, bot.PresenceAbsent},
		"another's webhook": {func(w *world) {
			w.ensure(spec(nil))
			w.hub.AddHook(key, "https://elsewhere.example.com/x")
		}, bot.PresenceOurs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			c.before(w)
			got, p, err := w.s.FindProvision(t.Context(), spec(nil))
			if err != nil || got != c.want {
				t.Fatalf("got %s, %v, want %s", got, err, c.want)
			}
			if (got == bot.PresenceAbsent) != (p == bot.Provision{}) {
				t.Errorf("%s, and %+v", got, p)
			}
			if got != bot.PresenceAbsent {
				return
			}
			w.ensure(spec(nil))
			if got, _, err = w.s.FindProvision(t.Context(), spec(nil)); err != nil || got != bot.PresenceOurs {
				t.Errorf("after ensuring it: %s, %v", got, err)
			}
			if n := len(w.project().Hooks); n != 1 {
				t.Errorf("there are %d webhooks", n)
			}
		})
	}
}

// TestHalfMade: a try that ended after the creation is taken up, also by the name alone.
func TestHalfMade(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.hub.Fail(fake.Fault{Path: "/api/project_tags/set", Status: 500, Times: 1})
	if _, err := w.s.EnsureProvision(t.Context(), spec(nil)); bot.CodeOf(err) != bot.CodeUnavailable {
		t.Fatal(err)
	}
	if p := w.project(); p.Name != "shop (OpsBot op-1)" || len(p.Tags) != 0 {
		t.Fatalf("the project is %+v", p)
	}
	w.restart()
	w.ensure(spec(nil))
	if p := w.project(); !slices.Equal(p.Tags, []string{"opsbot-op-1"}) || len(p.Hooks) != 1 {
		t.Errorf("the project is %+v", p)
	}
}

// TestUpdate: what has changed since is put right, and what people added stays.
func TestUpdate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ensure(spec(nil))
	w.hub.AddHook(key, "https://old.example.com/hooks/sonarqube/0190-resource")
	w.hub.AddHook(key, "https://elsewhere.example.com/x")
	w.cfg.WebhookSecret = secret(t, "another secret, just as long")
	w.restart()
	w.ensure(spec(func(s *bot.ProvisionSpec) { s.Private = false }))
	p := w.project()
	if p.Visibility != "public" || len(p.Hooks) != 2 {
		t.Fatalf("the project is %+v", p)
	}
	for _, h := range p.Hooks {
		if ours := h.URL == hookURL; ours != (h.Secret == secretOf("another secret, just as long", key)) || !ours && h.URL != "https://elsewhere.example.com/x" {
			t.Errorf("a webhook is %+v", h)
		}
	}
}

func TestTaken(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(w *world){
		"seen":       func(w *world) { w.hub.AddProject(key, "public") },
		"other case": func(w *world) { w.hub.AddProject("Foo-Org_Shop", "public") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			before(w)
			_, err := w.s.EnsureProvision(t.Context(), spec(nil))
			refused(t, w, err, bot.CodeConflict, "the key foo-org_shop already", "OpsBot has not made", w.hub.URL+"/dashboard?id=foo-org_shop")
			if err := w.s.RemoveProvision(t.Context(), spec(nil)); name == "seen" {
				refused(t, w, err, bot.CodeConflict, "not made by this operation")
			} else if err != nil {
				t.Error(err)
			}
		})
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
		"no permission": {func(w *world) { w.hub.Permit() }, nil, bot.CodeForbidden, []string{"create the project foo-org_shop", "Create Projects"}},
		"no login": {func(w *world) {
			w.cfg.Token = secret(w.t, "squ_revoked")
			w.restart()
		}, nil, bot.CodeUnauthenticated, []string{"SonarQube", "token"}},
		"loopback": {nil, func(s *bot.ProvisionSpec) { s.HookURL = "http://127.0.0.1:8082/hooks/sonarqube/0190" }, bot.CodeInvalid, []string{"add a webhook", "public_url"}},
		"short secret": {func(w *world) {
			w.cfg.WebhookSecret = secret(w.t, "short")
			w.restart()
		}, nil, bot.CodeInvalid, []string{"add a webhook", "16 to 200"}},
		"too many webhooks": {func(w *world) {
			w.ensure(spec(func(s *bot.ProvisionSpec) { s.HookURL = "" }))
			for i := range 10 {
				w.hub.AddHook(key, fmt.Sprintf("https://a.example.com/%d", i))
			}
		}, nil, bot.CodeInvalid, []string{"as many webhooks"}},
		"odd owner":     {nil, func(s *bot.ProvisionSpec) { s.Owner = "a b" }, bot.CodeInvalid, []string{"no project with the key"}},
		"odd operation": {nil, func(s *bot.ProvisionSpec) { s.Operation = "a b" }, bot.CodeInternal, []string{"no usable id"}},
		"odd address":   {nil, func(s *bot.ProvisionSpec) { s.HookURL = "https://opsbot.example.com/" }, bot.CodeInternal, []string{"no usable address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			if c.before != nil {
				c.before(w)
			}
			_, err := w.s.EnsureProvision(t.Context(), spec(c.spec))
			refused(t, w, err, c.code, c.words...)
		})
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if err := w.s.RemoveProvision(t.Context(), spec(nil)); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
	w.ensure(spec(nil))
	other := spec(func(s *bot.ProvisionSpec) {
		s.Operation = "op-2"
		s.HookURL = "https://opsbot.example.com/hooks/sonarqube/0191"
	})
	refused(t, w, w.s.RemoveProvision(t.Context(), other), bot.CodeConflict, "not made by this operation")
	if err := w.s.RemoveProvision(t.Context(), spec(nil)); err != nil {
		t.Error(err)
	}
	if _, there := w.hub.Project(key); there {
		t.Error("it is still there")
	}
}

// TestRemoveKeepsAnalyses: their history would be lost.
func TestRemoveKeepsAnalyses(t *testing.T) {
	t.Parallel()
	for name, analyse := range map[string]func(w *world){
		"branch": func(w *world) {
			_, err := w.hub.Analyse(w.t.Context(), accepting{}, "shop", fake.Analysis{Key: key, Branch: "trunk", Revision: "0123456", Gate: "OK"})
			if err != nil {
				w.t.Error(err)
			}
		},
		"pull request": func(w *world) { w.hub.AddPullRequest(key, "7") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.ensure(spec(nil))
			analyse(w)
			for range 2 {
				refused(t, w, w.s.RemoveProvision(t.Context(), spec(nil)), bot.CodeConflict, "holds analyses", "webhook is removed", "/dashboard?id=")
			}
			if p := w.project(); len(p.Hooks) != 0 {
				t.Errorf("the webhooks are %+v", p.Hooks)
			}
		})
	}
}

// TestRemoveWithoutPullRequests: an edition that does not know them has none.
func TestRemoveWithoutPullRequests(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ensure(spec(nil))
	w.hub.Expect("/api/projects/delete", 1)
	w.hub.Fail(fake.Fault{
		Path: "/api/project_pull_requests/list", Status: 404, Body: `{"errors":[{"msg":"Unknown url : /api/project_pull_requests/list"}]}`,
	})
	if err := w.s.RemoveProvision(t.Context(), spec(nil)); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for owner, key := range map[string]string{"foo-org": "foo-org_shop", "group/sub_team": "group:sub_team_shop"} {
		w, err := want(spec(func(s *bot.ProvisionSpec) { s.Owner = owner }))
		if err != nil || w.key != key {
			t.Errorf("%s: %s, %v", owner, w.key, err)
		}
	}
	if w := setup(t); w.s.ProvisionTitle() != "SonarQube project" || w.s.ProvisionKind() != bot.ResourceQuality || Kind().Type != "sonarqube" {
		t.Error("it is called something else")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{URL: "https://sonarqube.example.com", Token: secret(t, "x"), WebhookSecret: secret(t, "y")}
	for field, change := range map[string]func(*Config){
		"url is needed":              func(c *Config) { c.URL = "" },
		"integrations.sonarqube.url": func(c *Config) { c.URL = "ftp://x" },
		"token is needed":            func(c *Config) { c.Token = Config{}.Token },
		"webhook_secret is needed":   func(c *Config) { c.WebhookSecret = Config{}.WebhookSecret },
	} {
		c := good
		change(&c)
		_, err := New(bot.IntegrationEnv{Name: "sonarqube", Clock: &clock{}, Config: section{c}}, nil)
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

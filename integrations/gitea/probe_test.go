package gitea

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitea"
)

// finding is what doctor says about a subject.
func finding(t *testing.T, w *world, subject string) bot.Finding {
	t.Helper()
	for _, f := range w.forge.Probe(t.Context()) {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("doctor says nothing about the %s", subject)
	return bot.Finding{}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	before := len(w.tea.Repos("opsbot")) + len(w.tea.Repos("foo-org"))
	for _, f := range w.forge.Probe(t.Context()) {
		if !f.OK {
			t.Errorf("%s: %s", f.Subject, f.Text)
		}
	}
	if n := len(w.tea.Repos("opsbot")) + len(w.tea.Repos("foo-org")); n != before {
		t.Errorf("the probe made %d repositories", n-before)
	}
	if f := finding(t, w, "API"); f.Text != w.tea.URL+", Gitea 1.24.3" {
		t.Errorf("%+v", f)
	}
	if f := finding(t, w, "owner opsbot"); f.Text != "the token's own account" {
		t.Errorf("%+v", f)
	}
}

// TestProbeOfOrganisationsToken: one that may do what is needed and no more.
func TestProbeOfOrganisationsToken(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) { c.Owners = []string{"foo-org"} })
	w.tea.AddToken("other-token", w.tea.Login, "write:repository", "write:organization")
	w.cfg.Token = secret(t, "other-token")
	w.restart()
	for _, f := range w.forge.Probe(t.Context()) {
		if !f.OK {
			t.Errorf("%s: %s", f.Subject, f.Text)
		}
	}
	if f := finding(t, w, "token"); !strings.Contains(f.Text, "may not say whose it is") {
		t.Errorf("%+v", f)
	}
	repo, _ := w.made("shop")
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
		t.Error(err)
	}
}

func TestProbeOfVersions(t *testing.T) {
	t.Parallel()
	for version, c := range map[string]struct {
		ok   bool
		says string
	}{
		"12.0.1+gitea-1.22.0": {true, "Forgejo 12.0.1"},
		"1.19.4":              {false, "needs Gitea 1.20 or newer"},
		"1.25.0+dev-12-gabc":  {true, "Gitea 1.25.0"},
		"nightly":             {true, "Gitea nightly"},
	} {
		w := setup(t, nil, fake.WithVersion(version))
		if f := finding(t, w, "API"); f.OK != c.ok || !strings.Contains(f.Text, c.says) {
			t.Errorf("%s: %+v", version, f)
		}
	}
}

func TestProbeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scopes, subject, says string
		change                func(w *world)
	}{
		"no token":           {"", "token", "credentials (401)", func(w *world) { w.tea.Revoke("other-token") }},
		"repositories only":  {"write:repository", "owner foo-org", "lacks the scope read:organization", func(*world) {}},
		"reads only":         {"read:repository write:user write:organization", "token", "lacks the scope write:repository", func(*world) {}},
		"not organisation's": {"write:repository write:user read:organization", "token", "lacks the scope write:organization", func(*world) {}},
		"not own":            {"write:repository read:user write:organization", "token", "lacks the scope write:user", func(*world) {}},
		"not whose":          {"write:repository write:organization", "owner opsbot", "lacks the scope read:user", func(*world) {}},
		"unknown owner":      {"all", "owner nobody", "no organisation or user nobody", func(w *world) { w.cfg.Owners = []string{"nobody"} }},
		"down":               {"all", "API", "fault of its own (500)", func(w *world) { w.tea.Fail(fake.Fault{Operation: "/version", Status: 500}) }},
		"another service":    {"all", "API", "HTML page instead of JSON", func(w *world) { w.tea.Fail(fake.Fault{Operation: "/version", HTML: true}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			w.tea.AddToken("other-token", w.tea.Login, strings.Fields(c.scopes)...)
			w.cfg.Token = secret(t, "other-token")
			c.change(w)
			w.restart()
			if f := finding(t, w, c.subject); f.OK || !strings.Contains(string(bot.Unescape(bot.Text(f.Text))), c.says) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestProbeOfHook: that of a project is there, switched off, gone.
func TestProbeOfHook(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	if f := finding(t, w, "webhook"); !f.OK || !strings.Contains(f.Text, "no project") {
		t.Errorf("%+v", f)
	}
	repo, _ := w.made("shop")
	id, err := w.forge.EnsureHook(t.Context(), hookOf(repo))
	if err != nil {
		t.Fatal(err)
	}
	w.remember(repo, id)
	if f := finding(t, w, "webhook"); !f.OK || !strings.Contains(f.Text, "foo-org/shop is there") {
		t.Errorf("%+v", f)
	}
	number, _ := strconv.ParseInt(id, 10, 64)
	if err := w.tea.SwitchHook("foo-org/shop", number, false); err != nil {
		t.Fatal(err)
	}
	if f := finding(t, w, "webhook"); f.OK || !strings.Contains(f.Text, "switched off") {
		t.Errorf("%+v", f)
	}
	if err := w.forge.RemoveHook(t.Context(), hookOf(repo)); err != nil {
		t.Fatal(err)
	}
	if f := finding(t, w, "webhook"); f.OK || !strings.Contains(f.Text, "is gone") {
		t.Errorf("%+v", f)
	}
}

// remember stores a project with its repository and webhook.
func (w *world) remember(repo bot.Repository, hook string) {
	w.t.Helper()
	err := w.env.Work.Write(w.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		now := w.clock.Now()
		p := bot.Project{ID: bot.NewID(now), Slug: repo.Name, Owner: repo.Owner, DefaultBranch: "main", State: bot.ProjectActive, CreatedAt: now}
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		for _, r := range []bot.Resource{
			{Kind: bot.ResourceRepository, ExternalID: repo.ExternalID, URL: repo.URL},
			{Kind: bot.ResourceHook, ExternalID: hook},
		} {
			r.ID, r.ProjectID, r.Instance, r.State, r.CreatedAt = bot.NewID(now), p.ID, "gitea", "active", now
			r.Name = repo.Owner + "/" + repo.Name
			if err := tx.Resources.Put(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

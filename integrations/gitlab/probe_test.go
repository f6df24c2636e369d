package gitlab

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/gitlab"
)

// finding gives what the probe says about a subject.
func finding(t *testing.T, w *world, subject string) bot.Finding {
	t.Helper()
	for _, f := range w.forge.Probe(t.Context()) {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("nothing is said about %s", subject)
	return bot.Finding{}
}

func TestProbeWell(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	w.lab.Expire(w.lab.Token, w.clock.Now().AddDate(0, 6, 0))
	var all []string
	for _, f := range w.forge.Probe(t.Context()) {
		all = append(all, f.Subject+": "+f.Text)
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	text := strings.Join(all, "\n")
	for _, part := range []string{"version 18.6.1", "of opsbot, scopes api, until 2026-09-01", "owner foo/bar: a group", "owner opsbot: an account", "no project with a webhook"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

func TestProbeUnwell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(w *world)
		subject string
		words   string
	}{
		"scope": {func(w *world) {
			w.lab.AddToken("glpat-narrow", w.lab.Login, "read_api")
			w.cfg.Token = secret(t, "glpat-narrow")
		}, "token", "lacks the scope api (it has read_api)"},
		"expires soon":  {func(w *world) { w.lab.Expire(w.lab.Token, w.clock.Now().AddDate(0, 0, 5)) }, "token", "expires on 2026-03-06"},
		"revoked":       {func(w *world) { w.lab.Revoke(w.lab.Token) }, "API", "was revoked"},
		"clock":         {func(w *world) { w.env.Clock = &clock{now: w.clock.Now().Add(time.Hour)} }, "clock", "differs from GitLab's by 1 h"},
		"weak secret":   {func(w *world) { w.cfg.WebhookSecret = secret(t, "abc") }, "webhook secret", "128 are needed"},
		"unknown group": {func(w *world) { w.cfg.Owners = []string{"nobody"} }, "owner nobody", "no group or user nobody"},
		"not a member": {func(w *world) {
			w.lab.AddGroup("closed", fake.GroupRules{}, nil)
			w.cfg.Owners = []string{"closed"}
		}, "owner closed", "not a member of the group closed"},
		"nobody may create": {func(w *world) {
			w.lab.AddGroup("strict", fake.GroupRules{Creation: "noone"}, map[string]int{w.lab.Login: fake.Owner})
			w.cfg.Owners = []string{"strict"}
		}, "owner strict", "Nobody may create projects"},
		"unreachable": {func(w *world) { w.lab.Close() }, "API", "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			c.change(w)
			w.env.Owners = nil
			w.restart()
			f := finding(t, w, c.subject)
			if f.OK || !strings.Contains(f.Text, c.words) {
				t.Errorf("%+v does not say %q", f, c.words)
			}
		})
	}
}

// TestProbeWebhook: a webhook that GitLab has switched off is told of.
func TestProbeWebhook(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	id, err := w.forge.EnsureHook(t.Context(), hookOf(repo))
	if err != nil {
		t.Fatal(err)
	}
	w.file(repo, id)
	if f := finding(t, w, "webhooks"); !f.OK || !strings.Contains(f.Text, "foo/shop") {
		t.Errorf("%+v", f)
	}
	if err := w.lab.FailHooks("foo/shop", 7); err != nil {
		t.Fatal(err)
	}
	if f := finding(t, w, "webhooks"); f.OK || !strings.Contains(f.Text, "switched off the webhook of foo/shop") || !strings.Contains(f.Text, "/foo/shop/-/hooks/") {
		t.Errorf("%+v", f)
	}
}

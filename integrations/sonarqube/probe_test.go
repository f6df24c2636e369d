package sonarqube

import (
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/sonarqube"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(w *world)
		subject string // which is not well; "" = all are
		text    string
	}{
		"well":           {func(*world) {}, "", ""},
		"old":            {func(w *world) { w.hub.SetVersion("8.9.10.61524") }, "server", "older than 9.9"},
		"no SonarQube":   {func(w *world) { w.hub.SetVersion("hello") }, "server", "is the URL right"},
		"odd version":    {func(w *world) { w.hub.SetVersion("v1.x") }, "server", "is the URL right"},
		"down":           {func(w *world) { w.hub.Fail(fake.Fault{Status: 503}) }, "server", "not ready"},
		"token":          {func(w *world) { w.cfg.Token = secret(w.t, "squ_other") }, "token", "does not accept"},
		"permission":     {func(w *world) { w.hub.Permit("admin") }, "token", "Create Projects"},
		"short secret":   {func(w *world) { w.cfg.WebhookSecret = secret(w.t, "short") }, "webhook secret", "16 to 200"},
		"loopback":       {func(w *world) { w.env.PublicURL = "http://127.0.0.1:8082" }, "webhook address", "public_url"},
		"no address":     {func(w *world) { w.env.PublicURL = "" }, "webhook address", "no address"},
		"token, no user": {func(w *world) { w.hub.Fail(fake.Fault{Path: "/api/users/current", Status: 403}) }, "token", "whose token"},
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
			if len(bad) != 1 || bad[0].Subject != c.subject || !strings.Contains(bot.Unescape(bot.Text(bad[0].Text)), c.text) {
				t.Errorf("got %+v, want %s: %s", bad, c.subject, c.text)
			}
		})
	}
}

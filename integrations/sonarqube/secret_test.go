package sonarqube

import (
	"net/http"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/sonarqube"
)

// TestAWebhookSpeaksOfItsProjectAlone: versions before 10.1 show a webhook's secret to
// whoever administers the project, so it must open no other one's.
func TestAWebhookSpeaksOfItsProjectAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ensure(spec(nil))
	known := w.project().Hooks[0].Secret
	if known == "" || strings.Contains(known, hookSecret) {
		t.Fatalf("who administers the project reads the secret of all: %q", known)
	}
	sent := func(secret, project string, a fake.Analysis) bot.Delivery {
		body := w.hub.Body(a)
		d := bot.Delivery{Instance: "sonarqube", Body: body, Header: http.Header{"X-Sonar-Webhook-Hmac-Sha256": {fake.Sign(secret, body)}}}
		if project != "" {
			d.Header.Set("X-SonarQube-Project", project)
		}
		return d
	}
	own, other := analysis(), analysis()
	other.Key = "foo-org_bank"
	d := sent(known, key, own)
	if _, _, err := w.s.Verify(d); err != nil {
		t.Fatal(err)
	}
	if events, err := w.s.Parse(t.Context(), d); err != nil || len(events) != 1 || events[0].ExternalID != key {
		t.Fatalf("%+v, %v", events, err)
	}
	for _, project := range []string{"", other.Key} {
		if _, _, err := w.s.Verify(sent(known, project, other)); bot.CodeOf(err) != bot.CodeUnauthenticated {
			t.Errorf("%q: %v", project, err)
		}
	}
	if events, err := w.s.Parse(t.Context(), sent(known, key, other)); bot.CodeOf(err) != bot.CodeInvalid || len(events) > 0 {
		t.Errorf("it speaks of another project: %+v, %v", events, err)
	}
	// The installation's own is for webhooks that its operator makes by hand.
	for _, project := range []string{"", other.Key} {
		if _, _, err := w.s.Verify(sent(hookSecret, project, other)); err != nil {
			t.Errorf("%q: %v", project, err)
		}
	}
}

package gitea

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/sign"
)

// delivered is a push to a repository, as somebody sends it who knows a secret.
func delivered(t *testing.T, secret string, repository int64, query string) bot.Delivery {
	t.Helper()
	push := sample()
	push["repository"].(map[string]any)["id"] = repository
	scheme, err := sign.Gitea(secret)
	if err != nil {
		t.Fatal(err)
	}
	d := bot.Delivery{Instance: "gitea", Query: query, Body: encode(t, push), Header: http.Header{
		"X-Gitea-Delivery": {"0190-guid"}, "X-Gitea-Event": {"push"},
	}}
	scheme.Sign(d.Header, d.Body)
	return d
}

// TestAWebhookSpeaksOfItsRepositoryAlone: Gitea shows a webhook's secret to whoever
// administers the repository, so it must open no other one's.
func TestAWebhookSpeaksOfItsRepositoryAlone(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	repo, _ := w.made("shop")
	if _, err := w.forge.EnsureHook(t.Context(), hookOf(repo)); err != nil {
		t.Fatal(err)
	}
	config := w.teaRepo("foo-org/shop").Hooks[0].Config
	known, at := config["secret"], config["url"]
	if known == "" || strings.Contains(known, hookSecret) {
		t.Fatalf("who administers the repository reads the secret of all: %q", known)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	own, err := strconv.ParseInt(repo.ExternalID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	d := delivered(t, known, own, u.RawQuery)
	if _, _, err := w.forge.Verify(d); err != nil {
		t.Fatal(err)
	}
	if events, err := w.forge.Parse(t.Context(), d); err != nil || len(events) != 1 || events[0].ExternalID != repo.ExternalID {
		t.Fatalf("%+v, %v", events, err)
	}
	other := own + 1
	named := "repository=" + strconv.FormatInt(other, 10)
	for _, query := range []string{"", "repository=", "repository=0" + repo.ExternalID, named, u.RawQuery + "&" + named, "%zz", u.RawQuery + ";x"} {
		if _, _, err := w.forge.Verify(delivered(t, known, other, query)); bot.CodeOf(err) != bot.CodeUnauthenticated {
			t.Errorf("%q: %v", query, err)
		}
	}
	forged := delivered(t, known, other, u.RawQuery)
	if _, _, err := w.forge.Verify(forged); err != nil {
		t.Fatal(err) // it is genuine as far as the signature goes
	}
	if events, err := w.forge.Parse(t.Context(), forged); bot.CodeOf(err) != bot.CodeInvalid || len(events) > 0 {
		t.Errorf("it speaks of another repository: %+v, %v", events, err)
	}
	// The installation's own is for webhooks that its operator makes by hand.
	if _, _, err := w.forge.Verify(delivered(t, hookSecret, other, "")); err != nil {
		t.Error(err)
	}
}

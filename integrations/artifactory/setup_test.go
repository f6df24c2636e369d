package artifactory

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	fake "opsbot/test/fakes/artifactory"
)

const key = "foo-org-shop-local"

// world is an instance, and the Artifactory that it talks to.
type world struct {
	t   *testing.T
	hub *fake.Server
	cfg Config
	via http.RoundTripper
	s   *Service
}

// section gives the configuration as it is.
type section struct{ config Config }

func (s section) Decode(into any) error {
	*into.(*Config) = s.config
	return nil
}

// clock stands still; what waits goes on at once.
type clock struct{}

func (clock) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func (c clock) After(time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	ch <- c.Now()
	return ch
}

func secret(t *testing.T, value string) config.Secret {
	t.Helper()
	s, err := config.NewSecret("env:X", func(string) (string, bool) { return value, value != "" })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, hub: fake.New(t)}
	w.cfg = Config{URL: w.hub.URL + "/", Token: secret(t, w.hub.Token)}
	w.restart()
	return w
}

// restart makes the instance anew, as a new process would.
func (w *world) restart() {
	w.t.Helper()
	s, err := New(bot.IntegrationEnv{Name: "artifactory", Clock: clock{}, Config: section{w.cfg}}, w.via)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
}

func spec(change func(*bot.ProvisionSpec)) bot.ProvisionSpec {
	s := bot.ProvisionSpec{ProjectID: "0190-project", Name: "shop", Owner: "foo-org", Private: true, DefaultBranch: "main", Operation: "op-1"}
	if change != nil {
		change(&s)
	}
	return s
}

func (w *world) ensure() {
	w.t.Helper()
	if _, err := w.s.EnsureProvision(w.t.Context(), spec(nil)); err != nil {
		w.t.Fatal(err)
	}
}

// foreign makes a repository of somebody else.
func (w *world) foreign(name string) {
	w.hub.AddRepository(fake.Repository{Key: name, Class: "local", PackageType: "gradle", Description: "Packages of foo-org/shop."})
}

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
	if err != nil && strings.Contains(err.Error(), w.hub.Token) {
		t.Error("the token is in the error")
	}
}

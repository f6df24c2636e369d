package sonarqube

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	fake "opsbot/test/fakes/sonarqube"
)

const (
	hookSecret = "it is a secret to everybody"
	key        = "foo-org_shop"
	hookURL    = "https://opsbot.example.com/hooks/sonarqube/0190-resource"
)

// world is an instance, and the SonarQube that it talks to.
type world struct {
	t   *testing.T
	hub *fake.Server
	cfg Config
	env bot.IntegrationEnv
	via http.RoundTripper
	s   *Service
}

// section gives the configuration as it is.
type section struct{ config Config }

func (s section) Decode(into any) error {
	*into.(*Config) = s.config
	return nil
}

// clock is moved by hand; what waits goes on at once, as if the time had passed.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	ch := make(chan time.Time, 1)
	ch <- c.now
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
	w.cfg = Config{URL: w.hub.URL + "/", Token: secret(t, w.hub.Token), WebhookSecret: secret(t, hookSecret)}
	w.env = bot.IntegrationEnv{
		Name: "sonarqube", Clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, PublicURL: "https://opsbot.example.com",
	}
	w.restart()
	return w
}

// restart makes the instance anew, as a new process would.
func (w *world) restart() {
	w.t.Helper()
	w.env.Config = section{w.cfg}
	s, err := New(w.env, w.via)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
}

func spec(change func(*bot.ProvisionSpec)) bot.ProvisionSpec {
	s := bot.ProvisionSpec{
		ProjectID: "0190-project", Name: "shop", Owner: "foo-org", Private: true, DefaultBranch: "trunk", Operation: "op-1", HookURL: hookURL,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func (w *world) ensure(s bot.ProvisionSpec) bot.Provision {
	w.t.Helper()
	p, err := w.s.EnsureProvision(w.t.Context(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) project() fake.Project {
	w.t.Helper()
	p, there := w.hub.Project(key)
	if !there {
		w.t.Fatalf("there is no %s", key)
	}
	return p
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
	if err != nil && (strings.Contains(err.Error(), w.hub.Token) || strings.Contains(err.Error(), hookSecret)) {
		t.Error("a secret is in the error")
	}
}

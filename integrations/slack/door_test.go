package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/sign"
	fake "opsbot/test/fakes/slack"
)

// ask sends a body to the HTTP door, signed as Slack does unless change undoes it.
func (r *rig) ask(base, path, body string, change func(h http.Header)) (int, string) {
	r.t.Helper()
	scheme, err := sign.NewSlack(r.clock, r.SigningSecret)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	scheme.Sign(req.Header, []byte(body))
	if change != nil {
		change(req.Header)
	}
	resp, err := client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(out)
}

func TestHTTPDoor(t *testing.T) {
	t.Parallel()
	r := setup(t, fake.Via(fake.HTTP))
	srv := r.door()
	if err := r.VerifyURL(); err != nil {
		t.Error(err)
	}
	old := func(h http.Header) {
		scheme, _ := sign.NewSlack(&stubClock{now: time.Now().Add(-301 * time.Second)}, r.SigningSecret)
		scheme.Sign(h, []byte("{}"))
	}
	for name, c := range map[string]struct {
		path, body string
		change     func(h http.Header)
		status     int
	}{
		"good":         {"/slack/events", "{}", nil, 200},
		"rate limited": {"/slack/events", `{"type":"app_rate_limited","minute_rate_limited":1518467820}`, nil, 200},
		"unsigned":     {"/slack/events", "{}", func(h http.Header) { h.Del("X-Slack-Signature") }, 401},
		"wrong":        {"/slack/events", "{}", func(h http.Header) { h.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64)) }, 401},
		"old":          {"/slack/events", "{}", old, 401},
		"large":        {"/slack/events", strings.Repeat("x", maxBody+1), nil, 413},
		"no JSON":      {"/slack/events", "{", nil, 200},
		"no form":      {"/slack/commands", "%zz", nil, 200},
		"no payload":   {"/slack/interactions", "a=b", nil, 200},
		"elsewhere":    {"/slack/other", "{}", nil, 404},
	} {
		if got, body := r.ask(srv.URL, c.path, c.body, c.change); got != c.status {
			t.Errorf("%s: %d %q, want %d", name, got, body, c.status)
		}
	}
	if len(r.inbox.messages()) > 0 {
		t.Errorf("received %+v", r.inbox.messages())
	}
	before := r.log.count("can't read")
	if status, _ := r.ask(srv.URL, "/slack/commands", "ssl_check=1&token=x", nil); status != 200 || r.log.count("can't read") != before {
		t.Errorf("a look at the certificate is %d", status)
	}
	if r.log.count("more than 30,000 an hour") != 1 {
		t.Error("that events are held back is not said")
	}
}

// TestHTTPDoorIsShut: without a signing secret nothing comes in.
func TestHTTPDoorIsShut(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.cfg.SigningSecret = Config{}.SigningSecret
	r.chat = r.newChat(t.TempDir())
	srv := r.door()
	if got, _ := r.ask(srv.URL, "/slack/events", "{}", nil); got != http.StatusNotFound {
		t.Errorf("status %d", got)
	}
}

// TestConfig: what a configuration must have.
func TestConfig(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, c := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"all":      {func(*Config) {}, ""},
		"no token": {func(c *Config) { c.BotToken = Config{}.BotToken }, "bot_token"},
		"no door":  {func(c *Config) { c.AppToken, c.SigningSecret = Config{}.AppToken, Config{}.SigningSecret }, "app_token"},
		"plain":    {func(c *Config) { c.APIURL = "http://slack.example.com/api/" }, "https"},
		"many":     {func(c *Config) { c.Connections = 11 }, "connections"},
		"command":  {func(c *Config) { c.Command = "ops" }, "/ops"},
	} {
		cfg := r.cfg
		c.change(&cfg)
		err := cfg.complete()
		if c.want == "" && err != nil || c.want != "" && (bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(bot.MessageOf(err), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.chat.cfg.Connections != 2 || r.chat.cfg.Command != "/ops" || (&Config{BotToken: r.cfg.BotToken, AppToken: r.cfg.AppToken}).complete() != nil {
		t.Errorf("defaults are %+v", r.chat.cfg)
	}
}

// TestSamples: no payload that Slack ever sent breaks a door.
func TestSamples(t *testing.T) {
	t.Parallel()
	r := setup(t, fake.Via(fake.HTTP), fake.OnUnexpected(func(string) {}))
	srv := r.door()
	dir := payloads(t)
	n := 0
	for folder, send := range map[string]func(body string) (int, string){
		"events-api": func(body string) (int, string) { return r.ask(srv.URL, "/slack/events", body, nil) },
		"events-inner": func(body string) (int, string) {
			return r.ask(srv.URL, "/slack/events", `{"type":"event_callback","event":`+body+`}`, nil)
		},
		"interactivity": func(body string) (int, string) {
			return r.ask(srv.URL, "/slack/interactions", url.Values{"payload": {body}}.Encode(), nil)
		},
		"form": func(body string) (int, string) { return r.ask(srv.URL, "/slack/commands", body, nil) },
	} {
		files, err := filepath.Glob(filepath.Join(dir, folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			body, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if status, out := send(strings.TrimSuffix(string(body), "\n")); status != 200 || out != "" && !json.Valid([]byte(out)) && !strings.Contains(f, "url_verification") {
				t.Errorf("%s: %d %q", filepath.Base(f), status, out)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d samples", n)
	}
}

// payloads gives the folder of what Slack sent to others; without it the test is left
// out, unless it is required.
func payloads(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "payloads")
	}
	dir = filepath.Join(dir, "slack")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("OPSBOT_REQUIRE_PAYLOADS") == "1" {
			tb.Fatalf("payloads are required: %v", err)
		}
		tb.Skipf("SKIPPED: no payloads at %s", dir)
	}
	return dir
}

package mattermost

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/mattermost/api"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.cfg.Channels = []string{r.ops.ID, r.srv.AddPrivateChannel("secret", r.alice.ID).ID}
	for subject, want := range map[string]struct {
		ok   bool
		text string
	}{
		"server": {true, r.srv.URL}, "token": {true, "@opsbot"}, "account": {true, "a bot account"}, "events": {true, "works"},
		"private answers": {true, "create_post_ephemeral"}, "rooms": {true, "engineering/ops"}, "clock": {true, "agrees"},
		"buttons": {true, "AllowedUntrustedInternalConnections"}, "slash command": {true, "command_token"},
		"group channel/" + r.cfg.Channels[0]: {true, "can be seen"}, "group channel/" + r.cfg.Channels[1]: {false, "/invite @opsbot"},
	} {
		if f := r.finding(subject); f.OK != want.ok || !strings.Contains(f.Text, want.text) {
			t.Errorf("%s: %+v", subject, f)
		}
	}
}

func TestDoctorComparesClocks(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for by, want := range map[time.Duration]string{3 * time.Minute: "ahead of the server", -2 * time.Hour: "behind the server"} {
		made, err := api.New(api.Options{Service: "Mattermost", URL: r.srv.URL, Token: r.cfg.Token.Resolve, Clock: &ahead{by: by}})
		if err != nil {
			t.Fatal(err)
		}
		r.api = made
		f := r.finding("clock")
		if f.OK || !strings.Contains(f.Text, want) {
			t.Errorf("doctor says %+v, want %q", f, want)
		}
	}
}

func TestDoctorFindsAPersonsAccount(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.cfg.Token = secret(t, r.srv.NewToken(r.alice.ID))
	r.Chat = r.another(func(c *Config) { c.Token = secret(t, r.srv.NewToken(r.alice.ID)) })
	if f := r.finding("account"); f.OK || !strings.Contains(f.Text, "a person's account") {
		t.Errorf("doctor says %+v", f)
	}
}

func TestDoctorOfAServerThatIsDown(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.Stop()
	if f := r.finding("server"); f.OK || !strings.Contains(f.Text, "cannot be reached") {
		t.Errorf("doctor says %+v", f)
	}
	if err := r.Prepare(r.ctx); err != nil {
		t.Errorf("a server that is down keeps everything from starting: %v", err)
	}
}

func TestDoctorFindsABotWithoutTeam(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.LeaveTeam(r.srv.Team.ID, r.bot.ID)
	if f := r.finding("rooms"); f.OK || !strings.Contains(f.Text, "in no team") {
		t.Errorf("doctor says %+v", f)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]Config{
		"channels: \"ops\"": {URL: "https://x.example", Token: secret(t, "x"), Channels: []string{"ops"}},
		"url is needed":     {Token: secret(t, "x")},
		"token is needed":   {URL: "https://x.example"},
		"ping_interval":     {URL: "https://x.example", Token: secret(t, "x"), PingInterval: 1},
		"must be absolute":  {URL: "x.example", Token: secret(t, "x")},
		"user or password":  {URL: "https://a:b@x.example", Token: secret(t, "x")},
	} {
		_, err := New(bot.IntegrationEnv{Name: "mm", Clock: bot.SystemClock{}, Config: decoder(func(into any) error {
			cfg, _ := into.(*Config)
			*cfg = c
			return nil
		})})
		if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(bot.MessageOf(err), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

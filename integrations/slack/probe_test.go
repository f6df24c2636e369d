package slack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/slack"
)

// findings are what doctor prints.
func findings(all []bot.Finding) string {
	var b strings.Builder
	for _, f := range all {
		word := "BAD"
		if f.OK {
			word = "ok"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", word, f.Subject, f.Text)
	}
	return b.String()
}

// wantWait checks that an error asks to come back later.
func wantWait(t *testing.T, err error) {
	t.Helper()
	if class, after := bot.RetryOf(err); err == nil || class != bot.RetryAfter || after <= 0 {
		t.Errorf("want an error with a pause, got %v after %s: %v", class, after, err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if err := r.chat.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := findings(r.chat.Probe(r.within()))
	for _, want := range []string{"ok bot token: @opsbot in Acme", fmt.Sprintf("ok scopes: all %d", len(Scopes())), "ok clock: ", "ok app token: Socket Mode is open", "ok signing secret: requests are expected at https://opsbot.example.com/slack/events", "ok rooms: OpsBot is in 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "BAD") {
		t.Error(text)
	}
}

func TestProbeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	var most []string
	for _, s := range Scopes() {
		if s.Name != "reactions:read" && s.Name != "usergroups:read" {
			most = append(most, s.Name)
		}
	}
	for name, c := range map[string]struct {
		opts []fake.Option
		do   func(r *rig)
		want []string
	}{
		"scopes":          {[]fake.Option{fake.WithScopes(most...)}, nil, []string{"BAD scope reactions:read: It is missing: OpsBot needs it to take a thumbs-up", "BAD scope usergroups:read:"}},
		"app scope":       {[]fake.Option{fake.WithAppScopes()}, nil, []string{"BAD app token: It lacks the scope connections:write"}},
		"user token":      {nil, func(r *rig) { r.env["BOT"] = "xoxp-1-2-3" }, []string{"BAD bot token: This is a user token", "ok app token"}},
		"swapped":         {nil, func(r *rig) { r.env["BOT"], r.env["APP"] = r.env["APP"], r.env["BOT"] }, []string{"BAD bot token: This is an app-level token", "BAD app token: This is a bot token"}},
		"no value":        {nil, func(r *rig) { delete(r.env, "SIGN") }, []string{"BAD signing secret: the secret env:SIGN cannot be read"}},
		"another's token": {nil, func(r *rig) { r.env["BOT"] = "xoxb-of-another" }, []string{"BAD bot token: Slack does not accept OpsBot's bot token (invalid_auth)", "OAuth & Permissions"}},
		"deactivated":     {nil, func(r *rig) { r.DeactivateBot() }, []string{"BAD bot token: Slack does not accept OpsBot's bot token (account_inactive)", "install it again"}},
		"left":            {nil, func(r *rig) { r.Leave(r.BotUserID, r.dev) }, []string{"BAD room #dev: OpsBot is not in it. Invite it there: /invite @opsbot"}},
		"archived":        {nil, func(r *rig) { r.Archive(r.alice, r.dev) }, []string{"BAD room #dev: It is archived"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, c.opts...)
			if err := r.chat.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.do != nil {
				c.do(r)
			}
			text := findings(r.newChat(t.TempDir()).Probe(r.within()))
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in\n%s", want, text)
				}
			}
		})
	}
}

// TestProbeClock: a clock that is off is found by Slack's own.
func TestProbeClock(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Now().UTC()}
	r := setup(t)
	r.clock = clock
	chat := r.newChat(t.TempDir())
	clock.advance(4 * time.Minute)
	if text := findings(chat.Probe(r.within())); !strings.Contains(text, "BAD clock: This machine's clock is 4 min") {
		t.Error(text)
	}
}

// TestAway: a Slack that does not answer is no reason not to start.
func TestAway(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Close()
	if err := r.chat.Prepare(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if text := findings(r.chat.Probe(r.within())); !strings.Contains(text, "BAD bot token: Slack cannot be reached.") {
		t.Error(text)
	}
}

// listed gives the items below a key of a YAML file as ours are written.
func listed(text, key string) []string {
	var out []string
	in := false
	for line := range strings.Lines(text) {
		item, isItem := strings.CutPrefix(strings.TrimSpace(line), "- ")
		switch {
		case strings.TrimSpace(line) == key+":":
			in = true
		case in && isItem:
			out = append(out, item)
		default:
			in = false
		}
	}
	slices.Sort(out)
	return out
}

// TestManifest: the app that people make asks for what the code uses, and no more.
func TestManifest(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("..", "..", "deploy", "slack-manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	var scopes []string
	for _, s := range Scopes() {
		scopes = append(scopes, s.Name)
	}
	if got := listed(text, "bot"); !slices.Equal(got, scopes) || strings.Contains(text, " user:") {
		t.Errorf("scopes %q, want %q", got, scopes)
	}
	if got := listed(text, "bot_events"); !slices.Equal(got, Events()) {
		t.Errorf("events %q, want %q", got, Events())
	}
	for _, want := range []string{
		"home_tab_enabled: true", "messages_tab_enabled: true", "messages_tab_read_only_enabled: false", "display_name: opsbot", "command: /ops",
		"should_escape: true", "is_enabled: true", "socket_mode_enabled: true", "token_rotation_enabled: false",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

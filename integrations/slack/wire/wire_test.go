package wire_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"opsbot/integrations/slack/wire"
)

// known names a few.
type known struct{}

func (known) UserName(id string) string {
	return map[string]string{"U0BOT": "opsbot", "U1": "alice"}[id]
}
func (known) ChannelName(id string) string { return map[string]string{"C1": "dev"}[id] }
func (known) GroupName(id string) string   { return map[string]string{"S1": "oncall"}[id] }

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                        "",
		"hello":                                   "hello",
		"<@U0BOT> deploy":                         "@opsbot deploy",
		"<@U0BOT|someone> deploy":                 "@opsbot deploy",
		"<@U0BOT>\u00a0deploy":                    "@opsbot deploy",
		"<@U1> and <@U2|bob> and <@U3>":           "@alice and @bob and @U3",
		"<#C1> <#C1|old> <#C2|other> <#C3|>":      "#dev #dev #other #C3",
		"<!here> <!channel> <!everyone|x>":        "@here @channel @everyone",
		"<!subteam^S1> <!subteam^S2|@people>":     "@oncall @people",
		"<!subteam^S3>":                           "@S3",
		"<!date^1392734382^{date}|Feb 18>":        "Feb 18",
		"<http://a.example.com/?x=1&amp;y|label>": "http://a.example.com/?x=1&y",
		"<http://a.example.com>":                  "http://a.example.com",
		"<http://example.com|example.com> <https://x.io/|x.io>":     "example.com x.io",
		"<mailto:a@b.example.com|a@b.example.com>":                  "a@b.example.com",
		"<mailto:a@b.example.com|write to us> <tel:+49123|+49 123>": "a@b.example.com +49123",
		"&lt;b&gt; &amp;amp; &amp;lt;":                              "<b> &amp; &lt;",
		"a < b > c":                                                 "a < b > c",
		"<":                                                         "<",
		"<<@U1>":                                                    "<@alice",
		"<@U1":                                                      "<@U1",
		"<a\nb>":                                                    "<a\nb>",
		"*bold* `code` ```x```":                                     "*bold* `code` ```x```",
	} {
		if got := wire.Text(in, known{}); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"C123:1700000000.000100": true, "D0A:1700000000.000100": true, "C123:1700000000.00010": false, "c123:1700000000.000100": false,
		"U123:1700000000.000100": false, "C123:": false, "C123": false, "": false, "command:1.2.3": false, "C123:1700000000.000100:x": false,
	} {
		channel, ts, ok := wire.SplitID(id)
		if ok != want || ok && wire.MessageID(channel, ts) != id {
			t.Errorf("%q: %q, %q, %v", id, channel, ts, ok)
		}
	}
	if got := wire.Time("1700000000.000100"); !got.Equal(time.Unix(1700000000, 100000)) {
		t.Errorf("time %s", got)
	}
	if !wire.Time("x").IsZero() || wire.Emoji("+1::skin-tone-3") != "+1" || wire.Emoji("tada") != "tada" {
		t.Error("what is no time, or has a skin tone")
	}
}

// TestLooseShapes: a field of another kind than documented is left out, alone.
func TestLooseShapes(t *testing.T) {
	t.Parallel()
	o, err := wire.DecodeEvent([]byte(`{"type":"event_callback","event":{"type":"message","channel":{"id":"C1","name":"dev"},"user":["x"],"text":5,"ts":"1.2","item":"x","edited":true}}`))
	if err != nil || o.Event.Channel.ID != "C1" || o.Event.Channel.Name != "dev" || o.Event.User.ID != "" || o.Event.TS != "1.2" || o.Event.Spoken() {
		t.Errorf("%+v, %v", o.Event, err)
	}
	if _, err := wire.DecodeEvent([]byte(`{`)); err == nil {
		t.Error("half an event is one")
	}
}

// TestSamples reads what Slack sent to others.
func TestSamples(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		t.Helper()
		body, err := os.ReadFile(filepath.Join(payloads(t), name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(body))
	}
	spoken := map[string]bool{
		"message.channel_type-im.01.json": true, "message.me_message.01.json": true, "message.file_share-thread.01.json": true, "app_mention.02.json": true,
		"app_mention.01.json": false, "app_mention.bot_message.01.json": false, "message.bot_message.01.json": false, "message.message_changed.01.json": false,
		"message.message_deleted.01.json": false, "message.channel_join.01.json": false, "message.channel_topic.01.json": false,
	}
	for name, want := range spoken {
		o, err := wire.DecodeEvent([]byte(`{"type":"event_callback","event":` + read("events-inner/"+name) + `}`))
		if err != nil || o.Event.Spoken() != want {
			t.Errorf("%s: spoken %v, %v", name, o.Event.Spoken(), err)
		}
	}
	o, err := wire.DecodeEvent([]byte(read("events-api/event_callback.reaction_added.01.json")))
	if err != nil || o.Event.Item.Type != "message" || o.Event.Reaction == "" || o.Event.User.ID == "" {
		t.Errorf("a reaction is %+v, %v", o.Event, err)
	}
	form, err := url.ParseQuery(read("form/SlashCommandPayloadTest.01.form.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := wire.FormCommand(form); err != nil || c.Command != "/weather" || c.Text != "94070" || c.UserID != "U2147483697" {
		t.Errorf("a command is %+v, %v", c, err)
	}
	i, err := wire.DecodeInteraction([]byte(read("interactivity/view_submission.01.json")))
	if err != nil || i.View.Values()["text-block"] != "test" || i.View.FirstInput() != "text-block" || !i.View.Asks("text-block") || i.User.ID != "U03E94MK0" {
		t.Errorf("a form is %+v, %v", i, err)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"<@U1> <#C1|x> <http://a|b> <!here>", "<<>>&lt;&amp;", "<|>", "<!>", "<@>", "<#|", "<mailto:|>", "<!subteam^>"} {
		f.Add(s)
	}
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := wire.Text(s, known{})
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
		// What a person typed comes out as it went in, whatever it looks like.
		typed := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
		if back := wire.Text(typed, known{}); back != strings.ReplaceAll(s, "\u00a0", " ") {
			t.Errorf("%q comes out as %q", s, back)
		}
	})
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(payloads(f), "*", "*.json"))
	for _, name := range files {
		if body, err := os.ReadFile(name); err == nil && len(body) < 20<<10 {
			f.Add(string(body))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		if o, err := wire.DecodeEvent([]byte(s)); err == nil && o.Event.Spoken() && (o.Event.User.ID == "" || !wire.IsStamp(o.Event.TS)) {
			t.Errorf("said by nobody, or never: %+v", o.Event)
		}
		if i, err := wire.DecodeInteraction([]byte(s)); err == nil {
			i.View.Values()
			if root := i.Root(); root != "" && !wire.IsStamp(root) {
				t.Errorf("the thread is %q", root)
			}
			for _, a := range i.Actions {
				a.Chosen()
			}
		}
		if c, err := wire.DecodeCommand([]byte(s)); err == nil && (!wire.IsChannel(c.ChannelID) || !wire.IsUser(c.UserID)) {
			t.Errorf("a command of nobody, or nowhere: %+v", c)
		}
	})
}

// texts are the texts in the samples.
func texts(tb testing.TB) []string {
	tb.Helper()
	files, _ := filepath.Glob(filepath.Join(payloads(tb), "events-inner", "*.json"))
	var out []string
	for _, name := range files {
		body, err := os.ReadFile(name)
		var e struct{ Text string }
		if err == nil && json.Unmarshal(body, &e) == nil && e.Text != "" {
			out = append(out, e.Text)
		}
	}
	return out
}

// payloads gives the folder of what Slack sent to others; without it the test is left
// out, unless it is required.
func payloads(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "payloads")
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

package markup

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestNamesAsTheServerDoes compares with what a real server decided. That @all and
// the like mention everybody is another matter.
func TestNamesAsTheServerDoes(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/mentions.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []struct {
		Message     string
		MentionsBot bool `json:"mentions_bot"`
	}
	if err := json.Unmarshal(data, &recorded); err != nil || len(recorded) < 15 {
		t.Fatalf("%d recorded: %v", len(recorded), err)
	}
	for _, r := range recorded {
		everybody := strings.HasPrefix(r.Message, "@all") || strings.HasPrefix(r.Message, "@channel") || strings.HasPrefix(r.Message, "@here")
		if got := Names(r.Message, "opsbot"); got != (r.MentionsBot && !everybody) {
			t.Errorf("%q names the bot: %v", r.Message, got)
		}
	}
}

func TestNamesBeyondTheRecordings(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		"": false, "@": false, "@opsbot": true, "(@opsbot)": true, "@opsbot_": true, "@opsbot-": true, "..@opsbot": true, "a-@opsbot": true,
		"@opsbotx": false, "@xopsbot": false, "@@opsbot": false, "@opsbot.com": false, "~~~\n@opsbot\n~~~": false, "    @opsbot": false,
		"``@opsbot``": false, "[@opsbot](http://x)": true, ":@opsbot:": false, "\\@opsbot": true, "&#64;opsbot": false, "@ops\u200bbot": false,
		strings.Repeat("x", 200_000) + " @opsbot": false, // longer than any post
	} {
		if got := Names(message, "OpsBot"); got != want {
			t.Errorf("%.40q names the bot: %v", message, got)
		}
	}
}

func TestSaid(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"@ops-helper status":                     "@opsbot status",
		"hey @Ops-Helper, deploy":                "hey @opsbot, deploy",
		"**@ops-helper** status":                 "@opsbot status",
		"_@ops-helper_ status @ops-helper":       "@opsbot status @opsbot",
		"@ops-helper-2 status x@ops-helper.com":  "@ops-helper-2 status x@ops-helper.com",
		"see [the log](https://example.com/a_b)": "see https://example.com/a_b",
		"see <https://example.com>":              "see https://example.com",
		"say it in ~ops, not ~~here~~":           "say it in #ops, not ~~here~~",
		"  spaces \n":                            "spaces",
		"copied: x@\u200bexample.com":            "copied: x@example.com",
		"a < b && `c` > d":                       "a < b && `c` > d",
		"İ @ops-helper status":                   "İ @opsbot status",
	} {
		if got := Said(message, Self{Username: "ops-helper", BotName: "opsbot"}); got != want {
			t.Errorf("%q is read as %q, want %q", message, got, want)
		}
	}
}

func FuzzSaid(f *testing.F) {
	for _, s := range []string{"@opsbot", "**@opsbot**", "[a](http://b)", "~x", "İİİ@OPSBOT", "\xff@opsbot\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Said(s, Self{Username: "opsbot", BotName: "opsbot"})
		if len(once) > len(s)+8 {
			t.Errorf("%q grew to %q", s, once)
		}
		Names(s, "opsbot")
	})
}

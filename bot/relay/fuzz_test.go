package relay

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"opsbot/bot"
)

// harmless reports what a chat could take for more than text: markup, a mention,
// a link or a line break that the text itself brought along.
func harmless(text bot.Text) string {
	escaped := false
	for _, r := range string(text) {
		if escaped {
			escaped = false
			continue
		}
		switch {
		case r == '\\':
			escaped = true
		case strings.ContainsRune("*`[]_~<>&@!|", r):
			return "markup " + string(r)
		case r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029:
			return "a line break"
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return "an invisible character"
		}
	}
	if escaped {
		return "a backslash that would eat what follows"
	}
	return ""
}

// FuzzForeignText puts foreign text in every place where a card or a line shows
// some.
func FuzzForeignText(f *testing.F) {
	for _, s := range []string{
		"Initial commit", "<!channel> pay here: [click](https://evil.example)", "@here **now**", "a\r\nb", "`rm -rf`", "\\", "\\*x\\*",
		"\u202egnp.exe", "x\u2028@all", "\u0085*b*", "<@U123>", "[a](b)", "<https://a|b>", "\x00\xff\xfe", "~~~", "&lt;", "#channel", "!!", strings.Repeat("[", 500),
	} {
		f.Add(s, s)
	}
	c := NewChangeCard(ChangeCardOptions{Clock: bot.SystemClock{}})
	f.Fuzz(func(t *testing.T, a, b string) {
		v := &view{
			project: bot.Project{Slug: b}, labels: map[string]string{"v": a},
			change: bot.Change{Branch: a, Commit: b, Title: a, Author: b},
		}
		made := bot.Build{State: bot.BuildFinished, Result: bot.Result(b), Message: a, LogURL: b, URL: a, Tests: &bot.TestTotals{Total: 2, Failed: 2, Failures: []string{a, b}}}
		texts := []bot.Text{title(v), c.buildField(v, made).Value, c.deploymentField(v, bot.Deployment{ID: b, VersionID: "v", State: bot.DeploymentFailed, Message: a}).Value}
		made.Result = bot.ResultSuccess
		made.State, made.Stages = bot.BuildRunning, []bot.Stage{{Name: a, Status: "IN_PROGRESS"}, {Name: b}}
		made.Inputs = []bot.Input{{ID: a, Message: b, Proceed: a}}
		texts = append(texts, c.buildField(v, made).Value, gateField(gate{Text: a, URL: b}).Value)
		made.State = bot.BuildFinished
		for _, field := range reportFields(made) {
			texts = append(texts, field.Value)
		}
		for _, kind := range []bot.EventType{bot.EventBuildFinished, bot.EventServiceFailed, bot.EventServiceProgress, bot.EventServiceDeployed} {
			made.Ref.Branch = a
			said, _ := line(bot.Project{Slug: a}, &bot.Event{Type: kind, Text: b, DeploymentID: b, ExternalID: "/" + a, Build: &made}, newClockFace(time.UTC))
			texts = append(texts, said...)
		}
		for _, text := range texts {
			if problem := harmless(text); problem != "" {
				t.Errorf("%q and %q gave %s in %q", a, b, problem, text)
			}
		}
		if u := c.buildField(v, made).URL; u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
			t.Errorf("link %q", u)
		}
	})
}

func TestHarmlessCanTell(t *testing.T) {
	t.Parallel()
	for _, bad := range []bot.Text{"*b*", "<!here>", "@all", "[a](b)", "`x`", "a\nb", `tail\`, "x\u2028y", "\u202e"} {
		if harmless(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
	if problem := harmless(`plain \*text\*, 100 %`); problem != "" {
		t.Errorf("plain text is %s", problem)
	}
}

package help

import (
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Services.Catalogue = func() []bot.Spec {
		return []bot.Spec{
			c.Spec(),
			{
				Verb: "ship", Aliases: []string{"send"}, Summary: "make *it* so", Help: "With `care`.", Role: bot.RoleDeveloper, Pairs: "the cargo",
				Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "what", Example: "hello"}}, Flags: []bot.Flag{{Name: "yes", Help: "don't ask"}},
			},
			{Verb: "audit", Secondary: true, Summary: "x"},
			{Verb: "hide", Summary: "y"},
		}
	}
	r.Hide("hide")
	text := r.Said(c)
	r.Want(text, "`ship NAME [key=value ...] [--yes]` | make *it* so", "and | `audit`", "`@opsbot VERB ...`")
	if strings.Contains(text, "hide") {
		t.Errorf("what may not be used is shown:\n%s", text)
	}
	r.Want(r.Said(c, "verb=SEND"), "ship: make *it* so", "With `care`.", "Usage:    ship NAME", "Examples: ship hello", "NAME: what", "key=value: the cargo", "--yes: don't ask",
		"Also: send", "Least role by default: developer")
	r.Refused(c, bot.CodeForbidden, "You may not use hide here", "verb=hide")
	r.Refused(c, bot.CodeNotFound, `There is no command "nope"`, "verb=nope")
	r.Refused(c, bot.CodeNotFound, "Did you mean ship?", "verb=shpi")
}

package secret

import (
	"strings"
	"testing"

	"opsbot/bot"
)

// TestAValueInTheKeysPlace: whoever types the value where the key belongs gets no form,
// whose action would be stored with it.
func TestAValueInTheKeysPlace(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	for _, typed := range []string{"hunter2!", "p@ss/word", "`<https://x|y>`", strings.Repeat("k", 101)} {
		form, err := c.Form(t.Context(), r.Request(c, "action=set", "name=hello", "key="+typed))
		if bot.CodeOf(err) != bot.CodeInvalid || form != nil || strings.Contains(bot.MessageOf(err), typed) {
			t.Errorf("%q: %+v, %v", typed, form, err)
		}
	}
}

// TestAValueInAFlagsPlace: a list takes no kind that is none, and no such line is kept.
func TestAValueInAFlagsPlace(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	for line, args := range map[string][]string{
		"secret list hello --kind=hunter2": {"action=list", "name=hello", "--kind=hunter2"},
		"secret list hello in hunter2":     {"action=list", "name=hello", "env=hunter2"},
	} {
		req := r.Request(c, args...)
		if got := c.Keep(t.Context(), line, &req.Args); got != "secret list" {
			t.Errorf("of %q %q is kept", line, got)
		}
	}
}

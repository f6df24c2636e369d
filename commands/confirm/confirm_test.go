package confirm

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Plans.Put(ctx, &bot.Plan{ID: "abc123", State: "open", Message: r.Request(c).Message})
	})
	for _, say := range []struct {
		thread    string
		args      []string
		id, typed string
		code      bot.Code
	}{
		{"", []string{"id=abc123"}, "abc123", "", ""},
		{"", []string{"id=abc123", "typed=hello"}, "abc123", "hello", ""},
		{"m1", nil, "abc123", "", ""},
		{"m1", []string{"id=hello"}, "abc123", "hello", ""}, // what is to be typed, in the plan's thread
		{"m1", []string{"id=hello", "typed=world"}, "abc123", "hello world", ""},
		{"", nil, "", "", bot.CodeInvalid},
		{"elsewhere", nil, "", "", bot.CodeNotFound},
		{"elsewhere", []string{"id=zzzzzz"}, "", "", bot.CodeNotFound},
		{"", []string{"id=zzzzzz"}, "", "", bot.CodeNotFound},
	} {
		req := r.Request(c, say.args...)
		req.Message.Thread = say.thread
		out, err := c.Run(t.Context(), req)
		if bot.CodeOf(err) != say.code || err == nil && (out.Confirm != say.id || out.Typed != say.typed) {
			t.Errorf("%+v: %+v, %v", say, out, err)
		}
	}
}

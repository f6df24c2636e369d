package cancel

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
	r.Refused(c, bot.CodeInvalid, "Which plan?")
	run := func(thread string, args ...string) (string, error) {
		req := r.Request(c, args...)
		req.Message.Thread = thread
		out, err := c.Run(t.Context(), req)
		if err != nil {
			return "", err
		}
		return out.Cancel, nil
	}
	if id, err := run("", "id=k3f9aa"); id != "k3f9aa" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := run("t1"); bot.CodeOf(err) != bot.CodeNotFound || bot.MessageOf(err) != "No plan waits in this thread." {
		t.Error(err)
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Plans.Put(ctx, &bot.Plan{ID: "abc123", State: "open", Message: r.Request(c).Message})
	})
	if id, err := run("m1"); id != "abc123" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
}

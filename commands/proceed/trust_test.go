package proceed

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
)

// TestANameIsNoProof: people choose how their chats call them, so a name that two have
// opens nothing.
func TestANameIsNoProof(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	asks(r, 2, bot.Input{ID: "A", Submitters: []string{"alice"}})
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.ByAccount(ctx, bot.Account{Instance: "mattermost", ID: "m4110ry", Name: "Alice"}, r.Clock.Now())
		return err
	})
	r.Refused(c, bot.CodeForbidden, "Build #2 takes an answer from alice only, and several people are called that. "+
		"If both are you, `link` the accounts; else answer on the pipeline's own page.", "name=hello")
	if calls := r.CI.Calls(); len(calls) > 0 {
		t.Error(calls)
	}
}

// TestPasswordsAreLeftToThePipeline: it has the value, which nobody types into a chat.
func TestPasswordsAreLeftToThePipeline(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	asks(r, 2, bot.Input{ID: "A", Parameters: []bot.InputParameter{{Name: "KEY", Kind: "password"}, {Name: "note", Kind: "string", Default: "none"}}})
	req := r.Request(c, "name=hello")
	form, err := c.Form(t.Context(), req)
	if err != nil || len(form.Fields) != 1 || form.Fields[0].Label != "note" {
		t.Fatalf("%+v, %v", form, err)
	}
	args, problems, err := c.Fill(t.Context(), req, map[string]string{form.Fields[0].Name: "now"})
	if err != nil || len(problems) > 0 || len(args.Pairs) != 1 || args.Pairs[0] != (bot.Pair{Key: "note", Value: "now"}) {
		t.Errorf("%+v %v %v", args, problems, err)
	}
	r.Refused(c, bot.CodeInvalid, "KEY is a password, and a chat is no place for one. Answer on the pipeline's own page.", "name=hello", "+KEY=hunter2")
	r.Said(c, "name=hello")
	if op := r.Ended("proceed"); strings.Join(r.CI.Calls(), ";") != "Answer main #2 A true map[note:none] by alice" {
		t.Errorf("%s: %v", op.Error, r.CI.Calls())
	}
}

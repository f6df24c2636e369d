package mattermost

import (
	"net/url"
	"strings"
	"testing"

	"opsbot/bot"
)

// withCommand gives a chat with the slash command /ops.
func withCommand(t *testing.T) *rig {
	t.Helper()
	r := setup(t)
	cmd := r.srv.AddCommand("ops", r.env.PublicURL+r.Prefix()+"command")
	r.cfg.CommandToken = secret(t, cmd.Token)
	return r
}

func TestSlashCommand(t *testing.T) {
	t.Parallel()
	r := withCommand(t)
	if res := r.srv.Slash(r.alice.ID, r.ops.ID, "/ops deploy hello to *staging*", ""); res.Text != "Working on `/ops deploy hello to *staging*`" {
		t.Errorf("the answer: %+v", res)
	}
	root := r.srv.Say(r.alice.ID, r.ops.ID, "hello", "")
	r.srv.Slash(r.alice.ID, r.ops.ID, "/ops status", root.ID)
	dm := r.srv.DM(r.alice.ID, r.bot.ID)
	r.srv.Slash(r.alice.ID, dm.ID, "/ops", "")
	got := r.inbox.all()
	if len(got) != 3 {
		t.Fatalf("came in: %+v", got)
	}
	if m := got[0]; m.Text != "deploy hello to *staging*" || !m.Loose || !m.Addressed || m.Author.ID != r.alice.ID || m.Under() != "" {
		t.Errorf("the command: %+v", m)
	}
	if m := got[1]; m.Thread != root.ID || m.Loose {
		t.Errorf("in a thread: %+v", m)
	}
	if m := got[2]; !m.Direct || m.Text != "" {
		t.Errorf("directly: %+v", m)
	}
}

func TestSlashCommandWhereTheBotIsNot(t *testing.T) {
	t.Parallel()
	r := withCommand(t)
	other := r.srv.AddChannel("other", r.alice.ID)
	private := r.srv.AddPrivateChannel("secret", r.alice.ID)
	for _, id := range []string{other.ID, private.ID} {
		if res := r.srv.Slash(r.alice.ID, id, "/ops status", ""); !strings.Contains(res.Text, "not in this channel, so nothing was run") || !strings.Contains(res.Text, "/invite @opsbot") {
			t.Errorf("the answer: %+v", res)
		}
	}
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d commands came in", n)
	}
}

func TestSlashCommandOpensAForm(t *testing.T) {
	t.Parallel()
	r := withCommand(t)
	r.opens()
	if res := r.srv.Slash(r.alice.ID, r.ops.ID, "/ops new-project", ""); res.Text != "" {
		t.Errorf("the answer: %+v", res)
	}
	d, err := r.srv.WaitDialog(r.ctx, r.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.desk.form = nil
	r.srv.SubmitDialog(d, map[string]any{"name": "hello"})
	if got := r.inbox.all(); len(got) != 1 || !got[0].Loose || got[0].Form["name"] != "hello" || got[0].Form["dry"] != "false" {
		t.Errorf("came in: %+v", got)
	}
}

func TestSlashCommandThatCannotBeStored(t *testing.T) {
	t.Parallel()
	r := withCommand(t)
	r.inbox.failNext(bot.Errorf(bot.CodeStorageFull, "no space"))
	if res := r.srv.Slash(r.alice.ID, r.ops.ID, "/ops status", ""); res.Text != notStored {
		t.Errorf("the answer: %+v", res)
	}
}

func TestSlashCommandsNeedTheToken(t *testing.T) {
	t.Parallel()
	r := withCommand(t)
	form := url.Values{"channel_id": {r.ops.ID}, "user_id": {r.alice.ID}, "text": {"status"}}
	for _, token := range []string{"", "wrong", r.bot.Token} {
		form.Set("token", token)
		if res := r.request("command", form.Encode()); res.StatusCode != 401 {
			t.Errorf("token %q: %d", token, res.StatusCode)
		}
	}
	r.cfg.CommandToken = secret(t, "")
	form.Set("token", "")
	if res := r.request("command", form.Encode()); res.StatusCode != 401 {
		t.Errorf("an empty token: %d", res.StatusCode)
	}
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d commands came in", n)
	}
}
